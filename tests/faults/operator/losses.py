"""P14: what a run came to survives the loss of its Job, its pod and the operator; the next run's message tells it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tests.faults.operator.case import Laboratory, Outcome, Running
from tests.faults.operator.scenarios import Stage, kept, recorded, running, shown
from tests.faults.operator.server import ApiError
from tests.faults.operator.world import TooLate

Loss = Callable[[Stage, dict[str, Any]], Awaitable[None]]


async def _lose_job(stage: Stage, job: dict[str, Any]) -> None:
    name = job["metadata"]["name"]
    await stage.world.delete("jobs", name)
    await stage.world.delete("pods", f"{name}-0")


async def job_under_way(stage: Stage, job: dict[str, Any]) -> None:
    """Its pod has written to the registry, and Job and pod are deleted before they end."""
    await _lose_job(stage, job)


async def job_under_way_operator_down(stage: Stage, job: dict[str, Any]) -> None:
    await stage.operator.down()
    await _lose_job(stage, job)


async def ended_job_operator_down(stage: Stage, job: dict[str, Any]) -> None:
    await stage.operator.down()
    await stage.world.end_run(job)
    await _lose_job(stage, job)


async def pod_of_ended_job_operator_down(stage: Stage, job: dict[str, Any]) -> None:
    await stage.operator.down()
    await stage.world.end_run(job)
    await stage.world.delete("pods", f"{job['metadata']['name']}-0")


async def recorded_job(stage: Stage, job: dict[str, Any]) -> None:
    await stage.world.end_run(job)
    await recorded(stage.world, "check:Initial@1")
    await _lose_job(stage, job)


async def operator_after_the_end(stage: Stage, job: dict[str, Any]) -> None:
    await stage.world.end_run(job)
    await stage.operator.down()


LOSSES: Mapping[str, Loss] = {
    "the Job under way": job_under_way,
    "the Job under way, operator down": job_under_way_operator_down,
    "the ended Job, operator down": ended_job_operator_down,
    "the pod of the ended Job, operator down": pod_of_ended_job_operator_down,
    "the recorded Job": recorded_job,
    "the operator, at the end of the run": operator_after_the_end,
}


async def lose(*, laboratory: Laboratory, loss: str) -> Outcome:
    """A run that promoted version 1 is lost; the next one tells of it, and the status has both."""
    outcome = Outcome(name=f"lost: {loss}")
    async with Running(laboratory=laboratory) as case:
        stage = case.stage
        try:
            await running(stage)
            job = await shown(case.world, "check:Initial@1")
            await LOSSES[loss](stage, job)
            outcome.fired = True
            await stage.operator.start()
            await case.world.annotate({"retrain.dev/check": "look"})
            following = await shown(case.world, "check:Request@1:look")
            told = {"job": job["metadata"]["name"], "outcome": "Promoted", "time": "2026-03-01T00:00:00Z", "version": 1}
            await case.world.end_run(following, message={**kept(following), "earlier": [told]})
            await recorded(case.world, "check:Request@1:look")
            await case.quiet()
        except (TooLate, ApiError) as error:
            outcome.bad.append(f"{type(error).__name__}: {error}")
        status = case.world.status()
        outcomes = [run["outcome"] for run in status.get("runs", [])]
        if outcomes != ["Kept", "Promoted"] or status.get("modelVersion") != 1:
            outcome.bad.append(f"version {status.get('modelVersion')}, runs {outcomes}")
    return outcome
