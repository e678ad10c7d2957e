"""The registry of one policy: versions, promotions and runs, as files that are only ever created.

```
blobs/sha256/<hex>               a model; content-addressed
versions/<n>/manifest.json       exclusive create: this is the commit
promotions/<n, 20 digits>.json   exclusive create; the highest names the champion
tombstones/<n>.json, <n>.done    why version n has no model any more, and that it is gone
runs/<key>/started.json          what the registry's head was when the run began
runs/<key>/version-<i>.json      the number this run means to publish under
runs/<key>/validation.json       every check of the run's data
runs/<key>/result.json           what the run came to
rejections/<n>.json              a person rejected this version
salt.json                        of the split by rows
```
Order makes it safe: a blob before its manifest, a manifest before its promotion. A promotion carries the number after
the one the promoter decided against; who comes second is told so, reads again and decides again. No number is
used twice.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from retrain_trainer.errors import DataUnavailable, RegistryDamaged
from retrain_trainer.registry.documents import MAX_DOCUMENT_BYTES, opened, sealed, sha256, time_text
from retrain_trainer.registry.manifest import Manifest, Promotion
from retrain_trainer.registry.retention import Graveyard, Kept, Tombstone, blob_name, protected_versions
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
        shared = not self._store_model(model=model, digest=draft.model_digest)
        attempt = 1
        while True:
            number = self._claimed_number(key=draft.run, attempt=attempt)
            name = _manifest_name(number)
            if self._store.create(key=name, data=replace(draft, version=number).to_bytes()):
                if shared:  # retention may have taken away what was there before this manifest needed it
                    self._store_model(model=model, digest=draft.model_digest)
                return self.manifest(version=number)
            if (published := self._published(number)) is not None and published.run == draft.run:
                return published
            attempt += 1

    def version_of_run(self, *, key: str) -> Manifest | None:
        """The version a run has published, if it has."""
        for attempt in range(1, len(self._store.entries(folder=f"runs/{key}")) + 1):
            claim = self._optional(f"runs/{key}/version-{attempt}.json")
            if claim is None:
                return None
            published = self._published(int(claim["version"]))
            if published is not None and published.run == key:
                return published
        return None

    def newest_version(self) -> Manifest | None:
        """The manifest of the highest version that has one, promoted or not."""
        return next(iter(self.newest_versions(limit=1)), None)

    def newest_versions(self, *, limit: int) -> list[Manifest]:
        """Manifests of the highest versions, the highest first; burnt numbers are passed over."""
        found: list[Manifest] = []
        for number in reversed(self._numbers("versions")):
            if len(found) >= limit:
                break
            if (manifest := self._published(number)) is not None:
                found.append(manifest)
        return found

    def published(self, *, version: int) -> Manifest | None:
        """One version's manifest, or None where there is no such version."""
        return self._published(version)

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
        """The bytes of a version's model, checked.

        RegistryDamaged `ChampionMissing` or `ChampionCorrupt`; DataUnavailable `VersionRemoved` by retention.
        """
        name = blob_name(manifest.model_digest)
        data = self._store.read(key=name, limit=manifest.model_bytes)
        if data is None and (grave := self.tombstone(version=manifest.version)) is not None:
            raise DataUnavailable(
                reason="VersionRemoved",
                message=f"version {manifest.version} has no model any more: {grave.message}; given up on "
                f"{grave.time:%Y-%m-%d %H:%M} UTC by run {grave.run}. Its manifest stays",
            )
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
        """What the newest promotion names; None before the first promotion. RegistryDamaged names file and remedy."""
        number = self._last_promotion()
        if number == 0:
            return None
        promotion = self._promotion(number)
        try:
            return Champion(promotion=promotion, manifest=self.manifest(version=promotion.version))
        except RegistryDamaged as error:
            raise RegistryDamaged(
                reason=error.reason,
                message=f"{error.message} ({self._store.name_of(_promotion_name(number))} names version "
                f"{promotion.version} as champion)",
            ) from error

    def promote(self, *, promotion: Promotion) -> bool:
        """Append to the log. False: another run was first, so what was decided is out of date."""
        return self._store.create(key=_promotion_name(promotion.number), data=promotion.to_bytes())

    def promotions(self) -> Sequence[Promotion]:
        """The whole log, oldest first: what has ever been the champion, and by whose word."""
        return tuple(self._promotion(number) for number in range(1, self._highest("promotions") + 1))

    # --- a person's word --------------------

    def reject(self, *, version: int, run: str, request: str, time: datetime) -> None:
        """Write down that a person rejected a version; who said so first stands."""
        body = {"version": version, "run": run, "request": request, "time": time_text(time)}
        self._store.create(key=f"rejections/{version}.json", data=sealed(body))

    def is_rejected(self, *, version: int) -> bool:
        """Has a person rejected it?"""
        return self._store.read(key=f"rejections/{version}.json", limit=MAX_DOCUMENT_BYTES) is not None

    def waiting_version(self, *, champion: Champion | None, newest: Manifest | None) -> int | None:
        """The version that waits for a person: the newest one, if it passed the gate against this very champion."""
        number = None if champion is None else champion.manifest.version
        if newest is None or not newest.gate.held or newest.version == number or newest.gate.champion != number:
            return None
        return None if self.is_rejected(version=newest.version) else newest.version

    def promotion_of_run(self, *, key: str, after: int) -> Promotion | None:
        """The promotion a run has made, among those of a number above `after`."""
        for number in range(self._highest("promotions"), after, -1):
            if (promotion := self._promotion(number)).run == key:
                return promotion
        return None

    # --- retention --------------------

    def retain(self, *, keep: int, now: datetime, run: str) -> Sequence[str]:
        """Keep the models of the newest `keep` versions and of those that are needed (`retention`). Lines to show."""
        return self._graveyard().retain(versions=self._numbers("versions"), keep=keep, now=now, run=run)

    def tombstone(self, *, version: int) -> Tombstone | None:
        """Why a version's model was given up, or None. What has a tombstone must not be promoted again."""
        return self._graveyard().tombstone(version)

    def _graveyard(self) -> Graveyard:
        return Graveyard(store=self._store, needs=self._needed, read=self._kept)

    def _needed(self) -> frozenset[int]:
        champion = self.champion()
        return protected_versions(
            versions=self._numbers("versions"),
            champion=None if champion is None else champion.manifest.version,
            previous=None if champion is None else champion.promotion.previous_version,
        )

    def _kept(self, version: int) -> Kept | None:
        """None for a number that was burnt. RegistryDamaged: what cannot be read might need any model."""
        if self._store.read(key=_manifest_name(version), limit=MAX_DOCUMENT_BYTES) is None:
            return None
        manifest = self.manifest(version=version)
        return Kept(version=version, digest=manifest.model_digest, size=manifest.model_bytes)

    # --- everything, for people who look at it --------------------

    def version_numbers(self) -> list[int]:
        """Numbers of versions, rising; those that were burnt too."""
        return self._numbers("versions")

    def promotion_numbers(self) -> list[int]:
        """Numbers of the log, rising."""
        return self._numbers("promotions")

    def promotion(self, *, number: int) -> Promotion:
        """One entry of the log. RegistryDamaged `PromotionDamaged`."""
        return self._promotion(number)

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
        return max(self._numbers(folder), default=0)

    def _numbers(self, folder: str) -> list[int]:
        """Numbers in the names of a folder, rising; names that we would not write are somebody's, and passed over."""
        written = _promotion_name if folder == "promotions" else _manifest_name
        names = {entry.name for entry in self._store.entries(folder=folder)}
        found = (name.removesuffix(".json") for name in names)
        numbers = (int(name) for name in found if name.isascii() and name.isdigit() and len(name) <= 20)
        return sorted(number for number in numbers if number and written(number).split("/")[1] in names)

    def _last_promotion(self) -> int:
        """The highest number of the log. RegistryDamaged if the entry before it is missing: none of ours can be so.

        A listing is no snapshot: one that begins before two promotions may show the second alone, so it looks again.
        """
        for _ in range(3):
            numbers = self._numbers("promotions")
            if len(numbers) < 2 or numbers[-1] - 1 == numbers[-2]:
                break
        if numbers and numbers[-1] > 1 and numbers[-1] - 1 not in numbers:
            last, before = (self._store.name_of(_promotion_name(number)) for number in (numbers[-1], numbers[-1] - 1))
            raise RegistryDamaged(
                reason="PromotionDamaged",
                message=f"{last} exists, and {before} before it does not; restore that one, or remove the other if it "
                "is not of a run",
            )
        return numbers[-1] if numbers else 0

    def _earlier_result(self, key: str) -> dict[str, Any] | None:
        if key not in self._results and (result := self.find_run(key=key)) is not None:
            self._results[key] = result
        return self._results.get(key)

    def _claimed_number(self, *, key: str, attempt: int) -> int:
        name = f"runs/{key}/version-{attempt}.json"
        self._store.create(key=name, data=sealed({"version": self._highest("versions") + 1}))
        return int(self._document(name)["version"])

    def _published(self, number: int) -> Manifest | None:
        """A manifest, or None where there is none or it is torn: that number is burnt, and the next is taken."""
        name = _manifest_name(number)
        data = self._store.read(key=name, limit=MAX_DOCUMENT_BYTES)
        try:
            manifest = None if data is None else Manifest.from_bytes(data=data, name=self._store.name_of(name))
        except RegistryDamaged:
            return None
        return manifest if manifest is not None and manifest.version == number else None

    def _store_model(self, *, model: bytes, digest: str) -> bool:
        """False: the model was there before, and is whole."""
        name = blob_name(digest)
        if self._store.create(key=name, data=model):
            return True
        if self._store.read(key=name, limit=len(model)) != model:
            raise RegistryDamaged(
                reason="BlobCorrupt",
                message=f"{self._store.name_of(name)} exists and is not what its name says; move it away and run again",
            )
        return False

    def _promotion(self, number: int) -> Promotion:
        name = _promotion_name(number)
        data = self._store.read(key=name, limit=MAX_DOCUMENT_BYTES)
        promotion = Promotion.from_bytes(data=data or b"", name=self._store.name_of(name))
        if promotion.number != number:
            raise RegistryDamaged(
                reason="PromotionDamaged",
                message=f"{self._store.name_of(name)} is entry {promotion.number} of the log; restore it from a backup",
            )
        return promotion

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
