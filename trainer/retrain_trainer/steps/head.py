"""What a run finds before it looks at any data: the registry, its champion, and what the run before left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from retrain_trainer.contract import ChampionFacts, RunDescription
from retrain_trainer.errors import DataUnavailable
from retrain_trainer.registry.address import open_store, parse_registry_uri
from retrain_trainer.registry.manifest import Manifest
from retrain_trainer.registry.registry import Champion, Registry
from retrain_trainer.registry.store import DirectoryStore
from retrain_trainer.spec import PolicySpec
from retrain_trainer.steps.memory import Memory
from retrain_trainer.times import parsed_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """newest: the manifest of the highest version, promoted or not. memory: of the newest run that left one;
    remembered: when that run began. waiting: the version that waits for a person.
    """

    champion: Champion | None
    newest: Manifest | None
    memory: Memory | None
    remembered: datetime | None = None
    waiting: int | None = None

    @property
    def compared_until(self) -> datetime | None:
        """The newest row that any version was judged on."""
        return None if self.newest is None else self.newest.holdout_end

    def spec_changed(self, *, digest: str) -> bool:
        """Another spec made the champion, and this one has not trained the newest version in vain already."""
        if self.champion is None or self.newest is None:
            return False
        return digest not in (self.champion.manifest.spec_digest, self.newest.spec_digest)

    def replacement_tried(self, *, digest: str) -> bool:
        """The champion cannot be scored, and the newest version was made by this spec to take its place."""
        if self.champion is None or self.newest is None:
            return False
        gate = self.newest.gate
        return (
            self.newest.spec_digest == digest and gate.incomparable and gate.champion == self.champion.manifest.version
        )

    def young(self, *, spec: PolicySpec) -> bool:
        """Is the champion on probation: promoted by the gate, in place of another, and not yet seen often enough?

        Not while the spec pins a version: a pin wins over everything.
        """
        champion, checks = self.champion, spec.promotion.probation_checks
        if champion is None or not checks or champion.promotion.kind != "Promotion":
            return False
        if spec.promotion.pinned_version is not None:
            return False
        memory = self.standing(metric=None)
        return (
            champion.promotion.previous_version is not None
            and (0 if memory is None else memory.probation_checks) < checks
        )

    def standing(self, *, metric: str | None) -> Memory | None:
        """What is remembered of this champion in this metric; None after a promotion or a change of the metric."""
        memory = self.memory
        if memory is None or self.champion is None or memory.champion != self.champion.manifest.version:
            return None
        return memory if metric in (None, memory.metric) else None

    def evaluated_until(self, *, metric: str) -> datetime | None:
        """No row up to here gives the champion a new score in this metric; None: nothing was looked at in it."""
        if self.champion is None:
            return None
        manifest, memory = self.champion.manifest, self.standing(metric=metric)
        seen = [
            manifest.holdout_end if manifest.metric == metric else None,
            None if memory is None else memory.evaluated_until,
        ]
        return max((time for time in seen if time is not None), default=None)


def open_registry(*, run: RunDescription, spec: PolicySpec) -> Registry:
    """The registry of this policy: one folder for each namespace and name.

    SpecError `InvalidURI`; DataUnavailable `ClaimMissing`, or what the settings of a bucket lack.
    """
    policy = f"{run.namespace}/{run.name}"
    if run.registry is not None:
        try:
            run.registry.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataUnavailable(
                reason="RegistryUnavailable",
                message=f"{run.registry} cannot be made: {error.strerror}; name a folder you may write with --registry",
            ) from None
        return Registry(store=DirectoryStore(mount=run.registry, prefix=policy))
    location = parse_registry_uri(uri=spec.registry.uri)
    return Registry(store=open_store(location=location, below=policy, claims=run.mounts, default=run.claims))


def version_uri(*, run: RunDescription, spec: PolicySpec, version: int) -> str:
    """Where people and `load_champion` find a version."""
    root = spec.registry.uri.rstrip("/") if run.registry is None else str(run.registry.resolve())
    return f"{root}/{run.namespace}/{run.name}/versions/{version}"


def champion_facts(*, run: RunDescription, spec: PolicySpec, champion: Champion | None) -> ChampionFacts | None:
    """What the message tells of a champion."""
    if champion is None:
        return None
    promotion, manifest = champion.promotion, champion.manifest
    return ChampionFacts(
        version=manifest.version,
        uri=version_uri(run=run, spec=spec, version=manifest.version),
        digest=manifest.model_digest,
        promotion_time=promotion.time,
        trained_rows=manifest.trained_rows,
        previous_version=promotion.previous_version,
        run=promotion.run,
    )


def read_head(*, registry: Registry, key: str) -> Head:
    """RegistryDamaged if the champion cannot be read. A newest version that cannot be is passed over: its number is
    burnt.
    """
    results: list[Mapping[str, Any]] = [result for _, result in registry.runs.newest(limit=20, without=key)]
    memories = ((Memory.from_json(result.get("memory")), result) for result in results)
    memory, left_by = next(((memory, result) for memory, result in memories if memory is not None), (None, {}))
    champion, newest = registry.champion(), registry.versions.newest()
    return Head(
        champion=champion,
        newest=newest,
        memory=memory,
        remembered=parsed_time(left_by.get("time")),
        waiting=registry.waiting_version(champion=champion, newest=newest),
    )
