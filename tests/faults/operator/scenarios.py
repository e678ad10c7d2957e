"""What people, kubelet and garbage collector do in a case, and what they wait for between their steps.

`prepare` is done before faults are let in; `steps` is what is perturbed. Every step waits until what it asked for is
there, so that each run of a scenario makes the same writes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from retrain_operator.api import names, raw

from tests.faults.operator.calls import Calls
from tests.faults.operator.process import Operator
from tests.faults.operator.world import World
from tests.support.policies import a_message, a_policy, condition

#: A slot that does not come while a test runs.
SCHEDULE = "30 3 1 1 *"
CHANGED_MODEL = {"target": "late", "estimator": "LogisticRegression"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where a scenario plays."""

    world: World
    operator: Operator
    calls: Calls


Play = Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """`name` is a noun for the table."""

    name: str
    prepare: Play
    steps: Play


def policy(**spec: Any) -> dict[str, Any]:
    """The policy of all scenarios."""
    return a_policy("flights", **{"schedule": SCHEDULE, **spec})


async def shown(world: World, role: str) -> dict[str, Any]:
    """The Job of `role`, once it exists and the status shows it."""
    job: dict[str, Any] = await world.until(f"Job {role}", lambda: world.job(role))
    name = job["metadata"]["name"]
    await world.until(
        f"Job {role} in status.active", lambda: [one for one in world.status().get("active", []) if one["job"] == name]
    )
    return job


async def recorded(world: World, role: str) -> None:
    """Waits until the Job of `role` is marked and its run stands in the status."""

    def done() -> bool:
        job = world.job(role) or {"metadata": {"name": "", "labels": {}}}
        runs = [run["job"] for run in world.status().get("runs", [])]
        return job["metadata"]["labels"].get(names.LABEL_RECORDED) == "true" and job["metadata"]["name"] in runs

    await world.until(f"Job {role} recorded", done)


async def told(world: World, kind: str, status: str) -> None:
    """Waits until the condition has the status for the present generation."""

    def so() -> bool:
        found, generation = condition(world.policy(), kind), world.policy().get("metadata", {}).get("generation")
        return found.get("status") == status and found.get("observedGeneration") == generation

    await world.until(f"{kind}={status}", so)


def kept(job: dict[str, Any]) -> dict[str, Any]:
    """A later run that found version 1 good."""
    fields: dict[str, Any] = {"outcome": "Kept", "trigger": None, "reason": "ThresholdMet"}
    return a_message(job, **fields, message="the champion is good", checkTime="2026-03-02T00:00:00Z")


async def nothing(stage: Stage) -> None:
    """No preparation."""


async def new_policy(stage: Stage) -> None:
    world = stage.world
    await world.apply(policy())
    job = await shown(world, "check:Initial@1")
    await world.end_run(job)
    await recorded(world, "check:Initial@1")


async def edited_model(stage: Stage) -> None:
    world = stage.world
    await world.apply(policy(model=CHANGED_MODEL))
    job = await shown(world, "check:SpecChange@2")
    await world.end_run(job, message=kept(job))
    await recorded(world, "check:SpecChange@2")


async def request(stage: Stage) -> None:
    world = stage.world
    await world.annotate({"retrain.dev/train": "now"})
    job = await shown(world, "train:Request@1:now")
    await world.end_run(job, message=kept(job))
    await recorded(world, "train:Request@1:now")


async def running(stage: Stage) -> None:
    """A run is under way."""
    await stage.world.apply(policy())
    await shown(stage.world, "check:Initial@1")


async def ended_while_away(stage: Stage) -> None:
    """The operator is down while the run ends, the schedule is edited and a person asks for a run."""
    world = stage.world
    job = await shown(world, "check:Initial@1")
    await stage.operator.down()
    await world.end_run(job)
    await world.apply(policy(schedule="45 4 2 2 *"))
    await world.annotate({"retrain.dev/check": "look"})
    await stage.operator.start()
    await recorded(world, "check:Initial@1")
    job = await shown(world, "check:Request@2:look")
    await world.end_run(job, message=kept(job))
    await recorded(world, "check:Request@2:look")
    await told(world, "Ready", "True")


async def deleted_run(stage: Stage) -> None:
    """A person deletes the Job of a run under way, and asks for another run."""
    world = stage.world
    job = await shown(world, "check:Initial@1")
    await world.delete("jobs", job["metadata"]["name"])
    await world.until("no run in status.active", lambda: not world.status().get("active"))
    await world.annotate({"retrain.dev/train": "now"})
    job = await shown(world, "train:Request@1:now")
    await world.end_run(job)
    await recorded(world, "train:Request@1:now")


