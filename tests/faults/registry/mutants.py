"""Seeded bugs: each takes one safeguard away, and the checks must notice, or they would prove nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch
from uuid import uuid4

import obstore
from retrain_trainer.errors import RunError
from retrain_trainer.registry import retention
from retrain_trainer.registry.bucket import BucketStore
from retrain_trainer.registry.documents import sealed
from retrain_trainer.registry.layout import blob_name, highest
from retrain_trainer.registry.manifest import Manifest
from retrain_trainer.registry.registry import Registry
from retrain_trainer.registry.s3 import Requests, S3Failure
from retrain_trainer.registry.store import DirectoryStore
from retrain_trainer.registry.versions import Versions

from tests.faults.registry.disk import EMPTY, ROOT, Disk, State
from tests.faults.registry.power import Losses, Make, registry_on
from tests.faults.registry.scenarios import SCENARIOS, Run, model_of
from tests.support.s3 import BUCKET
from tests.unit.trainer.registry.builders import NOW, draft, promotion

#: What a check says is wrong; empty: the bug was not noticed.
Noticed = Callable[[], list[str]]
_BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


def _losses(name: str, *, make: Make = registry_on, without: str = "", run: Run | None = None) -> Noticed:
    scenario = _BY_NAME[name]
    if run is not None:
        scenario = replace(scenario, run=run)
    return lambda: Losses(scenario=scenario, make=make, without=without, stop_at_first=True).enumerate(twice=False).bad


# --- wrong registries --------------------


class _ManifestBeforeModel(Versions):
    def _store_model(self, *, model: bytes, digest: str) -> bool:
        return True

    def publish(self, *, draft: Manifest, model: bytes) -> Manifest:
        manifest = super().publish(draft=draft, model=model)
        super()._store_model(model=model, digest=draft.model_digest)
        return manifest


class _NumberNotWrittenDown(Versions):
    def _claimed_number(self, *, key: str, attempt: int) -> int:
        return highest(self._store, folder="versions") + 1


class _TrustingRetry(Versions):
    def _store_model(self, *, model: bytes, digest: str) -> bool:
        return self._store.create(key=blob_name(digest), data=model)


class _WrittenInPlace(DirectoryStore):
    def _link_new(self, *, target: Path, data: bytes) -> bool:
        try:
            descriptor = self._files.create(target)
        except FileExistsError:
            return False
        self._files.write(descriptor, data)
        self._files.sync(descriptor)
        self._files.close(descriptor)
        return True


def _on(kind: type[Versions]) -> Make:
    def make(disk: Disk) -> Registry:
        store = DirectoryStore(mount=ROOT, prefix="default/flights", files=disk)
        registry = Registry(store=store)
        registry.versions = kind(store=store)
        return registry

    return make


def _in_place(disk: Disk) -> Registry:
    return Registry(store=_WrittenInPlace(mount=ROOT, prefix="default/flights", files=disk))


# --- wrong runs --------------------


def _promoted_before_published(registry: Registry) -> bool:
    registry.runs.start(key="new")
    registry.log.append(promotion=promotion(number=2, version=2, run="new", previous_version=1))
    registry.versions.publish(draft=draft(run="new", model=model_of("new")), model=model_of("new"))
    return True


def _forgets_its_promotion(registry: Registry) -> bool:
    registry.runs.start(key="new")
    manifest = registry.versions.publish(draft=draft(run="new", model=model_of("new")), model=model_of("new"))
    champion = registry.champion()
    number = 1 if champion is None else champion.promotion.number + 1
    return registry.log.append(promotion=promotion(number=number, version=manifest.version, run="new"))


# --- wrong retention --------------------


def _deletes_before_the_tombstone(registry: Registry) -> bool:
    yard = registry._graveyard()
    for number in (1, 2):
        yard.store.delete(key=blob_name(registry.versions.manifest(version=number).model_digest))
    registry.retain(keep=1, now=NOW, run="retain")
    return True


def _marked_before_deleted() -> list[str]:
    def finish(self: retention.Graveyard, number: int, **_: object) -> list[str]:
        self.store.create(key=f"{retention.FOLDER}/{number}.done", data=sealed({"time": None, "shared": False}))
        tombstone = self.tombstone(number)
        assert tombstone is not None
        self.store.delete(key=blob_name(tombstone.model_digest))
        return []

    with patch.object(retention.Graveyard, "_finish", finish):
        return _losses("deletion")()


def _without_protection() -> list[str]:
    with patch.object(Registry, "_needed", lambda self, among: frozenset()):
        return _losses("deletion", run=_all_given_up)()


def _all_given_up(registry: Registry) -> bool:
    for hours in (1, 2, 3):
        registry.retain(keep=1, now=NOW + timedelta(hours=hours), run="retain")
    return True


def _shared_models_forgotten() -> list[str]:
    """Versions 1 and 3 have one model; version 1 goes."""
    with patch.object(retention.Graveyard, "_finish", _finish_without_looking):
        return shared_model()


def shared_model() -> list[str]:
    """What is wrong after retention where an old version and a kept one have the same model."""
    registry = registry_on(Disk(state=EMPTY))
    for number, model in enumerate([b"same", b"other", b"same", b"newest"], start=1):
        registry.versions.publish(draft=draft(run=f"run-{number}", model=model), model=model)
    registry.log.append(promotion=promotion(number=1, version=4, run="run-4", previous_version=3))
    for hours in (0, 1):
        registry.retain(keep=1, now=NOW + timedelta(hours=hours), run="retain")
    try:
        registry.versions.model(manifest=registry.versions.manifest(version=3))
    except RunError as error:
        return [str(error)]
    return []


def _finish_without_looking(self: retention.Graveyard, number: int, **_: object) -> list[str]:
    tombstone = self.tombstone(number)
    assert tombstone is not None
    self.store.delete(key=blob_name(tombstone.model_digest))
    return []


# --- wrong handling of what is there --------------------


def torn_model(make: Make = registry_on) -> list[str]:
    """A model that is torn on the disk already must not be taken for the one that is published."""
    writer = Disk(state=EMPTY)
    registry_on(writer).versions.publish(draft=draft(run="a", model=b"model"), model=b"model")
    state = writer.now()
    torn = State(state.folders, frozenset((n, d[:2] if "blobs" in n.parts else d) for n, d in state.files))
    registry = make(Disk(state=torn))
    try:
        manifest = registry.versions.publish(draft=draft(run="b", model=b"model"), model=b"model")
        registry.versions.model(manifest=manifest)
    except RunError as error:
        return [] if error.reason == "BlobCorrupt" else [str(error)]
    return []


# --- wrong buckets --------------------


class _Overwriting(Requests):
    def put_new(self, *, key: str, data: bytes, writer: str) -> None:
        obstore.put(self._writing, key, data, use_multipart=False)


def two_writers(requests: Callable[..., Requests] = Requests, *, probed: bool = True) -> list[str]:
    """Two processes create one object: the first has it, and it holds what the first wrote."""
    prefix = uuid4().hex
    first, second = (BucketStore(bucket=BUCKET, prefix=prefix, requests=requests(bucket=BUCKET)) for _ in range(2))
    first._probed = second._probed = not probed
    won = [first.create(key="a", data=b"first"), second.create(key="a", data=b"second")]
    found = [] if won == [True, False] else [f"winners: {won}"]
    return found if first.read(key="a") == b"first" else [*found, "the winner's object is gone"]


def _every_loss_is_ours() -> list[str]:
    with patch.object(BucketStore, "_is_of", lambda self, **_: True):
        return busy_then_taken()


def busy_then_taken() -> list[str]:
    """The store is busy once, and meanwhile another writes the same bytes: the race is lost all the same."""
    prefix = uuid4().hex

    class _Busy(Requests):
        asked = 0

        def put_new(self, *, key: str, data: bytes, writer: str) -> None:
            if not key.endswith(".txt"):
                self.asked += 1
                if self.asked == 1:
                    super().put_new(key=key, data=data, writer="another")
                    raise _busy()
            super().put_new(key=key, data=data, writer=writer)

    store = BucketStore(bucket=BUCKET, prefix=prefix, requests=_Busy(bucket=BUCKET))
    return ["a lost race counts as won"] if store.create(key="a", data=b"x") else []


def _busy() -> Exception:
    return S3Failure(status=503, code="SlowDown", identity=False, exists=False)


def probe_refuses() -> list[str]:
    """The probe finds a store that overwrites; silence would be the fault."""
    try:
        two_writers(_Overwriting)
    except RunError as error:
        return [error.reason]
    return []


#: Name of the bug, and what notices it. On the left: what is missing or wrong.
MUTANTS: dict[str, Noticed] = {
    "no fsync of files": _losses("next version", without="fsync of files"),
    "no fsync of directories": _losses("rollback", without="fsync of directories"),
    "no fsync of new folders": _losses("first version", without="fsync of new folders"),
    "rename instead of link": _losses("next version", without="link (rename instead)"),
    "written in place, without a temporary file": _losses("next version", make=_in_place),
    "manifest before model": _losses("next version", make=_on(_ManifestBeforeModel)),
    "promotion before manifest": _losses("next version", run=_promoted_before_published),
    "retry forgets its promotion": _losses("next version", run=_forgets_its_promotion),
    "retry forgets its number": _losses("next version", make=_on(_NumberNotWrittenDown)),
    "an existing model is trusted": lambda: torn_model(_on(_TrustingRetry)),
    "retention deletes before the tombstone": _losses("tombstones", run=_deletes_before_the_tombstone),
    "retention marks before it deletes": _marked_before_deleted,
    "retention protects nothing": _without_protection,
    "retention forgets shared models": _shared_models_forgotten,
}

#: Bugs that need the S3 server.
BUCKET_MUTANTS: dict[str, Noticed] = {
    "a store that overwrites, not probed": lambda: two_writers(_Overwriting, probed=False),
    "a store that overwrites, probed": probe_refuses,
    "every object that exists is ours": _every_loss_is_ours,
}


#: The same checks on the real code: they must be silent.
CONTROLS: dict[str, Noticed] = {"shared models": shared_model, "torn model": torn_model}
BUCKET_CONTROLS: dict[str, Noticed] = {"two writers": two_writers, "busy, then taken": busy_then_taken}


@contextmanager
def quiet_pauses() -> Iterator[None]:
    """Without the pauses between attempts of a write."""
    with patch("retrain_trainer.registry.bucket._PAUSES", (0.0, 0.0, 0.0)):
        yield
