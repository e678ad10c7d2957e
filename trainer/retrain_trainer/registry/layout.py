"""The files of a registry, which are only ever created, and the names that runs give them.

```
blobs/sha256/<hex>               a model; content-addressed
versions/<n>/manifest.json       exclusive create: this is the commit
promotions/<n, 20 digits>.json   exclusive create; the highest names the champion
tombstones/<n>.json, <n>.done    why version n has no model any more, and that it is gone
runs/<key>/started.json          what the registry's head was when the run began
runs/<key>/version-<i>.json      the number this run means to publish under
runs/<key>/validation.json       every check of the run's data
runs/<key>/result.json           what the run came to
rejections/<n>.json              a person rejected this version, or it failed its probation
requests/<sha256>.json           the run that a person's request was handed to, once and for all
salt.json                        of the split by rows
```
Order makes it safe: a blob before its manifest, a manifest before its promotion. A promotion carries the number after
the one the promoter decided against; who comes second is told so, reads again and decides again. No number is
used twice.
"""

from __future__ import annotations

from typing import Any, Literal

from retrain_trainer.errors import RegistryDamaged
from retrain_trainer.registry.documents import MAX_DOCUMENT_BYTES, opened
from retrain_trainer.registry.store import Store


def manifest_name(version: int) -> str:
    """The key of a version's manifest."""
    return f"versions/{version}/manifest.json"


def promotion_name(number: int) -> str:
    """The key of an entry of the promotion log."""
    return f"promotions/{number:020d}.json"


def blob_name(digest: str) -> str:
    """The key of a model: `sha256:<hex>` → `blobs/sha256/<hex>`."""
    algorithm, _, value = digest.partition(":")
    return f"blobs/{algorithm}/{value}"


def numbers_in(store: Store, *, folder: Literal["versions", "promotions"]) -> list[int]:
    """Numbers in the names of a folder, rising; names that we would not write are somebody's, and passed over."""
    written = promotion_name if folder == "promotions" else manifest_name
    names = {entry.name for entry in store.entries(folder=folder)}
    found = (name.removesuffix(".json") for name in names)
    read = (int(name) for name in found if name.isascii() and name.isdigit() and len(name) <= 20)
    return sorted(number for number in read if number and written(number).split("/")[1] in names)


def highest(store: Store, *, folder: Literal["versions", "promotions"]) -> int:
    """The highest number of a folder, or 0."""
    return max(numbers_in(store, folder=folder), default=0)


def find_document(store: Store, *, name: str) -> dict[str, Any] | None:
    """The body of a document, or None where there is none. RegistryDamaged names the file."""
    data = store.read(key=name, limit=MAX_DOCUMENT_BYTES)
    return None if data is None else opened(data=data, name=store.name_of(name))


def document(store: Store, *, name: str) -> dict[str, Any]:
    """The body of a document that must be there. RegistryDamaged names the file."""
    found = find_document(store, name=name)
    if found is None:
        raise RegistryDamaged(
            reason="RegistryDamaged", message=f"{store.name_of(name)} is missing; restore it from a backup"
        )
    return found
