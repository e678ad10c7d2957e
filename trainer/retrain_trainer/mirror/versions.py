"""What should stand in MLflow: each version that was the champion of late, and an alias on the one that is. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from retrain_trainer.registry.manifest import Manifest

#: Tags of a registered model and of its versions. A model is ours where POLICY names the policy, and only then.
POLICY: Final = "retrain.dev/policy"
VERSION: Final = "retrain.dev/version"
DIGEST: Final = "retrain.dev/digest"
REMOVED: Final = "retrain.dev/model-removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One version as MLflow should have it; `source` is where `load_champion` finds it."""

    version: int
    digest: str
    source: str
    description: str
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One version as MLflow has it. `number` is MLflow's own: it counts by itself, from 1."""

    number: str
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """What is to be done, in this order. `alias`: the champion's number in MLflow, None while it is not there yet."""

    create: tuple[Wanted, ...]
    mark_removed: tuple[str, ...]
    alias: str | None


def wanted_of(*, policy: str, manifests: Sequence[Manifest], source: Callable[[int], str]) -> tuple[Wanted, ...]:
    """Versions in the order of their numbers, so that MLflow's numbers rise alike."""
    return tuple(
        Wanted(
            version=manifest.version,
            digest=manifest.model_digest,
            source=source(manifest.version),
            description=_description(policy, manifest),
            tags={
                POLICY: policy,
                VERSION: str(manifest.version),
                DIGEST: manifest.model_digest,
                "retrain.dev/run": manifest.run,
                "retrain.dev/trigger": manifest.trigger,
                "retrain.dev/task": manifest.task,
                "retrain.dev/metric": manifest.metric,
                **({} if manifest.score is None else {"retrain.dev/score": f"{manifest.score:.6g}"}),
                "retrain.dev/trained-rows": str(manifest.trained_rows),
            },
        )
        for manifest in sorted(manifests, key=lambda manifest: manifest.version)
    )


def steps(*, wanted: Sequence[Wanted], champion: int, found: Sequence[Found], removed: Collection[int]) -> Steps:
    """From what stands to what should stand. Versions are known by their tags, so doing it twice changes nothing.

    MLflow has no unique names for versions: of two that two runs made at once the lower number is taken, always.
    `removed`: versions that retention has given up; they are not made, and marked where they are.
    """
    numbers: dict[tuple[str | None, str | None], str] = {}
    for item in sorted(found, key=lambda item: int(item.number)):
        numbers.setdefault((item.tags.get(VERSION), item.tags.get(DIGEST)), item.number)
    missing = [
        item
        for item in wanted
        if (str(item.version), item.digest) not in numbers and (item.version == champion or item.version not in removed)
    ]
    gone = {str(version) for version in removed if version != champion}
    return Steps(
        create=tuple(missing),
        mark_removed=tuple(
            item.number for item in found if item.tags.get(VERSION) in gone and REMOVED not in item.tags
        ),
        alias=next(
            (numbers.get((str(item.version), item.digest)) for item in wanted if item.version == champion),
            None,
        ),
    )


def _description(policy: str, manifest: Manifest) -> str:
    score = "" if manifest.score is None else f", {manifest.metric} {manifest.score:.4g}"
    return (
        f"Version {manifest.version} of {policy}: trained on {manifest.trained_rows:,} rows{score} on a holdout of "
        f"{manifest.holdout_rows:,}. Mirrored from its registry, which holds the model."
    )
