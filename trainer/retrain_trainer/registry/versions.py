"""The versions of a registry: a model and the manifest that describes it, published once under a number."""

from __future__ import annotations

from dataclasses import replace

from retrain_trainer.errors import DataUnavailable, RegistryDamaged
from retrain_trainer.registry.documents import MAX_DOCUMENT_BYTES, sealed, sha256
from retrain_trainer.registry.layout import blob_name, document, find_document, highest, manifest_name, numbers_in
from retrain_trainer.registry.manifest import Manifest
from retrain_trainer.registry.retention import find_tombstone
from retrain_trainer.registry.store import Store


class Versions:
    """Versions by their number. What cannot be trusted raises RegistryDamaged, naming the file."""

    def __init__(self, *, store: Store) -> None:
        self._store = store

    def publish(self, *, draft: Manifest, model: bytes) -> Manifest:
        """Store a model and its manifest under the next free number. One run key gets one version.

        The number is written down under the run key first; every process with this key follows the same list of
        numbers, and a manifest can be created once, so all of them end at the same version: the first one's.
        """
        shared = not self._store_model(model=model, digest=draft.model_digest)
        attempt = 1
        while True:
            number = self._claimed_number(key=draft.run, attempt=attempt)
            name = manifest_name(number)
            if self._store.create(key=name, data=replace(draft, version=number).to_bytes()):
                if shared:  # retention may have taken away what was there before this manifest needed it
                    self._store_model(model=model, digest=draft.model_digest)
                return self.manifest(version=number)
            if (published := self.find(version=number)) is not None and published.run == draft.run:
                return published
            attempt += 1

    def of_run(self, *, key: str) -> Manifest | None:
        """The version a run has published, if it has."""
        for attempt in range(1, len(self._store.entries(folder=f"runs/{key}")) + 1):
            claim = find_document(self._store, name=f"runs/{key}/version-{attempt}.json")
            if claim is None:
                return None
            published = self.find(version=int(claim["version"]))
            if published is not None and published.run == key:
                return published
        return None

    def newest(self) -> Manifest | None:
        """The manifest of the highest version that has one, promoted or not."""
        return next(iter(self.newest_few(limit=1)), None)

    def newest_few(self, *, limit: int) -> list[Manifest]:
        """Manifests of the highest versions, the highest first; burnt numbers are passed over."""
        found: list[Manifest] = []
        for number in reversed(self.numbers()):
            if len(found) >= limit:
                break
            if (manifest := self.find(version=number)) is not None:
                found.append(manifest)
        return found

    def manifest(self, *, version: int) -> Manifest:
        """One version's manifest. RegistryDamaged `ManifestMissing` or `ManifestDamaged`."""
        name = manifest_name(version)
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
        if data is None and (grave := find_tombstone(self._store, version=manifest.version)) is not None:
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

    def numbers(self) -> list[int]:
        """Numbers of versions, rising; those that were burnt too."""
        return numbers_in(self._store, folder="versions")

    def find(self, *, version: int) -> Manifest | None:
        """One version's manifest, or None where there is none or it is torn: that number is burnt."""
        name = manifest_name(version)
        data = self._store.read(key=name, limit=MAX_DOCUMENT_BYTES)
        try:
            manifest = None if data is None else Manifest.from_bytes(data=data, name=self._store.name_of(name))
        except RegistryDamaged:
            return None
        return manifest if manifest is not None and manifest.version == version else None

    def _claimed_number(self, *, key: str, attempt: int) -> int:
        name = f"runs/{key}/version-{attempt}.json"
        self._store.create(key=name, data=sealed({"version": highest(self._store, folder="versions") + 1}))
        return int(document(self._store, name=name)["version"])

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
