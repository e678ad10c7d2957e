"""What runs write to a registry, with the order and the checks of the trainer, and what must hold whatever died.

A mutant replaces one step by a wrong one; the checks must notice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from retrain_trainer.errors import RunError
from retrain_trainer.registry.registry import Registry

from tests.unit.trainer.registry.builders import NOW, promotion, publish_and_promote

#: A run: resumes what the same key did before; True once what it wants is acknowledged.
Run = Callable[[Registry], bool]


def model_of(run: str) -> bytes:
    """Distinct content for each run."""
    return f"the model of {run} ".encode() * 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """`before`: runs that are over. `run`: the one that dies. `meanwhile`: another that comes before it is resumed.

    At the end: `champion`: runs of which one's model is in use; `promotions`: entries of the log; `gone`: runs whose
    models are gone.
    """

    name: str
    before: tuple[Run, ...]
    run: Run
    champion: tuple[str, ...]
    promotions: int
    gone: tuple[str, ...] = ()
    meanwhile: Run | None = None


def publish(name: str) -> Run:
    """The writes of a run that trains, wins and is promoted."""

    def run(registry: Registry) -> bool:
        return publish_and_promote(registry=registry, run=name, model=model_of(name))

    return run


def rollback(name: str, *, to: int) -> Run:
    """A new entry that names an older version; nothing is taken back."""

    def run(registry: Registry) -> bool:
        started = registry.runs.start(key=name)
        if registry.log.of_run(key=name, after=started.promotion) is None:
            champion = registry.champion()
            assert champion is not None
            entry = promotion(
                number=champion.promotion.number + 1,
                version=to,
                run=name,
                previous_version=champion.manifest.version,
            )
            if not registry.log.append(promotion=entry):
                return False
        registry.runs.finish(key=name, result={"time": "2013-03-01T12:00:00Z"})
        return True

    return run


def retain(*, hours: int) -> Run:
    """Retention down to the newest version, so many hours later; the champion and the one before it stay."""

    def run(registry: Registry) -> bool:
        registry.retain(keep=1, now=NOW + timedelta(hours=hours), run=f"retain-{hours}")
        return True

    return run


_THREE = (publish("a"), publish("b"), publish("c"))

SCENARIOS = (
    Scenario(name="first version", before=(), run=publish("new"), champion=("new",), promotions=1),
    Scenario(name="next version", before=(publish("old"),), run=publish("new"), champion=("new",), promotions=2),
    Scenario(
        name="another run meanwhile",
        before=(publish("old"),),
        run=publish("new"),
        meanwhile=publish("other"),
        champion=("new", "other"),
        promotions=3,
    ),
    Scenario(
        name="rollback", before=(publish("a"), publish("b")), run=rollback("back", to=1), champion=("a",), promotions=3
    ),
    Scenario(
        name="tombstones",
        before=_THREE,
        run=retain(hours=0),
        champion=("c",),
        promotions=3,
    ),
    Scenario(
        name="deletion",
        before=(*_THREE, publish("d"), retain(hours=0)),
        run=retain(hours=1),
        champion=("d",),
        promotions=4,
        gone=("a", "b"),
    ),
)


def harm(registry: Registry, *, scenario: Scenario, models: Mapping[bytes, str]) -> list[str]:
    """What no state may show: a champion that is not whole, a model without its run, one gone without a reason."""
    found = []
    try:
        champion = registry.champion()
        if champion is not None and registry.versions.model(manifest=champion.manifest) not in models:
            found.append("the champion's model is none that was published")
        if champion is None and scenario.before:
            found.append("the champion is lost")
        for version in range(1, registry.counters().trainings + 1):
            found += _lost(registry, version)
    except RunError as error:
        found.append(f"{error.reason}: {error.message}")
    return found


def _lost(registry: Registry, version: int) -> list[str]:
    """A version that was published has its model, or a tombstone."""
    try:
        manifest = registry.versions.manifest(version=version)
    except RunError:
        return []  # a burnt number: never published
    try:
        registry.versions.model(manifest=manifest)
    except RunError as error:
        if error.reason != "VersionRemoved":
            return [f"version {version}: {error.reason}"]
    return []


def end(registry: Registry, *, scenario: Scenario) -> list[str]:
    """What must hold once the run that died was resumed: one effect, whole and in use."""
    found = []
    try:
        champion = registry.champion()
        wanted = [model_of(run) for run in scenario.champion]
        if champion is None or registry.versions.model(manifest=champion.manifest) not in wanted:
            found.append("after the resumed run another model is in use")
        if (promotions := registry.counters().promotions) != scenario.promotions:
            found.append(f"{promotions} promotions instead of {scenario.promotions}")
        owners: dict[str, int] = {}
        gone = set()
        for version in range(1, registry.counters().trainings + 1):
            try:
                manifest = registry.versions.manifest(version=version)
            except RunError:
                continue
            owners[manifest.run] = owners.get(manifest.run, 0) + 1
            try:
                registry.versions.model(manifest=manifest)
            except RunError:
                gone.add(manifest.run)
        found += [f"run {run} has {count} versions" for run, count in owners.items() if count > 1]
        if gone != set(scenario.gone):
            found.append(f"models gone: {sorted(gone)}, not {sorted(scenario.gone)}")
    except RunError as error:
        found.append(f"{error.reason}: {error.message}")
    return found
