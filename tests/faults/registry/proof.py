"""All faults on the registry, one row of the table each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from uuid import uuid4

from tests.faults.registry.kills import kill_loop
from tests.faults.registry.mutants import BUCKET_CONTROLS, BUCKET_MUTANTS, CONTROLS, MUTANTS, quiet_pauses
from tests.faults.registry.power import Losses
from tests.faults.registry.races import race
from tests.faults.registry.requests import die_at_every_request
from tests.faults.registry.scenarios import SCENARIOS
from tests.support.s3 import BUCKET


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """twice: the resumed run loses power as well. kills and races: of each kind of store."""

    twice: bool
    kills: int
    races: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`fired`: faults that happened, of `tried`; a fault that did not fire proves nothing."""

    what: str
    tried: int
    fired: int
    unit: str
    bad: list[str] = field(default_factory=list)


def prove(*, folder: Path, size: Size, seed: int) -> list[Row]:
    """Every fault; the environment names an S3 server with an empty bucket."""
    return [
        *_power(size),
        *_deaths(size),
        *_kills(folder, size, seed),
        *_races(folder, size),
        *_mutants(),
    ]


def table(rows: list[Row]) -> str:
    """In Markdown, for docs/reliability.md."""
    lines = ["| fault | tried | fired | bad |", "|---|---|---|---|"]
    lines += [f"| {row.what} | {row.tried:,} | {row.fired:,} {row.unit} | {len(row.bad)} |" for row in rows]
    return "\n".join(lines)


def _power(size: Size) -> Iterator[Row]:
    crashes = states = distinct = 0
    bad: list[str] = []
    for scenario in SCENARIOS:
        tally = Losses(scenario=scenario).enumerate(twice=size.twice)
        crashes, states, distinct = crashes + tally.crashes, states + tally.states, distinct + tally.distinct
        bad += tally.bad
    what = f"power lost after any call to a directory ({len(SCENARIOS)} kinds of run), and what the disk may hold then"
    yield Row(what=what, tried=crashes, fired=states, unit=f"states ({distinct} of different content)", bad=bad)


def _deaths(size: Size) -> Iterator[Row]:
    scenarios = SCENARIOS if size.twice else SCENARIOS[:1]
    tally = die_at_every_request(new_prefix=lambda: uuid4().hex, scenarios=scenarios)
    yield Row(
        what="run gone before or after any request to a bucket",
        tried=tally.points,
        fired=tally.points,
        unit="moments",
        bad=tally.bad,
    )


def _places(folder: Path, lane: str) -> dict[str, Callable[[int], str]]:
    numbers = count()

    def directory(_: int) -> str:
        path = folder / f"{lane}-{next(numbers)}"
        path.mkdir()
        return str(path)

    return {"directory": directory, "bucket": lambda _: f"s3://{BUCKET}/{uuid4().hex}/default/flights"}


def _kills(folder: Path, size: Size, seed: int) -> Iterator[Row]:
    for kind, new_root in _places(folder, "killed").items():
        tally = kill_loop(new_root=new_root, fired=size.kills, seed=seed)
        bad = tally.bad if tally.fired >= size.kills else [*tally.bad, "too few kills fired in time"]
        yield Row(
            what=f"SIGKILL while publishing, {kind}", tried=tally.started, fired=tally.fired, unit="kills", bad=bad
        )


def _races(folder: Path, size: Size) -> Iterator[Row]:
    for kind, new_root in _places(folder, "raced").items():
        tally = race(new_root=new_root, races=size.races)
        bad = tally.bad if tally.races >= size.races else [*tally.bad, "too few races in time"]
        yield Row(
            what=f"8 processes race for a promotion, {kind}",
            tried=tally.races,
            fired=tally.contested,
            unit="contested",
            bad=bad,
        )


def _mutants() -> Iterator[Row]:
    with quiet_pauses():
        controls = {name: check() for name, check in {**CONTROLS, **BUCKET_CONTROLS}.items()}
        noticed = {name: check() for name, check in {**MUTANTS, **BUCKET_MUTANTS}.items()}
    bad = [f"not noticed: {name}" for name, found in noticed.items() if not found]
    bad += [f"noticed without a bug: {name}: {found}" for name, found in controls.items() if found]
    caught = sum(bool(found) for found in noticed.values())
    yield Row(
        what="seeded bugs that these checks must notice", tried=len(noticed), fired=caught, unit="noticed", bad=bad
    )
