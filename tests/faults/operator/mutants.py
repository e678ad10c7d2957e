"""Seeded bugs, and the case that must notice each. Without the bug the same case passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.faults.operator.case import Laboratory, Outcome, Reference, run_case
from tests.faults.operator.deaths import Death
from tests.faults.operator.faults import Fault
from tests.faults.operator.frames import Dropped, Held, ToldAgain
from tests.faults.operator.labels import Label
from tests.faults.operator.refusals import Again, OldLists
from tests.faults.operator.scenarios import Scenario
from tests.faults.operator.seeded import BUGS
from tests.faults.operator.together import forgotten_job

#: Seconds: a bug that makes people wait for ever is noticed sooner than a slow machine is excused.
_PATIENCE = 10.0
#: So that no watch is opened again meanwhile, which would bring what was dropped.
_SETTINGS = {"inactivitySeconds": 60.0}

INITIAL = "job check:Initial@1"
CALLED = "job check:Prometheus@1:<time>"
STATUS = "policy flights status"


def at(verb: str, what: str, nth: int = 1) -> Label:
    """A label."""
    return Label(verb=verb, what=what, nth=nth)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trap:
    """The scenario and the faults, one case each, of which at least one must show a bug."""

    scenario: str
    faults: Callable[[], tuple[Fault, ...]]


TRAPS: Mapping[str, Trap] = {
    "Jobs have random names": Trap(scenario="new policy", faults=lambda: (forgotten_job(at("POST", INITIAL)),)),
    "the resync lists, and looks at nothing": Trap(
        scenario="new policy", faults=lambda: (Dropped(label=at("MODIFIED", INITIAL)),)
    ),
    "children are written without a live read of the policy": Trap(
        scenario="deleted and made anew", faults=lambda: (Held(label=at("DELETED", "policy flights")),)
    ),
    "old news is believed": Trap(scenario="new policy", faults=lambda: (ToldAgain(label=at("ADDED", INITIAL)),)),
    "acts on the body of the event": Trap(
        scenario="edit of the model", faults=lambda: (ToldAgain(label=at("MODIFIED", "policy flights")),)
    ),
    "the status is written without resourceVersion": Trap(
        scenario="new policy", faults=lambda: (Again(label=at("PATCH", STATUS)),)
    ),
    "a Job is marked before its run stands in the status": Trap(
        scenario="new policy", faults=lambda: (Death(label=at("PATCH", INITIAL), moment="killed after"),)
    ),
    "Events go out before the status": Trap(
        scenario="new policy", faults=lambda: (Death(label=at("PATCH", STATUS), moment="killed before"),)
    ),
    "a request counts as handled before its Job is made": Trap(
        scenario="request", faults=lambda: (Death(label=at("POST", "job train:Request@1:now"), moment="killed before"),)
    ),
    "a full list drops no ghosts": Trap(
        scenario="run deleted by hand", faults=lambda: (Dropped(label=at("DELETED", INITIAL)),)
    ),
    "lists of the past are believed": Trap(
        scenario="run deleted by hand", faults=lambda: (OldLists(label=at("PATCH", STATUS), after=1),)
    ),
    "conditions speak of the first generation for ever": Trap(
        scenario="suspended and resumed", faults=lambda: (Fault("no fault"),)
    ),
    "the status is written at every look": Trap(scenario="new policy", faults=lambda: (Fault("no fault"),)),
    # Three times: within the same second the second call is the first one.
    "a run is started before its call stands in the status": Trap(
        scenario="query",
        faults=lambda: tuple(Death(label=at("POST", CALLED), moment="killed after") for _ in range(3)),
    ),
    "an alert is answered before it stands in the status": Trap(
        scenario="alert", faults=lambda: (Death(label=at("PATCH", STATUS), moment="killed before"),)
    ),
}
assert TRAPS.keys() == BUGS.keys()


async def set_trap(
    *, laboratory: Laboratory, bug: str, planted: bool, scenarios: Mapping[str, tuple[Scenario, Reference]]
) -> list[Outcome]:
    """The cases of a bug until one is bad: with the bug or, as a control, without it."""
    trap = TRAPS[bug]
    scenario, expected = scenarios[trap.scenario]
    outcomes = []
    for fault in trap.faults():
        outcome = await run_case(
            laboratory=laboratory,
            scenario=scenario,
            fault=fault,
            expected=expected,
            bug=bug if planted else None,
            patience=_PATIENCE,
            settings=_SETTINGS,
        )
        outcomes.append(outcome)
        if outcome.bad:
            break
    return outcomes
