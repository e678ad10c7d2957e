"""P6: an idle system is silent, and a restart costs no writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.faults.operator.case import Laboratory, Running, poll
from tests.faults.operator.faults import Fault
from tests.faults.operator.scenarios import Stage, kept, policy, recorded, shown
from tests.faults.operator.server import ApiError
from tests.faults.operator.world import TooLate


@dataclass(slots=True, kw_only=True)
class Silence:
    """`lists`: full lists of each kind that were answered meanwhile."""

    policies: int
    lists: int
    bad: list[str]


async def be_idle(*, laboratory: Laboratory, resyncs: int = 3) -> Silence:
    """Policies in each resting state, three resyncs, a restart and three more."""
    bad: list[str] = []
    async with Running(laboratory=laboratory) as running:
        world = running.world
        try:
            await _settle(running.stage)
            await running.quiet()
        except (TooLate, ApiError) as error:
            return Silence(policies=0, lists=0, bad=[f"{type(error).__name__}: {error}"])
        running.proxy.arm(Fault("none"), kill=running.operator.kill)
        before = running.proxy.lists["job"]
        await poll("lists", lambda: running.proxy.lists["job"] > before + resyncs)
        await running.operator.down()
        await running.operator.start()
        again = running.proxy.lists["job"]
        await poll("lists after a restart", lambda: running.proxy.lists["job"] > again + resyncs)
        bad += [str(label) for label, _ in running.proxy.writes]
        return Silence(
            policies=len(world.present("retrainpolicies")), lists=running.proxy.lists["job"] - before, bad=bad
        )


async def _settle(stage: Stage) -> None:
    """One policy that has run, one that runs, one suspended, one without a schedule, one whose spec is refused."""
    world = stage.world
    job_section = {
        "resources": {"requests": {"cpu": "0.25", "memory": "1024Mi"}, "limits": {"memory": "2048Mi"}},
        "env": [{"name": "A", "value": "$(RETRAIN_ACTION) $$ $"}, {"name": "B", "value": ""}],
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
    }
    await world.apply(policy(job=job_section))
    job = await shown(world, "check:Initial@1")
    await world.end_run(job)
    await recorded(world, "check:Initial@1")
    await world.annotate({"retrain.dev/check": "look"})
    job = await shown(world, "check:Request@1:look")
    await world.end_run(job, message=kept(job))
    await recorded(world, "check:Request@1:look")
    specs: dict[str, dict[str, Any]] = {
        "runs": {},
        "suspended": {"suspend": True},
        "unscheduled": {"schedule": None},
        "refused": {"timeZone": "Mars/Olympus"},
    }
    for name, spec in specs.items():
        body = policy(**spec)
        body["metadata"]["name"] = name
        await world.apply(body)
    await world.until("every status", lambda: all(world.status(name).get("observedGeneration") for name in specs))
