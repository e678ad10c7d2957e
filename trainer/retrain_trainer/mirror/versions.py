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

    number: int
    version: str | None
    digest: str | None
    source: str

    def is_of(self, wanted: Wanted) -> bool:
        """The same version of the same registry? One that was moved elsewhere makes other versions."""
        return (self.version, self.digest, self.source) == (str(wanted.version), wanted.digest, wanted.source)


def wanted_of(
    *,
    policy: str,
    manifests: Sequence[Manifest],
    given_up: Collection[int],
    champion: int,
    source: Callable[[int], str],
) -> tuple[Wanted, ...]:
    """Versions in the order of their numbers, so that MLflow's rise alike; those `given_up` have no model any more."""
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
        if manifest.version == champion or manifest.version not in given_up
    )


def number_of(wanted: Wanted, *, found: Sequence[Found]) -> int | None:
    """MLflow's number of a version. It has no unique names: of two that two runs made at once always the lower."""
    return min((item.number for item in found if item.is_of(wanted)), default=None)


def missing(*, wanted: Sequence[Wanted], found: Sequence[Found]) -> tuple[Wanted, ...]:
    """What MLflow does not have. Versions are known by their tags, so asking twice makes nothing twice."""
    return tuple(item for item in wanted if number_of(item, found=found) is None)


def _description(policy: str, manifest: Manifest) -> str:
    score = "" if manifest.score is None else f", {manifest.metric} {manifest.score:.4g}"
    return (
        f"Version {manifest.version} of {policy}: trained on {manifest.trained_rows:,} rows{score} on a holdout of "
        f"{manifest.holdout_rows:,}. Mirrored from its registry, which holds the model."
    )
