"""Manifests, promotions and whole publications for the tests of the registry."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from retrain_trainer.features import Exclusion, Feature, FeatureSchema
from retrain_trainer.registry.bucket import BucketStore
from retrain_trainer.registry.documents import sha256
from retrain_trainer.registry.manifest import GateRecord, Manifest, Promotion
from retrain_trainer.registry.registry import Registry
from retrain_trainer.registry.store import DirectoryStore, Store

NOW = datetime(2013, 3, 1, 12, tzinfo=UTC)


def registry_in(mount: Path) -> Registry:
    """A registry in a folder, as a run opens it."""
    return Registry(store=DirectoryStore(mount=mount, prefix="default/flights"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A registry in a folder or in a bucket of a real S3 server. `files`: where its objects lie as files, in both."""

    kind: str
    files: Path
    root: str

    def store(self) -> Store:
        return store_at(self.root)

    def registry(self) -> Registry:
        return registry_at(self.root)


def store_at(root: str) -> Store:
    """The store at a folder or an `s3://bucket/prefix`; what child processes are told is this text."""
    if root.startswith("s3://"):
        bucket, _, prefix = root.removeprefix("s3://").partition("/")
        return BucketStore(bucket=bucket, prefix=prefix)
    return DirectoryStore(mount=Path(root), prefix="default/flights")


def registry_at(root: str) -> Registry:
    """The registry in `store_at`."""
    return Registry(store=store_at(root))


def draft(*, run: str, model: bytes, **changes: Any) -> Manifest:
    """A manifest that is not published yet."""
    manifest = Manifest(
        version=0,
        run=run,
        parent=None,
        trigger="NoChampion",
        cause="Initial",
        trained_time=NOW,
        model_digest=sha256(model),
        model_bytes=len(model),
        spec={"data": {"uri": "pvc://flights/*.csv"}},
        spec_digest="sha256:" + 64 * "0",
        task="Classification",
        target="late",
        classes=("false", "true"),
        positive_class="true",
        schema=FeatureSchema(
            features=(
                Feature(name="hour", kind="numeric"),
                Feature(name="ziel", kind="categorical", categories=("Köln",)),
            ),
            excluded=(Exclusion(name="id", reason="Identifier"),),
        ),
        metric="roc_auc",
        greater_is_better=True,
        score=0.7,
        accuracy=None,
        constant_score=0.5,
        fingerprint="sha256:abc",
        salt="5a",
        assignment="time",
        trained_rows=1000,
        holdout_rows=200,
        trained_until=NOW,
        holdout_start=NOW,
        holdout_end=None,
        seconds=0.25,
        libraries={"numpy": "2.2"},
        gate=GateRecord(
            verdict="Better",
            reason="FirstVersion",
            message="above the constant model",
            champion=None,
            difference=None,
            low=None,
            high=None,
            units=10,
            rows=200,
        ),
    )
    return replace(manifest, **changes)


def promotion(*, number: int, version: int, run: str, previous_version: int | None = None) -> Promotion:
    """An entry of the log."""
    return Promotion(
        number=number,
        version=version,
        previous_version=previous_version,
        run=run,
        trigger="NoChampion",
        request="",
        time=NOW,
    )


def publish_and_promote(*, registry: Registry, run: str, model: bytes) -> bool:
    """The writes of a run that wins, in the order of a run, resuming what the same key did before. True if promoted."""
    started = registry.runs.start(key=run)
    manifest = registry.versions.of_run(key=run) or registry.versions.publish(
        draft=draft(run=run, model=model), model=model
    )
    won = registry.log.of_run(key=run, after=started.promotion) is not None
    if not won:
        champion = registry.champion()
        entry = promotion(
            number=1 if champion is None else champion.promotion.number + 1,
            version=manifest.version,
            run=run,
            previous_version=None if champion is None else champion.manifest.version,
        )
        won = registry.log.append(promotion=entry)
    registry.runs.finish(key=run, result={"time": "2013-03-01T12:00:00Z", "body": {"outcome": "Promoted"}})
    return won
