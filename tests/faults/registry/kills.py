"""A publishing process, killed without notice at a random moment; then the registry is read and the run resumed.

This shows that the order of the writes and the retry are right, on real disks and a real S3 server. It cannot show a
missing fsync: `power` does.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection

from tests.faults.registry.scenarios import Scenario, harm, model_of, publish
from tests.unit.trainer.registry.builders import registry_at

#: Runs of one registry: more would make its listings slow, and show nothing new.
_RUNS = 40
#: Forked from a process that has everything imported and never spoke to a store.
CONTEXT = get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.faults.registry.kills", "obstore.store"])


@dataclass
class Kills:
    """started: processes. fired: those that died by the signal, between the first and the last of their writes."""

    started: int = 0
    fired: int = 0
    bad: list[str] = field(default_factory=list)


def surroundings() -> dict[str, str]:
    """The environment of this moment. A fork server has that of its own start, which may name a server long gone."""
    return dict(os.environ)


def adopt(environment: dict[str, str]) -> None:
    """In a child: the environment of whoever asked for it."""
    os.environ.update(environment)


def _child(root: str, name: str, ready: Connection, environment: dict[str, str]) -> None:
    adopt(environment)
    registry = registry_at(root)
    registry.counters()  # the connection stands
    ready.send_bytes(b"ready")
    publish(name)(registry)


def kill_loop(*, new_root: Callable[[int], str], fired: int, seed: int, limit: float = 540.0) -> Kills:
    """Kills until so many have fired. `new_root`: a fresh registry; `limit`: seconds."""
    tally, draw = Kills(), random.Random(seed)
    span, deadline = 0.05, time.monotonic() + limit
    root, models = "", dict[bytes, str]()
    while tally.fired < fired and time.monotonic() < deadline:
        if tally.started % _RUNS == 0:
            root, models = new_root(tally.started // _RUNS), {}
        name = f"run-{tally.started}"
        models[model_of(name)] = name
        tally.started += 1
        killed = _kill(root=root, name=name, after=draw.uniform(0, span))
        tally.fired += killed
        # So that about four of five die while they write.
        span = min(span * 1.02, 2.0) if killed else max(span * 0.93, 0.002)
        tally.bad += [f"{root} {name}: {one}" for one in _wrong(root=root, name=name, models=models)]
    return tally


def _kill(*, root: str, name: str, after: float) -> bool:
    here, there = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_child, args=(root, name, there, surroundings()), daemon=True)
    process.start()
    there.close()
    try:
        here.recv_bytes()
        process.join(timeout=after)
        process.kill()
        process.join()
        return process.exitcode == -9
    finally:
        here.close()
        process.kill()  # where it failed before it was ready, its own error is the one to see
        process.join()
        process.close()


def _wrong(*, root: str, name: str, models: dict[bytes, str]) -> list[str]:
    """Right after the death, and once the run was resumed: one version, one promotion, in use."""
    registry = registry_at(root)
    scenario = Scenario(
        name=name, before=(), run=publish(name), champion=(name,), promotions=len(models)
    )  # each run of a registry is resumed before the next
    found = harm(registry, scenario=scenario, models=models)
    scenario.run(registry)
    champion, counters = registry.champion(), registry.counters()
    if champion is None or champion.manifest.run != name or champion.promotion.run != name:
        found.append("the resumed run is not in use")
    if (counters.promotions, counters.trainings) != (len(models), len(models)):
        found.append(f"{counters} after {len(models)} runs")
    return found
