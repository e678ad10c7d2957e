"""What a registry holds, read anew from its files, and what is wrong with it: for `retrain-trainer registry`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from retrain_trainer.errors import EXIT_PASSING, DataUnavailable, RegistryDamaged, RunError
from retrain_trainer.registry.manifest import Manifest
from retrain_trainer.registry.registry import Registry

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """Lines for people; `damage`: what is wrong, a line each with file and remedy."""

    lines: tuple[str, ...]
    damage: tuple[str, ...]


def inspect(*, registry: Registry, place: str, models: bool) -> Inspection:
    """Every version and promotion, the champion, and the totals. `models`: read every model and compare its digest.
    `place`: what people call it.

    A version without a manifest is none: its run died before it was published. If it is in the log, that is damage.
    DataUnavailable `RegistryMissing` where no run has ever begun and no version is.
    """
    lines, damage = [], []
    counters = registry.counters()
    if not (counters.checks or counters.trainings or counters.promotions):
        raise DataUnavailable(
            reason="RegistryMissing",
            message=f"{place} holds no registry: no run, version or promotion; name a policy's folder, "
            "<registry>/<namespace>/<policy>",
        )

    def tried(what: Callable[[], _T], but_not: str = "") -> _T | None:
        try:
            return what()
        except RunError as error:
            if error.exit_code == EXIT_PASSING and not isinstance(error, RegistryDamaged):
                raise  # a store that is away for a moment is not damaged
            if error.reason != but_not:
                damage.append(f"{error.reason}: {error.message}")
            return None

    champion = tried(registry.champion)
    for number in registry.versions.numbers():
        manifest = tried(partial(registry.versions.manifest, version=number), but_not="ManifestMissing")
        if manifest is None:
            lines.append(f"version {number:>4}  damaged, or never finished")
            continue
        in_use = champion is not None and champion.manifest.version == number
        grave = tried(partial(registry.tombstone, version=number))
        lines.append(_version(manifest, mark="champion" if in_use else "given up" if grave else ""))
        if models and grave is None:
            tried(partial(registry.versions.model, manifest=manifest))
    for number in registry.log.numbers():
        entry = tried(partial(registry.log.entry, number=number))
        if entry is not None:
            lines.append(
                f"promotion {number:>2}  version {entry.version}  {entry.time:%Y-%m-%d %H:%M}  run {entry.run}"
            )
            manifest = tried(partial(registry.versions.manifest, version=entry.version))
            if manifest is not None and entry.run == manifest.run and manifest.gate.verdict != "Better":
                damage.append(
                    f"PromotionDamaged: promotion {number} makes version {entry.version} the champion, which its own "
                    f"run found {manifest.gate.verdict}; no run does that: roll back, and look who writes the registry"
                )
    damage += [f"PromotionDamaged: {gap}" for gap in registry.log.gaps()]
    lines.append(f"{counters.checks:,} runs, {counters.trainings:,} versions, {counters.promotions:,} promotions")
    return Inspection(lines=tuple(lines), damage=tuple(dict.fromkeys(damage)))


def _version(manifest: Manifest, *, mark: str) -> str:
    score = "no score" if manifest.score is None else f"{manifest.metric} {manifest.score:.4g}"
    return (
        f"version {manifest.version:>4}  {mark:<8}  {manifest.gate.verdict:<12}  {score:<24}  "
        f"{manifest.trained_time:%Y-%m-%d %H:%M}  {manifest.trained_rows:,} rows  {manifest.model_bytes:,} bytes"
    )
