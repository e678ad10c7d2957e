"""All faults on the operator, one row of the table each."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from tests.faults.operator.case import Laboratory, Outcome, Reference, reference, run_case
from tests.faults.operator.deaths import deaths
from tests.faults.operator.deletions import STATES, delete_in
from tests.faults.operator.edits import edit_often
from tests.faults.operator.faults import Fault
from tests.faults.operator.frames import frame_faults
from tests.faults.operator.idle import be_idle
from tests.faults.operator.losses import LOSSES, lose
from tests.faults.operator.many import side_by_side
from tests.faults.operator.mutants import set_trap
from tests.faults.operator.poison import poison
from tests.faults.operator.process import Nursery
from tests.faults.operator.refusals import refusals
from tests.faults.operator.scenarios import SCENARIOS, Scenario
from tests.faults.operator.seeded import BUGS
from tests.faults.operator.server import Api, Server
from tests.faults.operator.streams import stream_faults
from tests.faults.operator.together import forgotten_jobs
from tests.support.exporter import Exporter, scraping
from tests.support.prometheus import Prometheus

Known = Mapping[str, tuple[Scenario, Reference]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """`every`: of the faults of each kind each n-th is tried. `streams`, `refusals`: kinds at each frame or request."""

    every: int
    streams: int
    refusals: int
    edits: int
    poisons: int
    bugs: tuple[str, ...]
    lanes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`fired`: faults that happened, of `tried`; one that did not fire proves nothing. `bad`: what was not right."""

    what: str
    tried: int
    fired: int
    unit: str = ""
    bad: list[str] = field(default_factory=list)
    outcomes: Sequence[Outcome] = ()


async def prove(*, server: Server, exporter: Exporter, prometheus: Prometheus, folder: Path, size: Size) -> list[Row]:
    """Every fault of this size."""
    async with Api(server=server) as api, Nursery() as nursery:
        laboratory = Laboratory(
            server=server, api=api, nursery=nursery, exporter=exporter, prometheus=prometheus, folder=folder
        )

        async def refer(scenario: Scenario) -> Reference:
            # A conflict that was met by chance makes a request that no other run makes: a fault there cannot fire.
            first = await reference(laboratory=laboratory, scenario=scenario)
            return first.in_common(await reference(laboratory=laboratory, scenario=scenario))

        references = await side_by_side(SCENARIOS, refer, lanes=size.lanes)
        known = {scenario.name: (scenario, told) for scenario, told in zip(SCENARIOS, references, strict=True)}
        rows = await _faults(laboratory, size, known)
        rows.append(_effects(rows))
        rows += await _conduct(laboratory, size)
        rows.append(await _bugs(laboratory, size, known))
        return rows


def table(rows: Sequence[Row]) -> str:
    """In Markdown, for docs/reliability.md."""
    lines = ["| fault | tried | fired | bad |", "|---|---|---|---|"]
    lines += [f"| {row.what} | {row.tried:,} | {row.fired:,} {row.unit} | {len(row.bad)} |" for row in rows]
    return "\n".join(lines)


