"""One case: a scenario, once, with at most one fault, and what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.faults.operator.calls import calls, settings
from tests.faults.operator.faults import Fault
from tests.faults.operator.labels import Label
from tests.faults.operator.oracles import changes, early_events, effects, too_many
from tests.faults.operator.process import Nursery, Operator
from tests.faults.operator.proxy import Proxy
from tests.faults.operator.scenarios import Scenario, Stage
from tests.faults.operator.server import Api, ApiError, Server
from tests.faults.operator.state import differences, end_state
from tests.faults.operator.world import PATIENCE, TooLate, World
from tests.support.exporter import Exporter
from tests.support.prometheus import Prometheus

#: Seconds. A case waits for full lists, so they come often; a Job that does not start is none of its business.
SETTINGS: Mapping[str, Any] = {
    "resyncSeconds": 0.5,
    "inactivitySeconds": 3.0,
    "requestTimeoutSeconds": 2.0,
    "waitingLooksSeconds": [600],
}
#: Seconds after the last step within which the end state must be that of the reference.
CONVERGE = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Laboratory:
    """What all cases share."""

    server: Server
    api: Api
    nursery: Nursery
    exporter: Exporter
    prometheus: Prometheus
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A run without faults: the end state, how often each object changed, and the labels met on the way."""

    state: Mapping[str, Any]
    changes: Mapping[str, int]
    seconds: float
    writes: tuple[Label, ...]
    reads: tuple[Label, ...]
    frames: tuple[Label, ...]

    def in_common(self, other: Reference) -> Reference:
        """What both runs met; of the changes the larger count."""
        return replace(
            self,
            changes={
                what: max(self.changes.get(what, 0), other.changes.get(what, 0))
                for what in self.changes.keys() | other.changes.keys()
            },
            writes=tuple(label for label in self.writes if label in other.writes),
            reads=tuple(label for label in self.reads if label in other.reads),
            frames=tuple(label for label in self.frames if label in other.frames),
        )


@dataclass(slots=True)
class Outcome:
    """`bad` is empty where all is well. `recovery`: seconds that the scenario took longer than its reference."""

    name: str
    fired: bool = False
    recovery: float = 0.0
    restarts: int = 0
    #: Jobs that the operator made.
    effects: int = 0
    duplicates: list[str] = field(default_factory=list)
    log: str = field(default="", repr=False)
    bad: list[str] = field(default_factory=list)


class Running:
    """A scenario's surroundings while it runs. `async with` starts and stops them."""

    def __init__(
        self,
        *,
        laboratory: Laboratory,
        bug: str | None = None,
        changes: Mapping[str, Any] | None = None,
        patience: float = PATIENCE,
    ) -> None:
        name = f"case-{uuid4().hex[:10]}"
        self._laboratory = laboratory
        self.world = World(api=laboratory.api, namespace=name, patience=patience)
        self.proxy = Proxy(server=laboratory.server.url, ca=laboratory.server.ca)
        self.calls = calls(exporter=laboratory.exporter, model=name)
        self._bug = bug
        self._settings = {**SETTINGS, **(changes or {})}

    async def __aenter__(self) -> Running:
        await self.world.__aenter__()
        await self.proxy.__aenter__()
        folder = self._laboratory.folder / self.world.namespace
        folder.mkdir(parents=True)
        called = settings(calls=self.calls, prometheus=self._laboratory.prometheus, folder=folder)
        self.operator = Operator(
            nursery=self._laboratory.nursery,
            server=self.proxy.url,
            token=self._laboratory.server.operator_token,
            namespaces=(self.world.namespace,),
            folder=folder,
            bug=self._bug,
            settings={**called, **self._settings},
        )
        await self.operator.start()
        await self.in_sync()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.operator.stop()
        self.calls.forget()
        await self.proxy.__aexit__()
        await self.world.__aexit__()

    @property
    def stage(self) -> Stage:
        """Where a scenario plays here."""
        return Stage(world=self.world, operator=self.operator, calls=self.calls)

    async def in_sync(self) -> None:
        """Waits until the operator watches every kind."""
        await poll("the operator watches", self.proxy.watching, describe=lambda: self.operator.log)

    async def quiet(self, *, lists: int = 1) -> None:
        """Waits until so many full lists were answered with no change on the server since the first of them, and no
        request to change anything: one that changes nothing is one too many as well.
        """
        deadline = _now() + CONVERGE
        before, seen = self._done(), self.proxy.lists["job"]
        while self.proxy.lists["job"] < seen + lists + 1:
            await asyncio.sleep(0.02)
            if self._done() != before:
                before, seen = self._done(), self.proxy.lists["job"]
            if _now() > deadline:
                raise TooLate("it does not come to rest")

    def _done(self) -> tuple[Mapping[str, int], int]:
        return changes(self.world), len(self.proxy.writes)


