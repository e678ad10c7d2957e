"""The registry of one policy: versions, promotions and runs, as files that are only ever created.

```
blobs/sha256/<hex>               a model; content-addressed
versions/<n>/manifest.json       exclusive create: this is the commit
promotions/<n, 20 digits>.json   exclusive create; the highest names the champion
runs/<key>/started.json          what the registry's head was when the run began
runs/<key>/version-<i>.json      the number this run means to publish under
runs/<key>/validation.json       every check of the run's data
runs/<key>/result.json           what the run came to
salt.json                        of the split by rows
```
Order makes it safe: a blob before its manifest, a manifest before its promotion. A promotion carries the number after
the one the promoter decided against; who comes second is told so, reads again and decides again. No number is
used twice.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from retrain_trainer.errors import RegistryDamaged
from retrain_trainer.registry.documents import MAX_DOCUMENT_BYTES, opened, sealed, sha256
from retrain_trainer.registry.manifest import Manifest, Promotion
from retrain_trainer.registry.store import Store

#: Results read to find the newest ones: their files' times only pre-sort them.
_RECENT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """The version in use: the newest promotion and the manifest it names."""

    promotion: Promotion
    manifest: Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """Totals over the registry's life."""

    checks: int
    trainings: int
    promotions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The head of the registry when a run key was first seen. `resumed`: it was seen before."""

    key: str
    resumed: bool
    version: int
    promotion: int


class Registry:
    """Reads and writes one policy's registry. What cannot be trusted raises RegistryDamaged, naming the file."""

    def __init__(self, *, store: Store) -> None:
        self._store = store
        self._results: dict[str, dict[str, Any]] = {}  # of other runs; they never change

    # --- runs --------------------

    def start_run(self, *, key: str, generation: int = 0, action: str = "check") -> Started:
        """Record that a run begins (of which generation, to do what), or find that it began before."""
        name = f"runs/{key}/started.json"
        head: dict[str, Any] = {
            "version": self._highest("versions"),
            "promotion": self._highest("promotions"),
            "generation": generation,
            "action": action,
        }
        resumed = not self._store.create(key=name, data=sealed(head))
        body = self._document(name) if resumed else head
        return Started(key=key, resumed=resumed, version=int(body["version"]), promotion=int(body["promotion"]))

    def finish_run(self, *, key: str, result: Mapping[str, Any]) -> dict[str, Any]:
        """Write the result of a run; if it has one already, that one stands. Returns the one that stands."""
        name = f"runs/{key}/result.json"
        self._store.create(key=name, data=sealed(result))
        return self._document(name)

    def record_validation(self, *, key: str, report: Mapping[str, Any]) -> None:
        """Keep what a run found about its data; if it was begun before, the first report stands."""
        self._store.create(key=f"runs/{key}/validation.json", data=sealed(report))

    def find_run(self, *, key: str) -> dict[str, Any] | None:
        """The result of a run, or None as long as it has none."""
        return self._optional(f"runs/{key}/result.json")

    def failures_in_a_row(self, *, generation: int, limit: int, without: str = "") -> int:
        """How many of the newest runs began and have no result, `limit` at most, without the run of key `without`.

        Runs of an earlier generation of the policy, and those up to the newest `train`, do not count.
        """
        newest = sorted(self._store.entries(folder="runs"), key=lambda entry: entry.modified, reverse=True)
        count = 0
        for entry in newest:
            if entry.name == without:
                continue
            if count >= limit or self.find_run(key=entry.name) is not None:
                break
            started = self._optional(f"runs/{entry.name}/started.json") or {}
            if started.get("generation") != generation or started.get("action") == "train":
                break
            count += 1
        return count

    def previous_runs(self, *, limit: int, without: str = "") -> list[tuple[str, dict[str, Any]]]:
        """Key and result of the newest runs, newest first by their `time`, without the run of key `without`.

        A result that is unreadable is left out: history must not stop a run.
        """
        found = []
        newest = sorted(self._store.entries(folder="runs"), key=lambda entry: entry.modified, reverse=True)
        for entry in newest[: max(limit, _RECENT)]:
            try:
                result = None if entry.name == without else self._earlier_result(entry.name)
            except RegistryDamaged:
                continue
            if result is not None:
                found.append((entry.name, result))
        return sorted(found, key=lambda item: str(item[1].get("time", "")), reverse=True)[:limit]

    def counters(self) -> Counters:
        """Counted from names alone: a check is a run that began, a training is a version."""
        return Counters(
            checks=len(self._store.entries(folder="runs")),
            trainings=len(self._store.entries(folder="versions")),
            promotions=len(self._store.entries(folder="promotions")),
        )

    # --- versions --------------------

    def publish(self, *, draft: Manifest, model: bytes) -> Manifest:
        """Store a model and its manifest under the next free number. One run key gets one version.

        The number is written down under the run key first; every process with this key follows the same list of
        numbers, and a manifest can be created once, so all of them end at the same version: the first one's.
        """
        self._store_model(model=model, digest=draft.model_digest)
        attempt = 1
        while True:
            number = self._claimed_number(key=draft.run, attempt=attempt)
            name = _manifest_name(number)
            if self._store.create(key=name, data=replace(draft, version=number).to_bytes()):
                return self.manifest(version=number)
            if (published := self._published(name)) is not None and published.run == draft.run:
                return published
            attempt += 1

    def version_of_run(self, *, key: str) -> Manifest | None:
        """The version a run has published, if it has."""
        for attempt in range(1, len(self._store.entries(folder=f"runs/{key}")) + 1):
            claim = self._optional(f"runs/{key}/version-{attempt}.json")
            if claim is None:
                return None
            published = self._published(_manifest_name(int(claim["version"])))
            if published is not None and published.run == key:
                return published
        return None

    def newest_version(self) -> Manifest | None:
        """The manifest of the highest version that has one, promoted or not."""
        return next(iter(self.newest_versions(limit=1)), None)

    def newest_versions(self, *, limit: int) -> list[Manifest]:
        """Manifests of the highest versions, the highest first; burnt numbers are passed over."""
        found: list[Manifest] = []
        for number in range(self._highest("versions"), 0, -1):
            if len(found) >= limit:
                break
            if (manifest := self._published(_manifest_name(number))) is not None:
                found.append(manifest)
        return found

    def manifest(self, *, version: int) -> Manifest:
        """One version's manifest. RegistryDamaged `ManifestMissing` or `ManifestDamaged`."""
        name = _manifest_name(version)
        data = self._store.read(key=name, limit=MAX_DOCUMENT_BYTES)
        if data is None:
            raise RegistryDamaged(
                reason="ManifestMissing",
                message=f"{self._store.name_of(name)} is missing; restore it from a backup",
            )
        manifest = Manifest.from_bytes(data=data, name=self._store.name_of(name))
        if manifest.version != version:
            raise RegistryDamaged(
                reason="ManifestDamaged",
                message=f"{self._store.name_of(name)} is the manifest of version {manifest.version}; restore it",
            )
        return manifest

    def model(self, *, manifest: Manifest) -> bytes:
        """The bytes of a version's model, checked. RegistryDamaged `ChampionMissing` or `ChampionCorrupt`."""
        name = _blob_name(manifest.model_digest)
        data = self._store.read(key=name, limit=manifest.model_bytes)
        if data is None:
            raise RegistryDamaged(
                reason="ChampionMissing",
                message=f"version {manifest.version} has no model: {self._store.name_of(name)} is missing; "
                "restore it from a backup",
            )
        if sha256(data) != manifest.model_digest:
            raise RegistryDamaged(
                reason="ChampionCorrupt",
                message=f"{self._store.name_of(name)} is not what was published as version {manifest.version}: "
                "its sha256 differs; restore it from a backup",
            )
        return data

    # --- promotions --------------------

    def champion(self) -> Champion | None:
        """What the newest promotion names; None before the first promotion."""
        number = self._highest("promotions")
        if number == 0:
            return None
        promotion = self._promotion(number)
        return Champion(promotion=promotion, manifest=self.manifest(version=promotion.version))

    def promote(self, *, promotion: Promotion) -> bool:
        """Append to the log. False: another run was first, so what was decided is out of date."""
        return self._store.create(key=_promotion_name(promotion.number), data=promotion.to_bytes())

    def promotion_of_run(self, *, key: str, after: int) -> Promotion | None:
        """The promotion a run has made, among those of a number above `after`."""
        for number in range(self._highest("promotions"), after, -1):
            if (promotion := self._promotion(number)).run == key:
                return promotion
        return None

    # --- the split's salt --------------------

    def salt(self) -> str:
        """Random, made once: the same rows stay in the holdout as long as the registry lives."""
        found = self._optional("salt.json")
        if found is None:
            self._store.create(key="salt.json", data=sealed({"salt": secrets.token_hex(16)}))
            found = self._document("salt.json")
        return str(found["salt"])

    # --- inside --------------------

    def _highest(self, folder: str) -> int:
        names = (entry.name.removesuffix(".json") for entry in self._store.entries(folder=folder))
        return max((int(name) for name in names if name.isascii() and name.isdigit()), default=0)

    def _earlier_result(self, key: str) -> dict[str, Any] | None:
        if key not in self._results and (result := self.find_run(key=key)) is not None:
            self._results[key] = result
        return self._results.get(key)

    def _claimed_number(self, *, key: str, attempt: int) -> int:
        name = f"runs/{key}/version-{attempt}.json"
        self._store.create(key=name, data=sealed({"version": self._highest("versions") + 1}))
        return int(self._document(name)["version"])

    def _published(self, name: str) -> Manifest | None:
        """A manifest, or None where there is none or it is torn: that number is burnt, and the next is taken."""
        data = self._store.read(key=name, limit=MAX_DOCUMENT_BYTES)
        try:
            return None if data is None else Manifest.from_bytes(data=data, name=self._store.name_of(name))
        except RegistryDamaged:
            return None

    def _store_model(self, *, model: bytes, digest: str) -> None:
        name = _blob_name(digest)
        if not self._store.create(key=name, data=model) and self._store.read(key=name, limit=len(model)) != model:
            raise RegistryDamaged(
                reason="BlobCorrupt",
                message=f"{self._store.name_of(name)} exists and is not what its name says; move it away and run again",
            )

    def _promotion(self, number: int) -> Promotion:
        name = _promotion_name(number)
        data = self._store.read(key=name, limit=MAX_DOCUMENT_BYTES)
        return Promotion.from_bytes(data=data or b"", name=self._store.name_of(name))

    def _optional(self, name: str) -> dict[str, Any] | None:
        data = self._store.read(key=name, limit=MAX_DOCUMENT_BYTES)
        return None if data is None else opened(data=data, name=self._store.name_of(name))

    def _document(self, name: str) -> dict[str, Any]:
        data = self._store.read(key=name, limit=MAX_DOCUMENT_BYTES)
        return opened(data=data or b"", name=self._store.name_of(name))


def _manifest_name(version: int) -> str:
    return f"versions/{version}/manifest.json"


def _promotion_name(number: int) -> str:
    return f"promotions/{number:020d}.json"


def _blob_name(digest: str) -> str:
    algorithm, _, value = digest.partition(":")
    return f"blobs/{algorithm}/{value}"
