"""Eight processes that want the next promotion: one of them gets it, the others are told and decide again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from retrain_trainer.registry.registry import Registry

from tests.faults.registry.kills import CONTEXT, adopt, surroundings
from tests.faults.registry.scenarios import model_of, publish
from tests.unit.trainer.registry.builders import promotion, registry_at

WRITERS = 8
#: Promotions that each writer wins in one registry.
_WINS = 4


@dataclass
class Races:
    """races: numbers of the log that were given away; contested: those that two or more wanted at the same time."""

    races: int = 0
    contested: int = 0
    bad: list[str] = field(default_factory=list)


def _promote_many(root: str, mine: int, start: float) -> list[tuple[int, bool]]:
    """Every number that was tried, and whether it was won."""
    registry = registry_at(root)
    champion = registry.champion()
    tried: list[tuple[int, bool]] = []
    time.sleep(max(0.0, start - time.time()))
    while sum(won for _, won in tried) < _WINS:
        assert champion is not None
        number = champion.promotion.number + 1
        run = f"writer-{mine}-{number}"
        tried.append((number, registry.log.append(promotion=promotion(number=number, version=1, run=run))))
        champion = registry.champion()
    return tried


def race(*, new_root: Callable[[int], str], races: int, limit: float = 540.0) -> Races:
    """At least so many races, in registries of 32 each, until `limit` seconds are over."""
    tally, deadline = Races(), time.monotonic() + limit
    with CONTEXT.Pool(WRITERS, initializer=adopt, initargs=(surroundings(),)) as pool:
        while tally.races < races and time.monotonic() < deadline:
            root = new_root(tally.races)
            publish("first")(registry_at(root))
            start = time.time() + 0.05
            tried = pool.starmap(_promote_many, [(root, mine, start) for mine in range(WRITERS)], chunksize=1)
            tally.races += WRITERS * _WINS
            wanted = [number for each in tried for number, _ in each]
            tally.contested += sum(wanted.count(number) > 1 for number in set(wanted))
            tally.bad += [f"{root}: {one}" for one in _wrong(registry=registry_at(root), tried=tried)]
    return tally


def _wrong(*, registry: Registry, tried: list[list[tuple[int, bool]]]) -> list[str]:
    found = []
    winners = {number: mine for mine, each in enumerate(tried) for number, won in each if won}
    won = sorted(number for each in tried for number, mine in each if mine)
    if won != list(range(2, 2 + WRITERS * _WINS)):
        found.append(f"numbers won: {won}")
    for number, mine in winners.items():
        entry = registry.log.of_run(key=f"writer-{mine}-{number}", after=number - 1)
        if entry is None or entry.number != number:
            found.append(f"promotion {number} is not its winner's")
    champion = registry.champion()
    if champion is None or registry.versions.model(manifest=champion.manifest) != model_of("first"):
        found.append("the champion is not whole")
    return found