async def made_anew(stage: Stage) -> None:
    """The policy is deleted, its children are collected, and one of its name is created."""
    world = stage.world
    await world.delete("retrainpolicies", "flights")
    await world.until("the policy is gone", lambda: not world.policy())
    await world.until("its children are gone", lambda: not world.present("cronjobs") and not world.present("jobs"))
    await new_policy(stage)


async def suspended_and_resumed(stage: Stage) -> None:
    """Suspended; a person looks; resumed."""
    world = stage.world
    await world.apply(policy(suspend=True))
    await told(world, "Suspended", "True")
    await world.annotate({"retrain.dev/check": "look"})
    job = await shown(world, "check:Request@2:look")
    await world.end_run(job, message=kept(job))
    await recorded(world, "check:Request@2:look")
    await world.apply(policy(suspend=False))
    await told(world, "Suspended", "False")


async def stands(world: World, version: int) -> None:
    """Waits until the ConfigMap has the version, and the status tells so."""

    def so() -> bool:
        data = [body["data"]["version"] for body in world.present("configmaps")]
        told = world.status().get("published", {}).get("configMap", {}).get("version")
        return (data, told) == ([str(version)], version)

    await world.until(f"version {version} is published", so)


async def publishing(stage: Stage) -> None:
    """A champion that is published."""
    world = stage.world
    await world.apply(policy(publish={"configMap": {"name": "champion"}}))
    job = await shown(world, "check:Initial@1")
    await world.end_run(job)
    await recorded(world, "check:Initial@1")
    await stands(world, 1)


async def next_champion(stage: Stage) -> None:
    """The next version is promoted."""
    world = stage.world
    await world.annotate({"retrain.dev/train": "now"})
    job = await shown(world, "train:Request@1:now")
    message = a_message(job, trigger="Requested", checkTime="2026-03-02T00:00:00Z")
    message["champion"] |= {"version": 2, "uri": "pvc://models/ns/flights/versions/2"}
    await world.end_run(job, message=message)
    await recorded(world, "train:Request@1:now")
    await stands(world, 2)


async def _queried(world: World, state: str) -> None:
    """Waits until the query is told of as `Inactive` or `Firing`."""
    await world.until(
        f"the query is {state}", lambda: raw.at(world.status(), "triggers", "prometheus", "state") == state
    )


async def asking(stage: Stage) -> None:
    """A champion, and a query of Prometheus that is false."""
    stage.calls.measure(0.1)
    world, asks = stage.world, {"query": stage.calls.query, "interval": "1s"}
    await world.apply(policy(triggers={"prometheus": asks}))
    job = await shown(world, "check:Initial@1")
    await world.end_run(job)
    await recorded(world, "check:Initial@1")
    await _queried(world, "Inactive")


async def query_true(stage: Stage) -> None:
    """The query becomes true: one run. Then it is false again."""
    world, role = stage.world, "check:Prometheus@1:<time>"
    stage.calls.measure(0.9)
    job = await shown(world, role)
    await world.end_run(job, message=kept(job))
    await recorded(world, role)
    await _queried(world, "Firing")
    stage.calls.measure(0.1)
    await _queried(world, "Inactive")


LABELS = {"alertname": "PredictionsDrift"}


async def hearing(stage: Stage) -> None:
    """A champion of a policy that waits for an alert."""
    world = stage.world
    await world.apply(policy(triggers={"webhook": {"matchLabels": LABELS}}))
    job = await shown(world, "check:Initial@1")
    await world.end_run(job)
    await recorded(world, "check:Initial@1")


async def alert(stage: Stage) -> None:
    """An alert begins, and is told again while it lasts: one run. A later one is another."""
    world = stage.world
    labels, role = {**LABELS, "namespace": world.namespace}, "check:Webhook@1:<time>"
    began = datetime.now(tz=UTC) - timedelta(minutes=5)
    await stage.calls.tell(labels=labels, starts=began)
    job = await shown(world, role)
    await stage.calls.tell(labels=labels, starts=began)
    await world.end_run(job, message=kept(job))
    await recorded(world, role)
    await stage.calls.tell(labels=labels, starts=began)


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(name="new policy", prepare=nothing, steps=new_policy),
    Scenario(name="edit of the model", prepare=new_policy, steps=edited_model),
    Scenario(name="request", prepare=new_policy, steps=request),
    Scenario(name="operator away", prepare=running, steps=ended_while_away),
    Scenario(name="run deleted by hand", prepare=running, steps=deleted_run),
    Scenario(name="deleted and made anew", prepare=new_policy, steps=made_anew),
    Scenario(name="next champion", prepare=publishing, steps=next_champion),
    Scenario(name="query", prepare=asking, steps=query_true),
    Scenario(name="alert", prepare=hearing, steps=alert),
    Scenario(name="suspended and resumed", prepare=new_policy, steps=suspended_and_resumed),
)