async def poll(what: str, look: Any, *, seconds: float = CONVERGE, describe: Any = str) -> None:
    """Until `look` is true. Raises TooLate."""
    deadline = _now() + seconds
    while not look():
        if _now() > deadline:
            raise TooLate(f"not within {seconds:g} s: {what}\n{describe()}")
        await asyncio.sleep(0.02)


async def reference(*, laboratory: Laboratory, scenario: Scenario) -> Reference:
    """The scenario without a fault."""
    async with Running(laboratory=laboratory) as running:
        stage = running.stage
        await scenario.prepare(stage)
        await running.quiet(lists=0)
        running.proxy.arm(Fault("none"), kill=running.operator.kill)
        begun = _now()
        await scenario.steps(stage)
        seconds = _now() - begun
        await running.quiet()
        return Reference(
            state=end_state(running.world),
            changes=changes(running.world),
            seconds=seconds,
            writes=tuple(label for label, _ in running.proxy.writes),
            reads=tuple(running.proxy.reads),
            frames=tuple(running.proxy.frames),
        )


async def run_case(
    *,
    laboratory: Laboratory,
    scenario: Scenario,
    fault: Fault,
    expected: Reference,
    bug: str | None = None,
    patience: float = PATIENCE,
    settings: Mapping[str, Any] | None = None,
) -> Outcome:
    """The scenario with the fault, judged against the reference."""
    outcome = Outcome(name=f"{scenario.name}: {fault.name}")
    try:
        async with Running(laboratory=laboratory, bug=bug, patience=patience, changes=settings) as running:
            await _judge(running=running, scenario=scenario, fault=fault, expected=expected, outcome=outcome)
    except (TooLate, ApiError) as error:
        outcome.bad.append(f"{type(error).__name__}: {error}")
    outcome.fired = fault.fired
    return outcome


async def _judge(*, running: Running, scenario: Scenario, fault: Fault, expected: Reference, outcome: Outcome) -> None:
    stage = running.stage
    await scenario.prepare(stage)
    await running.quiet(lists=0)
    restarts = len(running.operator.ends)
    running.proxy.arm(fault, kill=running.operator.kill)
    begun = _now()
    try:
        await scenario.steps(stage)
        await poll(
            "the end state of the reference",
            lambda: end_state(running.world) == expected.state,
            seconds=running.world.patience,
        )
        outcome.recovery = max(0.0, _now() - begun - expected.seconds)
        await poll("the fault is over", lambda: not fault.under_way())
        await running.quiet()
    except (TooLate, ApiError) as error:
        outcome.bad.append(f"{type(error).__name__}: {error}")
    outcome.bad += differences(end_state(running.world), expected.state)
    outcome.bad += too_many(changes=changes(running.world), expected=expected.changes, demanded=fault.demands)
    outcome.bad += early_events(running.proxy.writes)
    made = effects(running.world)
    outcome.effects = made.total()
    outcome.duplicates = [f"{count} Jobs for {what}" for what, count in made.items() if count > 1]
    outcome.bad += outcome.duplicates
    outcome.restarts = len(running.operator.ends) - restarts
    if "unexpected; again" in running.operator.log:
        outcome.bad.append(f"the operator printed a traceback: {running.operator.log[-2000:]}")
    outcome.log = running.operator.log


def _now() -> float:
    return asyncio.get_running_loop().time()
