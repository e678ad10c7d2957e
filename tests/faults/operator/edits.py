"""P7: Ready is never stale. Edits under the semantics of `kubectl wait`: never too early, never without an end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from tests.faults.operator.case import Laboratory, Running
from tests.faults.operator.many import side_by_side
from tests.faults.operator.scenarios import policy
from tests.faults.operator.world import TooLate, World
from tests.support.policies import condition


@dataclass(slots=True)
class Edits:
    """`seconds`: from each edit to Ready or Stalled of its generation."""

    seconds: list[float] = field(default_factory=list)
    early: list[str] = field(default_factory=list)
    hung: list[str] = field(default_factory=list)


async def edit_often(*, laboratory: Laboratory, policies: int, edits: int) -> Edits:
    """`edits` of each of so many policies, which are suspended: every fifth edit is one that is refused."""
    found = Edits()
    async with Running(laboratory=laboratory) as running:

        async def edit(number: int) -> None:
            for turn in range(edits):
                await _edit(world=running.world, name=f"p{number}", turn=turn, found=found)

        await side_by_side(range(policies), edit, lanes=policies)
    return found


async def _edit(*, world: World, name: str, turn: int, found: Edits) -> None:
    body = policy(suspend=True, schedule=f"{turn % 60} {turn // 60} 1 1 *")
    body["metadata"]["name"] = name
    refused = turn % 5 == 4
    if refused:
        body["spec"]["timeZone"] = "Mars/Olympus"
    begun = asyncio.get_running_loop().time()
    await world.apply(body)
    live = await world.api.call("GET", world.path("retrainpolicies", name))
    generation = live["metadata"]["generation"]
    what = f"{name}, edit {turn}"
    try:
        seen = await world.until(what, lambda: _told(world.policy(name), generation))
    except TooLate:
        found.hung.append(what)
        return
    found.seconds.append(asyncio.get_running_loop().time() - begun)
    if condition(seen, "Ready")["status"] != ("False" if refused else "True"):
        found.early.append(f"{what}: Ready is {condition(seen, 'Ready')['status']}")
    if not refused:
        cronjob = await world.api.call("GET", world.path("cronjobs", name))
        if cronjob["spec"]["schedule"] != body["spec"]["schedule"]:
            found.early.append(f"{what}: Ready before its CronJob")


def _told(body: dict[str, Any], generation: int) -> dict[str, Any] | None:
    """The policy once its status speaks of the generation, as kstatus and `kubectl wait` read it."""
    told = body.get("status", {})
    kinds = ("Ready", "Reconciling", "Stalled")
    if told.get("observedGeneration") != generation or condition(body, "Reconciling").get("status") != "False":
        return None
    return body if all(condition(body, kind).get("observedGeneration") == generation for kind in kinds) else None
