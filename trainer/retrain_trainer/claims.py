"""Claims as a run sees them: `pvc://claim/path` is a folder below the place where the claim is mounted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from retrain_trainer.errors import DataUnavailable, SpecError

#: Where the operator mounts claims inside a pod: one folder per claim, named like it.
DEFAULT_CLAIMS = Path("/mnt/claims")

_CLAIM = re.compile(r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place on a claim; `path` is relative and may hold wildcards."""

    claim: str
    path: str


def parse_uri(*, uri: str, path: str = "spec.data.uri") -> Location:
    """`pvc://claim/folder/*.csv` → its parts. Raises SpecError InvalidURI naming the field `path`."""
    # What stands in front of an @ may be a password, and messages reach status, log and Events.
    safe = re.sub(r"//.*@", "//…@", uri)
    shown = safe if len(safe) <= 60 else safe[:59] + "…"

    def refused(why: str) -> SpecError:
        return SpecError(reason="InvalidURI", message=f"{path}: {shown!r}: {why}")

    if not uri.startswith("pvc://"):
        raise refused("write pvc://<claim>/<path>; other schemes are not supported yet")
    claim, _, rest = uri.removeprefix("pvc://").partition("/")
    if "@" in claim or ":" in claim:
        raise refused("a URI carries no user, password or port")
    if not _CLAIM.match(claim):
        raise refused("after pvc:// comes the name of a PersistentVolumeClaim")
    rest = rest.rstrip("/")
    if any(character in "\\%\0" or not character.isprintable() for character in rest):
        raise refused("the path must not contain a backslash, % or control characters")
    if rest and any(part in ("", ".", "..") for part in rest.split("/")):
        raise refused("the path must not contain //, . or ..")
    return Location(claim=claim, path=rest)


def resolve(*, location: Location, claims: Mapping[str, Path], default: Path = DEFAULT_CLAIMS) -> Path:
    """The folder of a claim: `claims[claim]`, else `default/claim`. Raises DataUnavailable ClaimMissing."""
    claim = location.claim
    root = claims.get(claim, default / claim)
    if not root.is_dir():
        raise DataUnavailable(
            reason="ClaimMissing",
            message=f"claim {claim!r} is not mounted; on a laptop add --mount {claim}=FOLDER",
        )
    return root
