"""What one look at a policy costs the operator: the pure part, for a policy in which nothing is to be done.

python -m bench.plan [--looks 2000]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from retrain_operator.planning.believed import believed
from retrain_operator.planning.digests import digests_of
from retrain_operator.planning.plan import make_plan

from tests.unit.operator.world import ADMIN, World

RESULTS = Path(__file__).parent / "results" / "plan.json"
ROUNDS = 7
#: A full status: as many runs as its history keeps.
RUNS = 10


def _settled() -> World:
    world = World()
    world.settle()
    for _ in range(RUNS):
        world.start()
        world.finish()
        world.settle()
        world.delete_recorded()
        world.later(days=7)
        world.fire()
        world.settle()
    world.finish()
    world.settle()
    return world


def _microseconds(work: Callable[[], object], *, looks: int) -> float:
    """CPU time of one call, the median of some rounds."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(looks):
            work()
        rounds.append((time.process_time() - began) / looks * 1e6)
    return statistics.median(rounds)


def main() -> None:
    """Prints the table and writes it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--looks", type=int, default=2_000)
    looks = parser.parse_args().looks
    world = _settled()
    observed, now = world.observe(recorded_too=True), world.now
    if make_plan(observed=observed, admin=ADMIN, now=now).writes:
        raise SystemExit("the policy is not settled: its plan has writes")
    policy = observed.policy
    figures = {
        "plan": _microseconds(lambda: make_plan(observed=observed, admin=ADMIN, now=now), looks=looks),
        "of it: times of the future": _microseconds(lambda: believed(policy.status, now=now), looks=looks),
        "of it: digests of the spec": _microseconds(lambda: digests_of(policy=policy), looks=looks),
    }
    for name, value in figures.items():
        print(f"{name:30} {value:8.0f} µs")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"runs": RUNS, "looks": looks, "microseconds": figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()
