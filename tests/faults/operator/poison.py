"""P9: one poisoned object stops no other. Healthy policies beside objects that somebody has filled with rubbish."""

from __future__ import annotations

import asyncio
import copy
import json
import random
from dataclasses import dataclass, field
from typing import Any

from retrain_operator.api import names

from tests.faults.operator.case import Laboratory, Running
from tests.faults.operator.many import side_by_side
from tests.faults.operator.scenarios import policy
from tests.faults.operator.server import ApiError
from tests.faults.operator.world import TooLate, World
from tests.support.policies import a_message

#: Texts that have broken parsers.
RUBBISH = (
    "",
    " ",
    "0",
    "-1",
    "9" * 400,
    "1e999",
    "NaN",
    "null",
    "None",
    "true",
    "1@",
    "@",
    "2@2@2",
    "\u0000",
    "\ud83d\ude00" * 50,
    "\u202egnp.exe",
    "$(RETRAIN_POLICY)",
    "${jndi:ldap://x}",
    "../../etc/passwd",
    "{" * 2000,
    "[" * 2000,
    json.dumps({"v": 1}),
    "x" * 100_000,
    "2026-13-45T99:99:99Z",
    "0001-01-01T00:00:00+23:59",
    "a\nb\tc\r",
)
_ANNOTATIONS = (
    *names.REQUEST_ANNOTATIONS.values(),
    names.ANNOTATION_CAUSE,
    names.ANNOTATION_REQUEST,
    names.ANNOTATION_GENERATION,
    names.ANNOTATION_SPEC_DIGEST,
    names.ANNOTATION_THRESHOLD,
    names.ANNOTATION_SCHEDULED,
    names.ANNOTATION_POLICY,
    names.ANNOTATION_DESIRED,
)


@dataclass(slots=True)
class Poisoned:
    """`healthy`: policies whose first run was recorded in time; `seconds` that each took."""

    poisons: int = 0
    healthy: int = 0
    seconds: list[float] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)


async def poison(*, laboratory: Laboratory, healthy: int, poisons: int, seed: int) -> Poisoned:
    """`poisons` objects of each kind, then `healthy` policies from their creation to their first result."""
    found, draw = Poisoned(), random.Random(seed)
    async with Running(laboratory=laboratory) as running:
        world = running.world
        for number in range(poisons):
            found.poisons += await _poisoned_policy(world=world, name=f"poisoned-{number}", draw=draw)
        victims = [f"healthy-{number}" for number in range(healthy)]

        async def live(name: str) -> None:
            begun = asyncio.get_running_loop().time()
            try:
                await _live(world=world, name=name, draw=draw, found=found)
            except (TooLate, ApiError) as error:
                found.bad.append(f"{name}: {type(error).__name__}: {error}")
                return
            found.healthy += 1
            found.seconds.append(asyncio.get_running_loop().time() - begun)

        await side_by_side(victims, live, lanes=healthy)
        # Each poisoned run ends with rubbish, too, while the operator is watching.
        if "unexpected; again" in running.operator.log:
            found.bad.append(f"a traceback: {running.operator.log[-3000:]}")
        if running.operator.ends:
            found.bad.append(f"the operator ended: {running.operator.ends}")
    return found


async def _poisoned_policy(*, world: World, name: str, draw: random.Random) -> int:
    """A policy with rubbish in its annotations, whose Initial run ends with a rubbish message. Objects made."""
    body = policy()
    body["metadata"]["name"] = name
    wanted = {annotation: draw.choice(RUBBISH) for annotation in _ANNOTATIONS}
    body["metadata"]["annotations"] = wanted
    try:
        await world.apply(body)
    except ApiError:
        return 0
    made = 1
    job = await world.until(f"the first Job of {name}", lambda: _jobs_of(world, name))
    made += await _stray_job(world=world, template=job[0], draw=draw, owner=world.policy(name)["metadata"]["uid"])
    await world.end_run(job[0], message=rubbish_message(job=job[0], draw=draw), exit_code=draw.choice((0, 1, 137)))
    return made + 1


async def _live(*, world: World, name: str, draw: random.Random, found: Poisoned) -> None:
    body = policy()
    body["metadata"]["name"] = name
    await world.apply(body)
    job = (await world.until(f"the first Job of {name}", lambda: _jobs_of(world, name)))[0]
    # Jobs that claim to be this policy's, by every label, and are not.
    found.poisons += await _stray_job(world=world, template=job, draw=draw, owner=None)
    await world.end_run(job)
    await world.until(f"the result of {name}", lambda: world.status(name).get("modelVersion") == 1)


def _jobs_of(world: World, name: str) -> list[dict[str, Any]]:
    uid = world.policy(name).get("metadata", {}).get("uid")
    return [
        body
        for body in world.present("jobs")
        if any(owner["uid"] == uid for owner in body["metadata"].get("ownerReferences", []))
    ]


async def _stray_job(*, world: World, template: dict[str, Any], draw: random.Random, owner: str | None) -> int:
    """A finished Job with the labels of `template` and rubbish in its annotations; owned by the policy or by nobody."""
    body = copy.deepcopy(template)
    name = f"stray-{draw.getrandbits(40):x}"
    annotations = {annotation: draw.choice(RUBBISH)[:2000] for annotation in _ANNOTATIONS}
    labels = {key: value for key, value in body["metadata"]["labels"].items() if "batch.kubernetes.io" not in key}
    metadata: dict[str, Any] = {"name": name, "labels": labels, "annotations": annotations}
    if owner is not None:
        metadata["ownerReferences"] = body["metadata"]["ownerReferences"]
    spec = body["spec"]
    spec.pop("selector", None)
    spec["template"]["metadata"]["labels"] = labels
    made = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}
    try:
        stray = await world.api.call("POST", world.path("jobs"), made)
        await world.end_run(stray, message=rubbish_message(job=stray, draw=draw), exit_code=draw.choice((0, 1)))
    except ApiError as error:
        if error.code not in (400, 422):
            raise
        return 0
    return 1


def rubbish_message(*, job: dict[str, Any], draw: random.Random) -> str:
    """A termination message: a whole one with some values exchanged, or no message at all."""
    values: list[Any] = [*RUBBISH[:22], None, [], {}, -1, 2**70, 0.1, True, [[[]]], {"version": -3}]
    message = a_message(job)
    for key in draw.sample(sorted(message), k=draw.randint(1, 6)):
        message[key] = draw.choice(values)
    text = json.dumps(message)
    return draw.choice((text, text, text, text[: len(text) // 2], draw.choice(RUBBISH)[:4000]))