def recovery(rows: Sequence[Row]) -> tuple[float, float]:
    """Median and 99th percentile of the seconds that a fault cost, over all cases that fired."""
    seconds = sorted(outcome.recovery for row in rows for outcome in row.outcomes if outcome.fired and not outcome.bad)
    return (seconds[len(seconds) // 2], seconds[int(len(seconds) * 0.99)]) if seconds else (0.0, 0.0)


async def _faults(laboratory: Laboratory, size: Size, known: Known) -> list[Row]:
    kinds: dict[str, list[tuple[str, Fault]]] = {}
    for number, (scenario, told) in enumerate(known.values()):
        for what, faults in (
            (
                f"operator killed before or after a write, or the reply lost ({len(known)} scenarios)",
                deaths(writes=told.writes),
            ),
            ("a Job made, and answer, event and lists lost", forgotten_jobs(writes=told.writes)),
            ("event lost, late, twice, out of order, an old one again", frame_faults(frames=told.frames)),
            (
                "watch cut, torn, silent, 410, 429, 5xx, empty",
                stream_faults(frames=told.frames, each=size.streams, first=number * 3),
            ),
            (
                "request refused (403, 409, 429, 5xx), never answered, or answered from an old list",
                refusals(writes=told.writes, reads=told.reads, each=size.refusals, first=number * 2),
            ),
        ):
            kinds.setdefault(what, []).extend((scenario.name, fault) for fault in faults)
    chosen = {what: cases[:: size.every] for what, cases in kinds.items()}

    async def run(case: tuple[str, Fault]) -> Outcome:
        scenario, expected = known[case[0]]
        return await run_case(laboratory=laboratory, scenario=scenario, fault=case[1], expected=expected)

    outcomes = iter(await side_by_side(chain.from_iterable(chosen.values()), run, lanes=size.lanes))
    return [_row(what, [next(outcomes) for _ in cases]) for what, cases in chosen.items()]


def _row(what: str, outcomes: Sequence[Outcome], unit: str = "") -> Row:
    bad = [f"{outcome.name}: {one}" for outcome in outcomes for one in outcome.bad]
    fired = sum(outcome.fired for outcome in outcomes)
    return Row(what=what, tried=len(outcomes), fired=fired, unit=unit, bad=bad, outcomes=outcomes)


def _effects(rows: Sequence[Row]) -> Row:
    """P3, over all cases above."""
    outcomes = [outcome for row in rows for outcome in row.outcomes]
    made = sum(outcome.effects for outcome in outcomes)
    twice = [f"{outcome.name}: {one}" for outcome in outcomes for one in outcome.duplicates]
    return Row(what="runs started for a cause or request, under all of these", tried=made, fired=made, bad=twice)


async def _conduct(laboratory: Laboratory, size: Size) -> list[Row]:
    """P6, P7, P9, P14, P15."""

    async def lost(loss: str) -> Outcome:
        return await lose(laboratory=laboratory, loss=loss)

    async def deleted(case: tuple[str, bool]) -> Outcome:
        return await delete_in(laboratory=laboratory, state=case[0], up=case[1])

    states = [(state, up) for state in STATES for up in (True, False)]
    losses = await side_by_side(LOSSES, lost, lanes=size.lanes)
    deletions = await side_by_side(states, deleted, lanes=size.lanes)
    # One after the other: their seconds are told.
    silence = await be_idle(laboratory=laboratory)
    edits = await edit_often(laboratory=laboratory, policies=10, edits=size.edits // 10)
    poisoned = await poison(laboratory=laboratory, healthy=20, poisons=size.poisons, seed=20130301)
    return [
        _row("Job, pod or operator lost, and told by the next run", losses, "recovered"),
        _row("policy deleted in each state, operator up or down", deletions, "deleted"),
        Row(
            what=f"{silence.policies} idle policies, six resyncs and a restart",
            tried=silence.lists,
            fired=silence.lists,
            unit="full lists of each kind, no write",
            bad=silence.bad,
        ),
        Row(
            what="edits under the semantics of `kubectl wait`: too early, or hung",
            tried=size.edits,
            fired=len(edits.seconds),
            unit=f"told, 95 % within {_percentile(edits.seconds, 0.95):.1f} s",
            bad=edits.early + edits.hung,
        ),
        Row(
            what=f"healthy policies beside {poisoned.poisons} poisoned objects",
            tried=20,
            fired=poisoned.healthy,
            unit=f"in time, the slowest within {max(poisoned.seconds, default=0.0):.1f} s",
            bad=poisoned.bad,
        ),
    ]


def _percentile(values: Sequence[float], part: float) -> float:
    return sorted(values)[int(len(values) * part)] if values else 0.0


async def _bugs(laboratory: Laboratory, size: Size, known: Known) -> Row:
    async def trapped(case: tuple[str, bool]) -> list[Outcome]:
        return await set_trap(laboratory=laboratory, bug=case[0], planted=case[1], scenarios=known)

    cases = [(bug, planted) for bug in size.bugs for planted in (True, False)]
    found = dict(zip(cases, await side_by_side(cases, trapped, lanes=size.lanes), strict=True))
    noticed = {bug: any(outcome.bad for outcome in found[bug, True]) for bug in size.bugs}
    bad = [f"not noticed: {bug}" for bug in size.bugs if not noticed[bug]]
    bad += [
        f"noticed without the bug {bug}: {outcome.name}: {one}"
        for bug in size.bugs
        for outcome in found[bug, False]
        for one in outcome.bad
    ]
    return Row(
        what="seeded bugs that these checks must notice",
        tried=len(size.bugs),
        fired=sum(noticed.values()),
        unit="noticed",
        bad=bad,
    )


QUICK = Size(
    every=24,
    streams=2,
    refusals=2,
    edits=50,
    poisons=5,
    bugs=("Jobs have random names", "old news is believed", "Events go out before the status"),
    lanes=8,
)
FULL = Size(every=1, streams=2, refusals=2, edits=200, poisons=40, bugs=tuple(BUGS), lanes=12)


def run_proof(*, server: Server, folder: Path, size: Size) -> list[Row]:
    """`prove`, for those who have no event loop."""
    with closing(Exporter()) as exporter, scraping(exporter, folder=folder / "prometheus") as prometheus:
        return asyncio.run(prove(server=server, exporter=exporter, prometheus=prometheus, folder=folder, size=size))
