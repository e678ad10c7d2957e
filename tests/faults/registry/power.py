"""Power losses: each scenario dies after each of its calls, and its resumed run dies again, in every state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from retrain_trainer.errors import RunError
from retrain_trainer.registry.registry import Registry
from retrain_trainer.registry.store import DirectoryStore

from tests.faults.registry.disk import EMPTY, ROOT, Disk, PowerLoss, State
from tests.faults.registry.scenarios import Run, Scenario, end, harm, model_of

#: Makes a registry on a disk; mutants make a wrong one.
Make = Callable[[Disk], Registry]


def registry_on(disk: Disk) -> Registry:
    """The trainer's own code."""
    return Registry(store=DirectoryStore(mount=ROOT, prefix="default/flights", files=disk))


_MODELS = {model_of(run): run for run in ("a", "b", "c", "d", "old", "new", "other")}


@dataclass
class Tally:
    """crashes: losses of power that were tried. states: what the disk could come back as, over all of them; distinct:
    those of different content, each of which was checked.
    """

    crashes: int = 0
    states: int = 0
    distinct: int = 0
    bad: list[str] = field(default_factory=list)


@dataclass
class Losses:
    """One scenario on disks that lose power. `make`, `without`: seeded bugs."""

    scenario: Scenario
    make: Make = registry_on
    without: str = ""
    stop_at_first: bool = False

    def __post_init__(self) -> None:
        self.tally = Tally()
        self._seen: set[tuple[State, bool]] = set()

    def enumerate(self, *, twice: bool) -> Tally:
        """A loss after each call of the run; with `twice`, from every state left the next run loses power as well: the
        resumed one, or the one that comes meanwhile.
        """
        first = self._deaths(_before(self.scenario), self.scenario.run)
        if twice:
            for state in first:
                self._deaths(state, self.scenario.meanwhile or self.scenario.run)
        return self.tally

    def _deaths(self, start: State, run: Run) -> list[State]:
        left: dict[State, None] = {}
        for crash_after in count():
            disk = Disk(state=start, crash_after=crash_after, without=self.without)
            over = _is_over(run, self.make(disk))
            self.tally.crashes += 1
            for state in disk.states():
                self.tally.states += 1
                left[state] = None
                acknowledged = over and run is self.scenario.run
                if (state, acknowledged) not in self._seen:
                    self._seen.add((state, acknowledged))
                    self.tally.distinct += 1
                    where = f"{self.scenario.name}, power lost after call {crash_after}"
                    self.tally.bad += [f"{where}: {one}" for one in self._check(state, acknowledged=acknowledged)]
            if over or (self.tally.bad and self.stop_at_first):
                return list(left)
        raise AssertionError("count() has no end")

    def _check(self, state: State, *, acknowledged: bool) -> list[str]:
        """What is there is whole; what was acknowledged is there; resumed runs end as if nothing had happened."""
        scenario = self.scenario
        disk = Disk(state=state, without=self.without)
        reader = registry_on(disk)
        found = harm(reader, scenario=scenario, models=_MODELS)
        if acknowledged and scenario.meanwhile is None:
            found += end(reader, scenario=scenario)
        runs = [scenario.run] if scenario.meanwhile is None else [scenario.meanwhile, scenario.run]
        for _ in range(2):
            for run in runs:
                try:
                    run(self.make(disk))
                except RunError as error:
                    found.append(f"resumed: {error.reason}: {error.message}")
            found += end(reader, scenario=scenario)
        return found


def _before(scenario: Scenario) -> State:
    disk = Disk(state=EMPTY)
    for run in scenario.before:
        run(registry_on(disk))
    return disk.now()


def _is_over(run: Run, registry: Registry) -> bool:
    """Whether the run ended before the power went, also with an error of its own."""
    try:
        run(registry)
    except PowerLoss:
        return False
    except RunError:
        return True
    return True
