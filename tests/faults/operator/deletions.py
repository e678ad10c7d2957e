"""P15: deleting a policy is never held up, stops its runs and leaves no orphan, in whatever state it is."""

from __future__ import annotations

from collections.abc import Mapping

from tests.faults.operator.case import Laboratory, Outcome, Running
from tests.faults.operator.scenarios import Play, Stage, new_policy, policy, running, shown, told
from tests.faults.operator.server import ApiError
from tests.faults.operator.world import TooLate


async def suspended(stage: Stage) -> None:
    await stage.world.apply(policy(suspend=True))
    await told(stage.world, "Suspended", "True")


async def refused(stage: Stage) -> None:
    await stage.world.apply(policy(timeZone="Mars/Olympus"))
    await told(stage.world, "Stalled", "True")


async def asked(stage: Stage) -> None:
    """A run is under way and another one is asked for."""
    await running(stage)
    await stage.world.annotate({"retrain.dev/train": "now"})
    await stage.world.until("the request is pending", lambda: stage.world.status().get("pending"))


async def ended_unseen(stage: Stage) -> None:
    """The run has ended, and the operator does not know."""
    await running(stage)
    job = await shown(stage.world, "check:Initial@1")
    await stage.operator.down()
    await stage.world.end_run(job)


STATES: Mapping[str, Play] = {
    "suspended": suspended,
    "refused": refused,
    "a run under way": running,
    "a request pending": asked,
    "a run ended and not seen": ended_unseen,
    "a run recorded": new_policy,
}


async def delete_in(*, laboratory: Laboratory, state: str, up: bool) -> Outcome:
    """Deletes the policy in that state, with the operator up or down."""
    outcome = Outcome(name=f"deleted with {state}, operator {'up' if up else 'down'}")
    async with Running(laboratory=laboratory) as case:
        world = case.world
        try:
            await STATES[state](case.stage)
            await (case.operator.start() if up else case.operator.down())
            await world.delete("retrainpolicies", "flights")
            await world.until("the policy is gone", lambda: not world.policy())
            outcome.fired = True
            if not up:
                await case.operator.start()
            await world.until("its children are gone", lambda: not world.present("cronjobs") + world.present("jobs"))
            await case.quiet(lists=2)
        except (TooLate, ApiError) as error:
            outcome.bad.append(f"{type(error).__name__}: {error}")
        orphans = [*world.present("cronjobs"), *world.present("jobs")]
        outcome.bad += [f"orphan: {body['kind']} {body['metadata']['name']}" for body in orphans]
    return outcome
