"""What the operator does about a policy, one sentence a row.

Each row lets people and other controllers act on a small world of stored objects, then lets the operator settle it:
plan, first write, plan again, until nothing is left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from retrain_operator.api import names
from retrain_operator.planning.observed import Cause, WriteStatus
from retrain_operator.planning.plan import make_plan

from tests.builders import NOON, POLICY_UID, a_cronjob, a_job, a_message, a_pod, an_owner, stamp
from tests.unit.operator.world import ADMIN, NAME, QUERY, World

Step = Callable[[World], object]

CREATED = ["create CronJob", "create Initial check Job", "status"]


def settle(world: World) -> None:
    """The operator looks, and does all there is to do."""
    world.settle()


def start(world: World) -> None:
    """The pods of all Jobs become ready."""
    world.start()


def fire(world: World) -> None:
    """A slot of the CronJob comes."""
    world.fire()


def lose_pods(world: World) -> None:
    """Pods are collected unread."""
    world.lose_pods()


def ttl(world: World) -> None:
    """Recorded Jobs are collected."""
    world.delete_recorded()


def restart(world: World) -> None:
    """The operator dies and comes back."""
    world.forget()


def edit(**changes: Any) -> Step:
    """An edit of the spec."""
    return lambda world: world.edit(changes)


def request(action: str, text: str) -> Step:
    """A request annotation."""
    return lambda world: world.request(action, text)


def finish(**how: Any) -> Step:
    """The oldest Job under way ends."""
    return lambda world: world.finish(**how)


def fails(exit_code: int, **how: Any) -> Step:
    """The oldest Job under way ends with an error."""
    return lambda world: world.finish(exit_code=exit_code, **how)


def asked(**how: Any) -> Step:
    """Prometheus was asked."""
    return lambda world: world.query(**how)


def true(world: World) -> None:
    """Prometheus was asked, and the query is true."""
    world.query(truth=True)


def false(world: World) -> None:
    """Prometheus was asked, and the query is false."""
    world.query(truth=False)


def alarm(**how: Any) -> Step:
    """Alertmanager tells of an alert."""
    return lambda world: world.alarm(**how)


def promoted(*, version: int) -> tuple[Step, ...]:
    """A person asks for a training, and its version becomes the champion."""
    end = finish(message={"outcome": "Promoted", "version": version})
    return (request("train", f"for version {version}"), settle, later(minutes=5), end)


def checked(**message: Any) -> tuple[Step, ...]:
    """A person asks for a check, which ends with this message."""

    def ask(world: World) -> None:
        world.request("check", f"at {stamp(world.now)}")

    return (later(minutes=5), ask, settle, later(minutes=5), finish(message=message))


def in_the_way(target: str, reason: str) -> Step:
    """A place that cannot be published to."""

    def step(world: World) -> None:
        world.unpublishable[target] = Cause(reason=reason, message=f"{target}: {reason}")

    return step


def mirror(version: int | None, reason: str = "", *, alias: str = "champion") -> dict[str, Any]:
    """What a run tells of MLflow; `message` is a sentence where there is a reason."""
    target = names.mirror_target(uri="http://mlflow", name="delays", alias=alias)
    return {"target": target, "version": version, "reason": reason, "message": "as it says" if reason else ""}


def status_told(**fields: Any) -> Step:
    """The status says something that no run has told it of late."""

    def step(world: World) -> None:
        assert world.policy is not None
        world.policy["status"] = {**world.status, **fields}

    return step


def past_again(world: World) -> None:
    """A watch that goes on from an old list shows the newest Job as it was before it ended."""
    job = list(world.jobs.values())[-1]
    job["status"] = {"active": 1, "ready": 1}
    job["metadata"]["labels"].pop(names.LABEL_RECORDED, None)


def newest_ends(**message: Any) -> Step:
    """Of several Jobs under way the newest ends, with this message."""

    def step(world: World) -> None:
        first, kept_back = world.active()[-1], world.active()[:-1]
        held = {job["metadata"]["name"]: job for job in kept_back}
        for name in held:
            del world.jobs[name]
        world.finish(message=message)
        world.jobs.update(held)
        assert first["status"].get("conditions")

    return step


def later(**time: float) -> Step:
    """Time goes by."""
    return lambda world: world.later(**time)


def first_writes(count: int) -> Step:
    """The operator dies after so many writes."""

    def step(world: World) -> None:
        for _ in range(count):
            world.perform(world.plan().writes[0])
        world.forget()

    return step


def refused(reason: str, message: str) -> Step:
    """The API server's final word on this generation, as the executor remembers it."""

    def step(world: World) -> None:
        world.refused = Cause(reason=reason, message=message)

    return step


def accepted(world: World) -> None:
    """An edit clears the API server's word."""
    world.refused = None


def trouble(reason: str, message: str) -> Step:
    """The API server's passing word."""

    def step(world: World) -> None:
        world.trouble = Cause(reason=reason, message=message)

    return step


def trouble_passes(world: World) -> None:
    """The API server takes it at last."""
    world.trouble = None


def no_slot(world: World) -> None:
    """Too many Initial runs of all policies are under way."""
    world.initial_slot = False


def slot(world: World) -> None:
    """There is room for an Initial run."""
    world.initial_slot = True


def waits(reason: str, message: str) -> Step:
    """A look at the pods of all Jobs under way found this."""

    def step(world: World) -> None:
        for job in world.active():
            world.waiting[job["metadata"]["uid"]] = Cause(reason=reason, message=message)

    return step


def delete_policy(world: World) -> None:
    """kubectl delete, while something holds the object."""
    assert world.policy is not None
    world.policy["metadata"]["deletionTimestamp"] = stamp(world.now)


def delete_jobs(world: World) -> None:
    """kubectl delete job --all."""
    world.jobs.clear()


def drift(world: World) -> None:
    """Somebody edits the CronJob by hand."""
    world.cronjobs[NAME]["spec"]["concurrencyPolicy"] = "Allow"


def delete_cronjob(world: World) -> None:
    """Somebody deletes the CronJob."""
    del world.cronjobs[NAME]


def jobs_in_deletion(world: World) -> None:
    """Jobs under way are deleted, and a finalizer holds them."""
    for job in world.active():
        job["metadata"]["deletionTimestamp"] = stamp(world.now)


def foreign_job(world: World) -> None:
    """Somebody's Job that carries our labels, finished with a message of its own."""
    body = a_job(name="foreign", uid="foreign", end="Complete", spec_digest="x", owner=an_owner(uid="somebody"))
    world.jobs["foreign"] = body
    world.pods["foreign"] = [a_pod(exit_code=0, message=a_message(job_uid="foreign", version=99))]


def foreign_active_job(world: World) -> None:
    """Somebody's unfinished Job that carries our labels and claims to answer a request."""
    world.jobs["foreign"] = a_job(name="foreign", uid="foreign", action="train", request="r1", owned=False)


def by_hand(world: World) -> None:
    """kubectl create job --from=cronjob/…, however many are under way."""
    under_way, world.jobs = world.jobs, {}
    world.fire()
    world.jobs = under_way | world.jobs


def foreign_cronjob(world: World) -> None:
    """Somebody's CronJob with our labels."""
    world.cronjobs["other"] = a_cronjob(name="other", uid="other", owned=False)


def older_result_comes_late(world: World) -> None:
    """A Job that ended an hour before the one shown, and whose result nobody has read."""
    ended = world.now - timedelta(hours=1)
    world.jobs["late"] = a_job(name="late", uid="late", created=ended, end="Complete", ended=ended)
    message = a_message(job_uid="late", job="late", outcome="Promoted", version=9, score=0.1, checked=ended)
    world.pods["late"] = [a_pod(exit_code=0, message=message)]


def at(moment: datetime) -> Step:
    """The time is this."""

    def step(world: World) -> None:
        world.now = moment

    return step


#: From nothing to a policy with a champion of version 1.
PROMOTED: tuple[Step, ...] = (settle, start, later(minutes=5), finish(message={"outcome": "Promoted"}), settle, ttl)

INITIAL_RUNS = "InitialRuns: as many first runs as the administrator allows at once are under way"
FAILS_IN_F1 = fails(66, message={"score": None, "metric": "f1"})
FIRST_END: tuple[Step, ...] = (finish(message={"outcome": "Promoted"}),)
#: Requests a and b, each answered by a Job that was collected since; a was killed.
AGAIN: tuple[Step, ...] = (
    *PROMOTED,
    *(request("train", "a"), settle, later(minutes=5), fails(137, told=False), settle, ttl, later(days=1)),
    *(request("train", "b"), settle, later(minutes=5), finish(message={"outcome": "NotPromoted"}), settle, ttl),
    later(days=2),
)
RUN_A = names.job_name(policy="flight-delays", uid=POLICY_UID, action="train", token="Request:a")
MAP = {"configMap": {"name": "champion"}}
BOTH = {**MAP, "inferenceService": {"name": "flights"}}
MLFLOW = {"mlflow": {"trackingURI": "http://mlflow", "name": "delays", "alias": "champion"}}
PUBLISHED: tuple[Step, ...] = (*PROMOTED, edit(publish=MAP), settle)
MIRRORED: tuple[Step, ...] = (
    edit(publish=MLFLOW),
    *(settle, start, finish(message={"outcome": "Promoted", "mirror": mirror(1)}), settle),
)
ASKS = {"prometheus": {"query": QUERY}}
PATIENT = {"prometheus": {"query": QUERY, "for": "10m"}}
OTHER = {"prometheus": {"query": "up == 0"}}
HEARS = {"webhook": {"matchLabels": {"alertname": "PredictionsDrift"}}}
WATCHING: tuple[Step, ...] = (*PROMOTED, edit(triggers=ASKS), settle)
CALLED: tuple[Step, ...] = (*WATCHING, true, settle)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One sentence; `writes`, `events`, `status` and `conditions` are what settling after `given` brings."""

    says: str
    given: Sequence[Step] = ()
    writes: Sequence[str] = ()
    conditions: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    messages: Mapping[str, str] = field(default_factory=dict)
    status: Mapping[str, Any] = field(default_factory=dict)
    events: Sequence[str] | None = None
    suspended: bool | None = None


HEALTHY = {"Ready": ("True", "Reconciled"), "Stalled": ("False", "Reconciled"), "Reconciling": ("False", "Reconciled")}

ROWS = [
    # --- created --------------------
    Row(
        says="a new policy gets its CronJob, then the Initial Job, then its status",
        writes=CREATED,
        conditions={
            **HEALTHY,
            "ModelAvailable": ("Unknown", "NoRunYet"),
            "RunsHealthy": ("Unknown", "NoRunYet"),
            "Suspended": ("False", "NotSuspended"),
        },
        status={"observedGeneration": 1, "active.0.cause": "Initial", "nextScheduleTime": "2026-03-08T00:00:00Z"},
        events=["Reconciled", "RunStarted"],
    ),
    Row(
        says="a policy without a schedule gets no CronJob",
        given=[edit(schedule=None)],
        writes=["create Initial check Job", "status"],
        conditions=HEALTHY,
        messages={"Ready": "no schedule"},
        status={"nextScheduleTime": None},
    ),
    Row(
        says="a policy created suspended gets a suspended CronJob and no Initial run",
        given=[edit(suspend=True)],
        writes=["create CronJob", "status"],
        conditions={**HEALTHY, "Suspended": ("True", "SuspendedBySpec")},
        status={"active": None, "nextScheduleTime": None},
        suspended=True,
    ),
    Row(
        says="a policy created suspended makes up for its Initial run when resumed",
        given=[edit(suspend=True), settle, edit(suspend=False)],
        writes=["replace CronJob", "create Initial check Job", "status"],
        suspended=False,
    ),
    Row(
        says="too many Initial runs hold back the Job, not the CronJob and not Ready",
        given=[no_slot],
        writes=["create CronJob", "status"],
        conditions=HEALTHY,
        status={"pending.0.cause": "Initial", "pending.0.waiting": INITIAL_RUNS},
    ),
    Row(
        says="an Initial run held back starts when there is room",
        given=[no_slot, settle, slot],
        writes=["create Initial check Job", "status"],
        status={"pending": None},
    ),
    Row(says="a settled policy is left alone", given=[settle], writes=[]),
    Row(says="a settled policy is left alone by a new operator", given=[*PROMOTED, restart], writes=[]),
    Row(says="a settled policy is left alone an hour later", given=[*PROMOTED, later(hours=1)], writes=[]),
    # --- crashes --------------------
    Row(
        says="a crash after the CronJob leaves the Job and the status to do",
        given=[first_writes(1)],
        writes=["create Initial check Job", "status"],
        conditions=HEALTHY,
    ),
    Row(
        says="a crash after the Job leaves the status to do, and starts no second Job",
        given=[first_writes(2)],
        writes=["status"],
        conditions=HEALTHY,
        events=["Reconciled", "RunStarted"],
    ),
    Row(says="a crash after the status leaves nothing to do", given=[first_writes(3)], writes=[]),
    Row(
        says="a crash after a result stands in the status leaves the mark to do",
        given=[settle, start, settle, later(minutes=5), finish(), first_writes(1)],
        writes=["mark"],
        status={"runs.0.outcome": "Kept", "consecutiveFailures": 0},
        events=[],
    ),
    Row(
        says="a crash after the Job of a request starts no second one",
        given=[*PROMOTED, request("train", "r1"), first_writes(1)],
        writes=["status"],
        status={"lastHandled.train": "r1", "pending": None},
    ),
    # --- suspend, resume --------------------
    Row(
        says="suspend reaches the CronJob and leaves a run under way",
        given=[settle, start, settle, edit(suspend=True)],
        writes=["replace CronJob", "status"],
        conditions={**HEALTHY, "Suspended": ("True", "SuspendedBySpec")},
        status={"active.0.cause": "Initial", "nextScheduleTime": None},
        suspended=True,
    ),
    Row(
        says="resume reaches the CronJob and starts nothing",
        given=[*PROMOTED, edit(suspend=True), settle, edit(suspend=False)],
        writes=["replace CronJob", "status"],
        conditions={"Suspended": ("False", "NotSuspended")},
        suspended=False,
    ),
    Row(
        says="a suspended policy answers a person",
        given=[*PROMOTED, edit(suspend=True), settle, request("check", "look")],
        writes=["create Request check Job", "status"],
        status={"active.0.action": "check", "lastHandled.check": "look"},
    ),
    Row(
        says="an edit while suspended trains only after the resume",
        given=[*PROMOTED, edit(suspend=True), settle, edit(model={"seed": 7}), settle, edit(suspend=False)],
        writes=["replace CronJob", "create SpecChange check Job", "status"],
    ),
    Row(
        says="a threshold edited while suspended leaves AccuracyMet with the generation it was measured in",
        given=[*PROMOTED, edit(suspend=True), settle, edit(evaluation={"threshold": 0.99})],
        writes=["replace CronJob", "status"],
        conditions={"AccuracyMet": ("True", "ThresholdMet")},
        status={"conditions.0.observedGeneration": 2, "observedGeneration": 3},
    ),
    # --- requests --------------------
    Row(
        says="a train request starts a run that trains",
        given=[*PROMOTED, request("train", "r1")],
        writes=["create Request train Job", "status"],
        status={"active.0.action": "train", "active.0.cause": "Request", "lastHandled.train": "r1"},
        events=["RunStarted"],
    ),
    Row(
        says="a check request starts a run that checks",
        given=[*PROMOTED, request("check", "r1")],
        writes=["create Request check Job", "status"],
        status={"active.0.action": "check", "lastHandled.check": "r1"},
    ),
    Row(
        says="the same request again starts nothing",
        given=[*PROMOTED, request("train", "r1"), settle, finish(), settle, ttl, restart, request("train", "r1")],
        writes=[],
    ),
    Row(
        says="a new string asks again",
        given=[*PROMOTED, request("train", "r1"), settle, finish(), settle, request("train", "r2")],
        writes=["create Request train Job", "status"],
        status={"lastHandled.train": "r2"},
    ),
    Row(
        says="an earlier string again asks for nothing, and people are told",
        given=[
            *PROMOTED,
            *(request("train", "a"), settle, finish(), settle),
            *(request("train", "b"), settle, finish(), settle),
            request("train", "a"),
        ],
        writes=["create Request train Job", "status"],
        status={"lastHandled.train": "a", "active": None},
        events=["RequestRepeated"],
    ),
    # --- a year's odd moments --------------------
    Row(
        says="an edit between the first Job and the first status is an edit like any other",
        given=[first_writes(2), edit(model={"seed": 7}), settle, start, later(minutes=5), *FIRST_END],
        writes=["create SpecChange check Job", "status", "mark"],
        status={"modelVersion": 1, "active.0.cause": "SpecChange"},
    ),
    Row(
        says="a training that a shorter check overlapped is shown all the same",
        given=[
            *(*PROMOTED, request("train", "t"), settle, start, later(minutes=30), fire, start, settle),
            *(later(minutes=2), newest_ends(outcome="Kept"), settle, later(minutes=20)),
            finish(message={"outcome": "Promoted", "version": 2, "checkTime": stamp(NOON + timedelta(minutes=5))}),
        ],
        writes=["status", "mark"],
        status={"modelVersion": 2, "runs.0.outcome": "Promoted"},
        messages={"ModelAvailable": "version 2 is the champion"},
    ),
    Row(
        says="a pin to the version in use, while a run may promote another, is carried out afterwards",
        given=[
            *(*PROMOTED, request("train", "t"), settle, edit(promotion={"pinnedVersion": 1}), settle),
            *(later(minutes=5), finish(message={"outcome": "Promoted", "version": 2})),
        ],
        writes=["status", "mark", "create SpecChange pin Job", "status"],
        status={"modelVersion": 2, "active.0.action": "pin"},
    ),
    Row(
        says="a pin to the version in use starts nothing once the runs are recorded",
        given=[
            *(*PROMOTED, request("check", "t"), settle, edit(promotion={"pinnedVersion": 1}), settle),
            *(later(minutes=5), finish(message={"outcome": "Kept"})),
        ],
        writes=["status", "mark", "status"],
        status={"lastHandled.pinnedVersion": "1", "active": None},
    ),
    Row(
        says="a threshold that an image says is met, and does not tell, breaks nothing",
        given=[*PROMOTED, request("check", "a"), settle, finish(message={"threshold": None, "thresholdMet": True})],
        writes=["status", "mark"],
        conditions={"AccuracyMet": ("Unknown", "NoThreshold")},
    ),
    Row(
        says="a clock that was a month ahead does not freeze the champion once it is right again",
        given=[
            *(*PROMOTED, later(days=30), request("check", "a"), settle, finish(message={"outcome": "Kept"}), settle),
            *(later(days=-30), ttl, request("train", "b"), settle, later(minutes=5)),
            finish(message={"outcome": "Promoted", "version": 2}),
        ],
        writes=["status", "mark"],
        status={"modelVersion": 2, "runs.0.outcome": "Promoted"},
    ),
    Row(
        says="a history full of runs of the future makes room for those of today",
        given=[
            *(*PROMOTED, edit(runHistoryLimit=1), settle, later(days=30), request("check", "a"), settle),
            *(finish(message={"outcome": "Kept"}), settle, later(days=-30), ttl, request("check", "b"), settle),
            *(later(minutes=5), finish(message={"outcome": "DataRejected"})),
        ],
        writes=["status", "mark"],
        status={"runs.0.outcome": "DataRejected"},
        events=["DataRejected"],
    ),
    Row(
        says="the metric stays that of the score while no run has given another",
        given=[
            *PROMOTED,
            edit(evaluation={"metric": "f1"}),
            settle,
            later(minutes=5),
            fails(66, message={"score": None, "metric": "f1"}),
        ],
        writes=["status", "mark"],
        status={"metric": "roc_auc", "score": 0.7123},
    ),
    Row(
        says="a request in words of long ago, whose run has left the history, is told as a repetition",
        given=[
            *(*PROMOTED, edit(runHistoryLimit=1), settle),
            *(request("train", "a"), settle, later(minutes=5), finish(message={"outcome": "NotPromoted"}), settle),
            *(request("train", "b"), settle, later(minutes=5), finish(message={"outcome": "NotPromoted"}), settle),
            request("train", "a"),
        ],
        writes=["create Request train Job", "status"],
        status={"lastHandled.train": "a", "active": None},
        events=["RequestRepeated"],
    ),
    Row(
        says="a request in words of long ago, whose Job is gone, runs once more, and nobody says that nothing starts",
        given=[*AGAIN, request("train", "a")],
        writes=["create Request train Job", "status"],
        status={"active.0.cause": "Request", "runs.1.job": RUN_A},
        events=["RunStarted"],
    ),
    Row(
        says="and its end is read, though a line of that name stands in the history",
        given=[
            *(*AGAIN, request("train", "a"), settle, later(minutes=5)),
            *(finish(message={"outcome": "Promoted", "version": 3}), settle, restart),
        ],
        writes=[],
        status={"modelVersion": 3, "runs.0.job": RUN_A, "runs.0.outcome": "Promoted", "consecutiveFailures": 0},
    ),
    Row(
        says="a run whose end stands in the status is not under way again because a watch tells the past once more",
        given=[
            *(*PROMOTED, request("check", "a"), settle, later(minutes=5), finish(), settle),
            past_again,
        ],
        status={"active": None},
        events=[],
    ),
    Row(
        says="a run that another one's message told of before it was seen to end keeps its own line",
        given=[
            *(*PROMOTED, request("train", "t"), settle, start, later(minutes=5)),
            status_told(runs=[{"job": "flight-delays-train-x", "outcome": "Promoted", "completionTime": stamp(NOON)}]),
            finish(message={"outcome": "Promoted", "version": 2}),
        ],
        writes=["status", "mark"],
        status={"runs.0.action": "train", "runs.0.outcome": "Promoted"},
        events=["Promoted"],
    ),
    # --- publishing --------------------
    Row(
        says="a policy without a champion has nothing to publish",
        given=[edit(publish=BOTH)],
        writes=CREATED,
        conditions={**HEALTHY, "Published": ("Unknown", "NothingToPublish")},
    ),
    Row(
        says="the first champion is recorded, then published, then that is told",
        given=[edit(publish=BOTH), settle, start, finish(message={"outcome": "Promoted"})],
        writes=["status", "mark", "publish configMap", "publish inferenceService", "status"],
        conditions={"Published": ("True", "ChampionPublished")},
        status={"published.configMap": {"name": "champion", "version": 1}, "published.inferenceService.version": 1},
        events=["Promoted", "Published"],
    ),
    Row(
        says="publishing that is asked for later publishes the champion that is there",
        given=[*PROMOTED, edit(publish=MAP)],
        writes=["replace CronJob", "status", "publish configMap", "status"],
        status={"published.configMap.version": 1},
        messages={"Published": "version 1 stands in ConfigMap champion"},
    ),
    Row(
        says="a new champion is published",
        given=[*PUBLISHED, *promoted(version=2)],
        writes=["status", "mark", "publish configMap", "status"],
        status={"published.configMap.version": 2},
    ),
    Row(
        says="a rollback publishes the version before",
        given=[
            *PUBLISHED,
            *(*promoted(version=2), settle, request("rollback", "1"), settle),
            *(later(minutes=5), finish(message={"outcome": "RolledBack"})),
        ],
        writes=["status", "mark", "publish configMap", "status"],
        status={"modelVersion": 1, "published.configMap.version": 1},
    ),
    Row(says="a run that keeps the champion publishes nothing", given=[*PUBLISHED, settle]),
    Row(
        says="after a restart what was published is looked at once, and nothing is told",
        given=[*PUBLISHED, restart],
        writes=["publish configMap"],
    ),
    Row(
        says="what cannot be published is told, and Ready stays",
        given=[in_the_way("configMap", "NameConflict"), edit(publish=MAP), settle, start, *FIRST_END],
        writes=["status", "mark", "publish configMap", "status"],
        conditions={**HEALTHY, "Published": ("False", "NameConflict"), "ModelAvailable": ("True", "ChampionRecorded")},
        status={"published": None},
        events=["Promoted", "NotPublished"],
    ),
    Row(
        says="one place in the way does not keep the other from being told",
        given=[in_the_way("inferenceService", "NotOptedIn"), edit(publish=BOTH), settle, start, *FIRST_END],
        writes=["status", "mark", "publish configMap", "publish inferenceService", "status"],
        conditions={"Published": ("False", "NotOptedIn")},
        status={"published.configMap.version": 1, "published.inferenceService": None},
    ),
    Row(
        says="a place that is named no more is forgotten",
        given=[*PUBLISHED, edit(publish=None)],
        writes=["replace CronJob", "status"],
        status={"published": None},
    ),
    Row(
        says="another name is published to, and the old one left",
        given=[*PUBLISHED, edit(publish={"configMap": {"name": "other"}})],
        writes=["replace CronJob", "status", "publish configMap", "status"],
        status={"published.configMap": {"name": "other", "version": 1}},
    ),
    Row(
        says="a champion that its run has given to MLflow is published, with one write",
        given=[edit(publish=MLFLOW), settle, start, finish(message={"outcome": "Promoted", "mirror": mirror(1)})],
        writes=["status", "mark"],
        conditions={**HEALTHY, "Published": ("True", "ChampionPublished")},
        messages={"Published": "version 1 stands in registered model delays@champion"},
        status={"published.mlflow.name": "delays", "published.mlflow.version": 1},
        events=["Promoted", "Published"],
    ),
    Row(
        says="MLflow that is asked for later waits for the next run",
        given=[*PROMOTED, edit(publish=MLFLOW)],
        writes=["replace CronJob", "status"],
        conditions={**HEALTHY, "Published": ("Unknown", "MirrorPending")},
        status={"published": None},
        events=[],
    ),
    Row(
        says="the next run of any outcome gives MLflow the champion",
        given=[*PROMOTED, edit(publish=MLFLOW), settle, *checked(mirror=mirror(1))],
        writes=["status", "mark"],
        conditions={"Published": ("True", "ChampionPublished")},
        events=["Kept", "Published"],
    ),
    Row(
        says="a run whose MLflow was away is told, its outcome and Ready stay",
        given=[
            *(edit(publish=MLFLOW), settle, start),
            finish(message={"outcome": "Promoted", "mirror": mirror(None, "MLflowUnreachable")}),
        ],
        writes=["status", "mark"],
        conditions={**HEALTHY, "Published": ("False", "MLflowUnreachable")},
        messages={"Published": "MLflow: as it says"},
        status={"modelVersion": 1, "published.mlflow.problem": "MLflowUnreachable: as it says"},
        events=["Promoted", "NotPublished"],
    ),
    Row(
        says="while MLflow is away the status shows what it was last given",
        given=[*MIRRORED, *checked(mirror=mirror(None, "MLflowRefused"), version=2, outcome="Promoted")],
        writes=["status", "mark"],
        status={"modelVersion": 2, "published.mlflow.version": 1},
        conditions={"Published": ("False", "MLflowRefused")},
    ),
    Row(
        says="the same trouble with MLflow is told once",
        given=[
            *(*MIRRORED, *checked(mirror=mirror(None, "MLflowRefused")), settle),
            *checked(mirror=mirror(None, "MLflowRefused")),
        ],
        writes=["status", "mark"],
        events=["Kept"],
    ),
    Row(
        says="MLflow that answers again is told",
        given=[*MIRRORED, *checked(mirror=mirror(None, "MLflowRefused")), settle, *checked(mirror=mirror(1))],
        writes=["status", "mark"],
        conditions={"Published": ("True", "ChampionPublished")},
        status={"published.mlflow.problem": None},
        events=["Kept", "Published"],
    ),
    Row(
        says="an image that knows nothing of MLflow leaves the mirror pending",
        given=[edit(publish=MLFLOW), settle, start, finish(message={"outcome": "Promoted"})],
        writes=["status", "mark"],
        conditions={"Published": ("Unknown", "MirrorPending")},
    ),
    Row(
        says="a run that failed says nothing of MLflow",
        given=[*MIRRORED, request("check", "a"), settle, later(minutes=5), finish(exit_code=66)],
        writes=["status", "mark"],
        conditions={"Published": ("True", "ChampionPublished")},
        status={"published.mlflow.version": 1},
    ),
    Row(
        says="a run that failed and gave MLflow the champion all the same is told",
        given=[
            *(*MIRRORED, *checked(mirror=mirror(None, "MLflowRefused")), settle),
            *(request("check", "a"), settle, later(minutes=5), finish(exit_code=66, message={"mirror": mirror(1)})),
        ],
        writes=["status", "mark"],
        conditions={"Published": ("True", "ChampionPublished"), "RunsHealthy": ("False", "DataMissing")},
        status={"published.mlflow.problem": None},
    ),
    Row(
        says="another alias is another place, and waits for the next run",
        given=[*MIRRORED, edit(publish={"mlflow": {**MLFLOW["mlflow"], "alias": "live"}})],
        writes=["replace CronJob", "status"],
        conditions={"Published": ("Unknown", "MirrorPending")},
        status={"published": None},
    ),
    Row(
        says="what a run tells of another alias than that of the spec is passed over",
        given=[edit(publish=MLFLOW), settle, start, finish(message={"mirror": mirror(1, alias="live")})],
        writes=["status", "mark"],
        conditions={"Published": ("Unknown", "MirrorPending")},
    ),
    Row(
        says="ConfigMap and MLflow are told of in one sentence",
        given=[edit(publish={**MAP, **MLFLOW}), settle, start, finish(message={"mirror": mirror(1)})],
        writes=["status", "mark", "publish configMap", "status"],
        messages={"Published": "version 1 stands in ConfigMap champion and registered model delays@champion"},
        status={"published.configMap.version": 1, "published.mlflow.version": 1},
    ),
    Row(
        says="MLflow in the way does not keep the ConfigMap from being told",
        given=[
            *(edit(publish={**MAP, **MLFLOW}), settle, start),
            finish(message={"mirror": mirror(None, "NameConflict")}),
        ],
        writes=["status", "mark", "publish configMap", "status"],
        conditions={"Published": ("False", "NameConflict")},
        status={"published.configMap.version": 1, "published.mlflow.version": None},
    ),
    # --- calls of Prometheus and Alertmanager --------------------
    Row(
        says="another query than the one that was answered has not been asked yet",
        given=[*WATCHING, false, settle, edit(triggers=OTHER)],
        writes=["replace CronJob", "status"],
        conditions={"TriggersHealthy": ("Unknown", "NotAskedYet")},
    ),
    Row(
        says="a query that was true before a pause has to be true for long enough again",
        given=[
            *(*PROMOTED, edit(triggers=PATIENT), settle, true, settle, edit(suspend=True), settle),
            *(later(hours=5), edit(suspend=False), settle, true),
        ],
        writes=["status"],
        status={"triggers.prometheus.state": "Pending", "active": None},
    ),
    Row(
        says="a query that became true by a clock a month ahead is true from now on",
        given=[
            *(*PROMOTED, edit(triggers=PATIENT), settle, later(days=30), true, settle, later(days=-30), true, settle),
            *(later(minutes=11), true),
        ],
        writes=["status", "create Prometheus check Job", "status"],
    ),
    Row(
        says="an alert of a clock a month ahead does not shut out those of today",
        given=[
            *(*PROMOTED, edit(triggers=HEARS), settle, later(days=30), alarm(), settle, finish(), settle),
            *(later(days=-30, hours=1), ttl, alarm()),
        ],
        writes=["status", "create Webhook check Job", "status"],
    ),
    Row(
        says="a webhook that is switched off and on again does not call for an alert that was answered",
        given=[
            *(*PROMOTED, edit(triggers=HEARS), settle, alarm(), settle, finish(), settle, ttl),
            *(edit(triggers={"webhook": {"enabled": False}}), settle, edit(triggers={"webhook": {"enabled": True}})),
        ],
        writes=["replace CronJob", "status"],
        status={"active": None},
    ),
    Row(
        says="a query that is named and not asked yet says so",
        given=[*PROMOTED, edit(triggers=ASKS)],
        writes=["replace CronJob", "status"],
        conditions={"TriggersHealthy": ("Unknown", "NotAskedYet")},
    ),
    Row(
        says="a query that is false starts nothing",
        given=[*WATCHING, false],
        writes=["status"],
        conditions={"TriggersHealthy": ("True", "QueryAnswered")},
        status={"triggers.prometheus.state": "Inactive", "active": None},
    ),
    Row(
        says="a query that becomes true is written down, then runs",
        given=[*WATCHING, false, settle, later(minutes=5), true],
        writes=["status", "create Prometheus check Job", "status"],
        status={"triggers.prometheus.state": "Firing", "active.0.cause": "Prometheus", "pending": None},
        events=["RunStarted"],
    ),
    Row(says="a query that stays true starts nothing more", given=[*CALLED, later(minutes=5), true]),
    Row(
        says="a query that was false in between calls again",
        given=[*CALLED, finish(), settle, later(minutes=5), false, settle, later(minutes=5), true],
        writes=["status", "create Prometheus check Job", "status"],
    ),
    Row(
        says="no answer changes no state",
        given=[*CALLED, asked(truth=None, problem="PrometheusUnreachable")],
        writes=["status"],
        conditions={**HEALTHY, "TriggersHealthy": ("False", "PrometheusUnreachable")},
        status={"triggers.prometheus.state": "Firing"},
    ),
    Row(
        says="true again after no answer is no new call",
        given=[*CALLED, asked(truth=None, problem="PrometheusUnreachable"), settle, later(minutes=5), true],
        writes=["status"],
        conditions={"TriggersHealthy": ("True", "QueryAnswered")},
    ),
    Row(
        says="a refused query is told and leaves Ready alone",
        given=[*WATCHING, asked(truth=None, problem="QueryRefused")],
        writes=["status"],
        conditions={**HEALTHY, "TriggersHealthy": ("False", "QueryRefused")},
    ),
    Row(
        says="a query that must be true for ten minutes waits for them",
        given=[*PROMOTED, edit(triggers=PATIENT), settle, true, settle, later(minutes=5), true],
        status={"triggers.prometheus.state": "Pending", "triggers.prometheus.fired": None},
    ),
    Row(
        says="and calls when they have passed",
        given=[*PROMOTED, edit(triggers=PATIENT), settle, true, settle, later(minutes=10), true],
        writes=["status", "create Prometheus check Job", "status"],
    ),
    Row(
        says="what is true before and after a time when nobody asked was true all the time",
        given=[*PROMOTED, edit(triggers=PATIENT), settle, true, settle, later(hours=5), restart, true],
        writes=["status", "create Prometheus check Job", "status"],
    ),
    Row(
        says="ten minutes that were interrupted begin anew",
        given=[
            *(*PROMOTED, edit(triggers=PATIENT), settle, true, settle, later(minutes=5), false, settle),
            *(later(minutes=5), true),
        ],
        writes=["status"],
        status={"triggers.prometheus.state": "Pending"},
    ),
    Row(
        says="a call during a run waits for its end",
        given=[*WATCHING, request("train", "r1"), settle, true],
        writes=["status"],
        status={"pending.0.cause": "Prometheus", "active.0.cause": "Request", "lastHandled.prometheus": None},
    ),
    Row(
        says="and then runs",
        given=[*WATCHING, request("train", "r1"), settle, true, settle, finish()],
        writes=["create Prometheus check Job", "status", "mark"],
        status={"active.0.cause": "Prometheus", "pending": None},
    ),
    Row(
        says="a crash after a call was written loses nothing",
        given=[*WATCHING, true, first_writes(1), restart],
        writes=["create Prometheus check Job", "status"],
    ),
    Row(
        says="a crash after the Job of a call makes no second one, though it has ended and is gone",
        given=[*CALLED, finish(), settle, ttl, restart, true],
    ),
    Row(
        says="another query begins anew, and may be true at once",
        given=[
            *CALLED,
            finish(),
            settle,
            edit(triggers=OTHER),
            settle,
            later(minutes=5),
            asked(truth=True, text="up == 0"),
        ],
        writes=["status", "create Prometheus check Job", "status"],
    ),
    Row(
        says="an answer to the query of before is no answer",
        given=[*PROMOTED, edit(triggers=OTHER), settle, true],
        conditions={"TriggersHealthy": ("Unknown", "NotAskedYet")},
    ),
    Row(
        says="a query switched off is forgotten",
        given=[*CALLED, finish(), settle, edit(triggers={"prometheus": {"enabled": False}})],
        writes=["replace CronJob", "status"],
        status={"triggers": None, "lastHandled.prometheus": None},
    ),
    Row(
        says="a suspended policy hears no call",
        given=[*WATCHING, edit(suspend=True), settle, true, alarm()],
        status={"triggers.prometheus": None},
    ),
    Row(
        says="an alert that begins is written down, then runs",
        given=[*PROMOTED, edit(triggers=HEARS), settle, alarm()],
        writes=["status", "create Webhook check Job", "status"],
        status={"triggers.webhook.alert": "PredictionsDrift", "active.0.cause": "Webhook"},
        events=["RunStarted"],
    ),
    Row(
        says="an alert that goes on calls once",
        given=[*PROMOTED, edit(triggers=HEARS), settle, alarm(), settle, later(hours=4), restart, alarm(ago=4 * 3600)],
    ),
    Row(
        says="an alert of a clock that is ahead calls once, also after a restart",
        given=[
            *(*PROMOTED, edit(triggers=HEARS), settle, alarm(ago=-1200), settle, finish(), settle, ttl),
            *(later(hours=4), restart, alarm(ago=4 * 3600 - 1200)),
        ],
        status={"active": None},
    ),
    Row(
        says="an alert of the future does not make later ones look old",
        given=[
            *PROMOTED,
            edit(triggers=HEARS),
            settle,
            alarm(ago=-86400),
            settle,
            finish(),
            settle,
            later(hours=1),
            alarm(),
        ],
        writes=["status", "create Webhook check Job", "status"],
    ),
    Row(
        says="an alert and a query at once: one run after the other, the alert first",
        given=[*PROMOTED, edit(triggers={**ASKS, **HEARS}), settle, alarm(), true],
        writes=["status", "create Webhook check Job", "status"],
        status={"active.0.cause": "Webhook", "pending.0.cause": "Prometheus"},
    ),
    Row(
        says="a request waits for the run under way and shows as pending",
        given=[settle, start, settle, request("train", "r1")],
        writes=["status"],
        status={"pending": [{"action": "train", "cause": "Request", "request": "r1"}], "lastHandled.train": None},
    ),
    Row(
        says="of two requests made during a run the newest is answered",
        given=[settle, start, settle, request("train", "r1"), settle, request("train", "r2"), settle, finish()],
        writes=["create Request train Job", "status", "mark"],
        status={"lastHandled.train": "r2", "pending": None},
    ),
    Row(
        says="a check and a train request: training comes first, the check waits",
        given=[*PROMOTED, request("check", "c"), request("train", "t")],
        writes=["create Request train Job", "status"],
        status={"pending": [{"action": "check", "cause": "Request", "request": "c"}], "lastHandled.check": None},
    ),
    Row(
        says="a request on a new policy waits for the Initial run",
        given=[request("train", "r1")],
        writes=CREATED,
        status={"pending.0.request": "r1"},
    ),
    Row(
        says="a Job stuck in deletion holds no request up",
        given=[settle, start, settle, jobs_in_deletion, request("train", "r1")],
        writes=["create Request train Job", "status"],
    ),
    Row(
        says="a request that a person's Job of ours claims to answer is not believed",
        given=[*PROMOTED, request("train", "r1"), foreign_active_job],
        writes=["create Request train Job", "status"],
    ),
    Row(
        says="a scheduled run under way holds a request up",
        given=[*PROMOTED, later(days=4), fire, settle, request("train", "r1")],
        writes=["status"],
        status={"active.0.cause": "Schedule", "pending.0.request": "r1"},
    ),
    # --- edits --------------------
    Row(
        says="an edit of the model checks at once, and the trainer sees whether it means anything",
        given=[*PROMOTED, edit(model={"seed": 7})],
        writes=["replace CronJob", "create SpecChange check Job", "status"],
        conditions=HEALTHY,
        status={"active.0.action": "check", "active.0.cause": "SpecChange", "observedGeneration": 2},
    ),
    Row(
        says="an edit of the threshold alone checks",
        given=[*PROMOTED, edit(evaluation={"threshold": 0.9})],
        writes=["replace CronJob", "create SpecChange check Job", "status"],
        status={"active.0.action": "check", "lastHandled.threshold": "0.9"},
    ),
    Row(
        says="an edit of model and threshold is one run",
        given=[*PROMOTED, edit(model={"seed": 7}, evaluation={"threshold": 0.9})],
        writes=["replace CronJob", "create SpecChange check Job", "status"],
        status={"pending": None},
    ),
    Row(
        says="an edit of the schedule changes the CronJob and starts nothing",
        given=[*PROMOTED, edit(schedule="30 4 * * *")],
        writes=["replace CronJob", "status"],
        status={"nextScheduleTime": "2026-03-05T04:30:00Z", "active": None, "pending": None},
    ),
    Row(
        says="an edit of the resources changes the CronJob and starts nothing",
        given=[*PROMOTED, edit(job={"resources": {"limits": {"memory": "4Gi"}}})],
        writes=["replace CronJob", "status"],
        status={"active": None, "observedGeneration": 2},
    ),
    Row(
        says="1024Mi for 1Gi is an edit that is written once",
        given=[*PROMOTED, edit(job={"resources": {"requests": {"memory": "1024Mi"}}}), settle, restart],
        writes=[],
    ),
    Row(
        says="an edit of the model with specChange off changes the CronJob and starts nothing",
        given=[*PROMOTED, edit(triggers={"specChange": {"enabled": False}}), settle, edit(model={"seed": 7})],
        writes=["replace CronJob", "status"],
        status={"active": None, "pending": None},
    ),
    Row(
        says="an edit during a run waits, and the run keeps the spec it was given",
        given=[settle, start, settle, edit(model={"seed": 7})],
        writes=["replace CronJob", "status"],
        status={"pending": [{"action": "check", "cause": "SpecChange"}], "active.0.cause": "Initial"},
    ),
    Row(
        says="an edit taken back during a run starts nothing",
        given=[settle, start, settle, edit(model={"seed": 7}), settle, edit(model={"seed": 0}), settle, finish()],
        writes=["status", "mark"],
        status={"pending": None, "active": None},
    ),
    Row(
        says="an edit taken back after it was trained trains again",
        given=[*PROMOTED, edit(model={"seed": 7}), settle, finish(), settle, ttl, edit(model={"seed": 0})],
        writes=["replace CronJob", "create SpecChange check Job", "status"],
    ),
    Row(
        says="an invalid edit keeps the CronJob and names the field",
        given=[*PROMOTED, edit(schedule="0 24 * * *")],
        writes=["status"],
        conditions={
            "Ready": ("False", "InvalidSchedule"),
            "Stalled": ("True", "InvalidSchedule"),
            "Reconciling": ("False", "InvalidSchedule"),
        },
        messages={"Ready": "spec.schedule: hour 24"},
        status={"observedGeneration": 2, "nextScheduleTime": None, "modelVersion": 1},
        events=["InvalidSchedule"],
        suspended=False,
    ),
    Row(
        says="an invalid policy from the start gets a status and nothing else",
        given=[edit(data={"uri": "s3://bucket/x"})],
        writes=["status"],
        conditions={"Stalled": ("True", "InvalidURI")},
        messages={"Stalled": "spec.data.uri"},
    ),
    Row(
        says="a time zone that does not exist stalls",
        given=[edit(timeZone="Europe/Atlantis")],
        writes=["status"],
        conditions={"Stalled": ("True", "InvalidTimeZone")},
        messages={"Stalled": "spec.timeZone"},
    ),
    Row(
        says="suspend stops the schedule, also beside a field that is invalid",
        given=[*PROMOTED, edit(schedule="0 24 * * *", suspend=True)],
        writes=["replace CronJob", "status"],
        conditions={"Stalled": ("True", "InvalidSchedule"), "Suspended": ("True", "SuspendedBySpec")},
        suspended=True,
    ),
    Row(
        says="suspend stops the schedule, also of a spec that the API server refuses",
        given=[*PROMOTED, edit(suspend=True), refused("RefusedByAPI", "Job: no")],
        writes=["replace CronJob", "status"],
        conditions={"Stalled": ("True", "RefusedByAPI"), "Suspended": ("True", "SuspendedBySpec")},
        suspended=True,
    ),
    Row(
        says="a schedule taken away beside a field that is invalid stops",
        given=[*PROMOTED, edit(schedule=None, data={"uri": "s3://bucket/x"})],
        writes=["replace CronJob", "status"],
        conditions={"Stalled": ("True", "InvalidURI")},
        suspended=True,
    ),
    Row(
        says="a policy that goes on while a field is invalid stays stopped, and says so",
        given=[*PROMOTED, edit(schedule="0 24 * * *", suspend=True), settle, edit(suspend=False)],
        writes=["status"],
        conditions={"Suspended": ("False", "NotSuspended")},
        messages={"Suspended": "the schedule goes on once the spec is accepted"},
        suspended=True,
    ),
    Row(
        says="a time zone that does not exist stalls also without a schedule, since blackouts are in it",
        given=[edit(schedule=None, timeZone="Europe/Atlantis")],
        writes=["status"],
        conditions={"Stalled": ("True", "InvalidTimeZone")},
    ),
    Row(
        says="a policy that goes on with the field mended has its schedule again",
        given=[
            *(*PROMOTED, edit(schedule="0 24 * * *", suspend=True), settle),
            edit(schedule="0 0 * * 0", suspend=False),
        ],
        writes=["replace CronJob", "status"],
        conditions=HEALTHY,
        suspended=False,
    ),
    Row(
        says="an edit that mends the spec brings everything back",
        given=[*PROMOTED, edit(schedule="0 24 * * *"), settle, edit(schedule="0 0 * * 0")],
        writes=["replace CronJob", "status"],
        conditions=HEALTHY,
        events=["Reconciled"],
    ),
    Row(
        says="while the spec is invalid a request waits",
        given=[*PROMOTED, edit(schedule="0 24 * * *"), settle, request("train", "r1")],
        writes=["status"],
        status={"pending.0.request": "r1", "active": None},
    ),
    Row(
        says="what the API server refuses stalls in its words",
        given=[refused("RefusedByAPI", "CronJob flight-delays: spec.x: Invalid value")],
        writes=["status"],
        conditions={"Ready": ("False", "RefusedByAPI"), "Stalled": ("True", "RefusedByAPI")},
        messages={"Stalled": "Invalid value"},
    ),
    Row(
        says="a name that somebody else holds stalls and nothing is overwritten",
        given=[refused("NameConflict", "CronJob flight-delays exists and was made by somebody else")],
        writes=["status"],
        conditions={"Ready": ("False", "NameConflict"), "Stalled": ("True", "NameConflict")},
    ),
    Row(
        says="what was refused is tried again after an edit",
        given=[refused("RefusedByAPI", "no"), settle, edit(schedule="5 5 * * *"), accepted],
        writes=CREATED,
        conditions=HEALTHY,
    ),
    Row(
        says="a schedule taken away suspends the CronJob and lets its run go on",
        given=[*PROMOTED, later(days=4), fire, settle, edit(schedule=None)],
        writes=["replace CronJob", "status"],
        conditions=HEALTHY,
        messages={"Ready": "no schedule"},
        status={"active.0.cause": "Schedule", "nextScheduleTime": None},
        suspended=True,
    ),
    Row(
        says="a schedule taken away is suspended once",
        given=[*PROMOTED, edit(schedule=None), settle, restart],
        writes=[],
        suspended=True,
    ),
    Row(
        says="a schedule that comes back wakes the CronJob",
        given=[*PROMOTED, edit(schedule=None), settle, edit(schedule="0 0 * * 0")],
        writes=["replace CronJob", "status"],
        suspended=False,
    ),
    # --- strangers and drift --------------------
    Row(says="a CronJob edited by hand is put right", given=[*PROMOTED, drift], writes=["replace CronJob"]),
    Row(says="a CronJob deleted by hand is made again", given=[*PROMOTED, delete_cronjob], writes=["create CronJob"]),
    Row(
        says="a Job with our labels and another owner tells nothing",
        given=[*PROMOTED, foreign_job],
        writes=[],
        status={"modelVersion": 1},
    ),
    Row(says="a CronJob with our labels and another name is left alone", given=[settle, foreign_cronjob], writes=[]),
    Row(says="a policy under deletion gets no write", given=[delete_policy], writes=[]),
    Row(
        says="a policy under deletion gets no write for a finished run",
        given=[settle, finish(), delete_policy],
        writes=[],
    ),
    # --- passing trouble --------------------
    Row(
        says="trouble before the CronJob exists shows in Ready, not in RunsHealthy",
        given=[trouble("QuotaExceeded", "CronJob flight-delays: exceeded quota: count/cronjobs.batch")],
        writes=["status"],
        conditions={
            "Ready": ("False", "QuotaExceeded"),
            "Reconciling": ("True", "QuotaExceeded"),
            "Stalled": ("False", "QuotaExceeded"),
            "RunsHealthy": ("Unknown", "NoRunYet"),
        },
    ),
    Row(
        says="trouble that passes leaves no trace",
        given=[trouble("QuotaExceeded", "no"), settle, trouble_passes],
        writes=CREATED,
        conditions={**HEALTHY, "RunsHealthy": ("Unknown", "NoRunYet")},
    ),
    Row(
        says="trouble with the Job of a request leaves Ready alone",
        given=[*PROMOTED, request("train", "r1"), trouble("QuotaExceeded", "Job x: exceeded quota")],
        writes=["status"],
        conditions={**HEALTHY, "RunsHealthy": ("False", "QuotaExceeded")},
        status={"pending.0.request": "r1"},
    ),
    Row(
        says="a Job created after trouble says that it is under way",
        given=[*PROMOTED, request("train", "r1"), trouble("QuotaExceeded", "Job x: no"), settle, trouble_passes],
        writes=["create Request train Job", "status"],
        conditions={"RunsHealthy": ("Unknown", "RunInProgress")},
    ),
    # --- results --------------------
    Row(
        says="a first promotion shows metric, score, accuracy and version, and the Job is marked afterwards",
        given=[settle, start, settle, later(minutes=5), finish(message={"outcome": "Promoted"})],
        writes=["status", "mark"],
        conditions={
            "ModelAvailable": ("True", "ChampionRecorded"),
            "RunsHealthy": ("True", "OutcomeReached"),
            "DataValid": ("True", "DataPassed"),
            "AccuracyMet": ("True", "ThresholdMet"),
        },
        status={
            "metric": "roc_auc",
            "score": 0.7123,
            "accuracy": 0.8,
            "modelVersion": 1,
            "active": None,
            "runs.0.outcome": "Promoted",
            "runs.0.cause": "Initial",
            "runs.0.completionTime": "2026-03-04T12:05:00Z",
            "lastCheckTime": "2026-03-04T12:05:00Z",
            "counters": {
                "checks": 1,
                "trainings": 1,
                "promotions": 1,
                "outcomes": {"Promoted": 1},
                "trainingSeconds": {"Promoted": 300},
            },
        },
        events=["Promoted"],
    ),
    Row(
        says="a champion that stood in the registry is adopted, with an Event",
        given=[settle, finish(message={"champion": {"run": "an-older-policy.some-job"}, "version": 4})],
        writes=["status", "mark"],
        status={"modelVersion": 4},
        events=["ChampionAdopted", "Kept"],
    ),
    Row(
        says="a champion of an earlier run of this policy, whose Job vanished, is not called adopted",
        given=[settle, finish(message={"champion": {"run": "11111111-2222-4333-8444-555555555555.gone"}})],
        writes=["status", "mark"],
        events=["Kept"],
    ),
    Row(
        says="a score below the threshold shows in AccuracyMet and not in Ready",
        given=[settle, finish(message={"score": 0.5, "thresholdMet": False})],
        writes=["status", "mark"],
        conditions={**HEALTHY, "AccuracyMet": ("False", "BelowThreshold"), "RunsHealthy": ("True", "OutcomeReached")},
        messages={"AccuracyMet": "roc_auc 0.5 against the threshold 0.65"},
    ),
    Row(
        says="a run without a threshold says that none is set",
        given=[settle, finish(message={"threshold": None, "thresholdMet": None})],
        writes=["status", "mark"],
        conditions={"AccuracyMet": ("Unknown", "NoThreshold")},
        status={"threshold": None},
    ),
    Row(
        says="rejected data names the column and leaves Ready, champion and failures alone",
        given=[
            *PROMOTED,
            request("check", "c"),
            settle,
            finish(
                message={
                    "outcome": "DataRejected",
                    "data": {"valid": False, "reason": "ColumnMissing", "message": "column 'late' is missing"},
                }
            ),
        ],
        writes=["status", "mark"],
        conditions={**HEALTHY, "DataValid": ("False", "ColumnMissing"), "RunsHealthy": ("True", "OutcomeReached")},
        messages={"DataValid": "column 'late'"},
        status={"modelVersion": 1, "consecutiveFailures": 0},
        events=["DataRejected"],
    ),
    Row(
        says="a challenger whose score looks too good is better, waits, and has its condition",
        given=[
            *PROMOTED,
            request("train", "t"),
            settle,
            later(minutes=1),
            finish(
                message={
                    "outcome": "NotPromoted",
                    "reason": "LeakSuspected",
                    "message": "column 'dep_delay' tells most",
                    "challenger": {"version": 2, "score": 0.93, "verdict": "Better", "reason": "LeakSuspected"},
                }
            ),
        ],
        writes=["status", "mark"],
        conditions={"LeakSuspected": ("True", "LeakSuspected"), "NoSkill": ("False", "SkillShown")},
        messages={"LeakSuspected": "dep_delay"},
        status={"modelVersion": 1, "challenger.verdict": "Better"},
    ),
    Row(
        says="a version that waits for a person has its condition",
        given=[
            *PROMOTED,
            request("train", "t"),
            settle,
            finish(
                message={
                    "outcome": "AwaitingApproval",
                    "reason": "ClearlyBetter",
                    "message": "version 2: better",
                    "waiting": 2,
                    "challenger": {"version": 2, "score": 0.93, "verdict": "Better", "reason": "ClearlyBetter"},
                }
            ),
        ],
        writes=["status", "mark"],
        conditions={"ApprovalRequired": ("True", "VersionWaits"), "Ready": ("True", "Reconciled")},
        messages={"ApprovalRequired": "version 2 passed the gate and waits"},
        status={"modelVersion": 1, "challenger.version": 2, "runs.0.outcome": "AwaitingApproval"},
    ),
    Row(
        says="drift has its condition, with the worst features, and Ready stays what it is",
        given=[
            *PROMOTED,
            request("check", "c"),
            settle,
            finish(message={"drift": {"drifted": True, "share": 0.5, "features": 8, "worst": "temp (PSI 7.56)"}}),
        ],
        writes=["status", "mark"],
        conditions={"Drifted": ("True", "FeaturesDrifted"), "Ready": ("True", "Reconciled")},
        messages={"Drifted": "50% of 8 features have drifted; most temp (PSI 7.56)"},
    ),
    Row(
        says="an approval is one run, and ends the waiting",
        given=[
            *PROMOTED,
            request("approve", "2"),
            settle,
            finish(message={"outcome": "Approved", "message": "version 2 is the champion", "waiting": None}),
        ],
        writes=["status", "mark"],
        conditions={"ApprovalRequired": ("False", "NothingWaits")},
        status={"runs.0.action": "approve", "lastHandled.approve": "2", "challenger": None},
    ),
    Row(
        says="a challenger without skill has its condition, and a check that trains nothing leaves it",
        given=[
            *PROMOTED,
            request("train", "t"),
            settle,
            later(minutes=1),
            finish(
                message={
                    "outcome": "NotPromoted",
                    "reason": "NoSkill",
                    "challenger": {"version": 2, "score": 0.5, "verdict": "NotBetter", "reason": "NoSkill"},
                }
            ),
            settle,
            request("check", "c"),
            settle,
            later(minutes=1),
            finish(message={"outcome": "Kept"}),
        ],
        writes=["status", "mark"],
        conditions={"NoSkill": ("True", "NoSkill"), "LeakSuspected": ("False", "NoLeakSeen")},
    ),
    Row(
        says="a challenger that lost is shown, the champion stays",
        given=[
            *PROMOTED,
            request("train", "t"),
            settle,
            later(minutes=1),
            finish(
                message={
                    "outcome": "NotPromoted",
                    "challenger": {"version": 2, "score": 0.70001, "verdict": "NotBetter", "reason": "not better"},
                }
            ),
        ],
        writes=["status", "mark"],
        status={
            "modelVersion": 1,
            "challenger": {"version": 2, "score": 0.7, "verdict": "NotBetter", "reason": "not better"},
            "runs.0.version": 2,
        },
    ),
    Row(
        says="finished Jobs are recorded oldest first, in one status, each marked afterwards",
        given=[*PROMOTED, later(days=4), fire, later(minutes=5), finish(), later(days=7), fire, finish()],
        writes=["status", "mark", "mark"],
        status={
            "runs.0.completionTime": "2026-03-15T12:10:00Z",
            "runs.1.completionTime": "2026-03-08T12:10:00Z",
            "runs.2.cause": "Initial",
            "lastScheduleTime": "2026-03-15T12:10:00Z",
        },
        events=["Kept", "Kept"],
    ),
    Row(
        says="a result older than the one shown is recorded and does not bring the old champion back",
        given=[*PROMOTED, older_result_comes_late],
        writes=["status", "mark"],
        status={"modelVersion": 1, "score": 0.7123, "runs.1.job": "late", "runs.1.outcome": "Promoted"},
    ),
    Row(
        says="a result stamped in 2099 does not shut out the next one",
        given=[
            *PROMOTED,
            *(request("check", "a"), settle, finish(message={"checkTime": "2099-01-01T00:00:00Z"}), settle),
            *(later(hours=1), request("check", "b"), settle, finish(message={"version": 3})),
        ],
        writes=["status", "mark"],
        status={"modelVersion": 3, "lastCheckTime": "2026-03-04T13:05:00Z"},
    ),
    Row(
        says="a result from a node ten minutes ahead does not shut out the next one",
        given=[
            *PROMOTED,
            *(request("check", "a"), settle, finish(message={"checkTime": "2026-03-04T12:15:00Z"}), settle),
            *(later(minutes=5), request("check", "b"), settle, finish(message={"version": 3})),
        ],
        writes=["status", "mark"],
        status={"modelVersion": 3, "lastCheckTime": "2026-03-04T12:10:00Z"},
    ),
    Row(
        says="a vanished run is filled in from the next message",
        given=[
            *PROMOTED,
            later(days=4),
            fire,
            finish(message={"earlier": [{"job": "gone", "outcome": "Kept", "time": "2026-03-05T00:00:00Z"}]}),
        ],
        writes=["status", "mark"],
        status={"runs.1.job": "gone", "runs.1.completionTime": "2026-03-05T00:00:00Z"},
    ),
    Row(
        says="a line of history from the year 2099 never stands above the run that told it",
        given=[
            *PROMOTED,
            *(later(days=4), fire, later(minutes=1)),
            finish(message={"earlier": [{"job": "gone", "outcome": "Kept", "time": "2099-01-01T00:00:00Z"}]}),
        ],
        writes=["status", "mark"],
        status={"runs.0.cause": "Schedule", "runs.1.job": "gone"},
    ),
    Row(
        says="exit 0 without a message is MetricsMissing",
        given=[settle, finish(told=False)],
        writes=["status", "mark"],
        conditions={**HEALTHY, "RunsHealthy": ("False", "MetricsMissing"), "ModelAvailable": ("Unknown", "NoRunYet")},
        status={"runs.0.outcome": "Failed", "consecutiveFailures": 1, "modelVersion": None},
        events=["RunFailed"],
    ),
    Row(
        says="a message for another Job is no message",
        given=[settle, finish(message={"jobUID": "another"})],
        writes=["status", "mark"],
        conditions={"RunsHealthy": ("False", "MetricsMissing")},
    ),
    Row(
        says="a complete Job whose pods are gone is MetricsMissing",
        given=[settle, finish(), lose_pods],
        writes=["status", "mark"],
        conditions={"RunsHealthy": ("False", "MetricsMissing")},
    ),
    Row(
        says="a container killed for memory names the limit to raise",
        given=[settle, fails(137, told=False)],
        writes=["status", "mark"],
        conditions={**HEALTHY, "RunsHealthy": ("False", "OutOfMemory")},
        messages={"RunsHealthy": "spec.job.resources.limits.memory"},
    ),
    Row(
        says="a Job past its deadline names the field to raise",
        given=[settle, fails(1, told=False, reason="DeadlineExceeded"), lose_pods],
        writes=["status", "mark"],
        conditions={"RunsHealthy": ("False", "DeadlineExceeded")},
        messages={"RunsHealthy": "spec.job.activeDeadlineSeconds"},
    ),
    Row(
        says="a Job that waited until its deadline names what it waited for, also after a restart",
        given=[
            *(settle, waits("ClaimMissing", "PersistentVolumeClaim 'flights' does not exist"), settle, restart),
            *(fails(1, told=False, reason="DeadlineExceeded"), lose_pods),
        ],
        writes=["status", "mark"],
        conditions={"RunsHealthy": ("False", "ClaimMissing")},
        messages={"RunsHealthy": "never started: PersistentVolumeClaim 'flights'"},
    ),
    Row(
        says="a Job that was looked at and held up by nothing ends in DeadlineExceeded",
        given=[settle, waits("", ""), fails(1, told=False, reason="DeadlineExceeded"), lose_pods],
        writes=["status", "mark"],
        conditions={"RunsHealthy": ("False", "DeadlineExceeded")},
    ),
    Row(
        says="a look that finds nothing any more overrules the cause in the status",
        given=[
            *(settle, waits("Unschedulable", "0/1 nodes"), settle, waits("", "")),
            *(fails(1, told=False, reason="DeadlineExceeded"), lose_pods),
        ],
        writes=["status", "mark"],
        conditions={"RunsHealthy": ("False", "DeadlineExceeded")},
    ),
    *[
        Row(
            says=f"exit {code} with a message passes the trainer's reason on",
            given=[settle, fails(code)],
            writes=["status", "mark"],
            conditions={**HEALTHY, "RunsHealthy": ("False", "DataMissing")},
            messages={"RunsHealthy": "no file matches"},
            status={"consecutiveFailures": 1, "lastCheckTime": None},
        )
        for code in (64, 65, 66)
    ],
    *[
        Row(
            says=f"exit {code} without a message names the exit code",
            given=[settle, fails(code, told=False)],
            writes=["status", "mark"],
            conditions={"RunsHealthy": ("False", "ContainerFailed")},
            messages={"RunsHealthy": f"exit code {code}"},
        )
        for code in (1, 64, 65, 66, 143)
    ],
    Row(
        says="failures in a row are counted, and an outcome ends the count",
        given=[
            *(settle, fails(1, told=False), settle, request("check", "a"), settle, fails(1, told=False), settle),
            *(request("check", "b"), settle, later(minutes=1), finish()),
        ],
        writes=["status", "mark"],
        conditions={"RunsHealthy": ("True", "OutcomeReached")},
        status={"consecutiveFailures": 0, "runs.1.outcome": "Failed", "runs.2.outcome": "Failed"},
    ),
    Row(
        says="a failed run keeps the champion and its score",
        given=[*PROMOTED, request("check", "a"), settle, fails(1, told=False)],
        writes=["status", "mark"],
        conditions={"ModelAvailable": ("True", "ChampionRecorded"), "AccuracyMet": ("True", "ThresholdMet")},
        status={"modelVersion": 1, "score": 0.7123, "consecutiveFailures": 1},
    ),
    Row(
        says="the history keeps runHistoryLimit runs, the newest ones",
        given=[
            edit(runHistoryLimit=2),
            *PROMOTED,
            *(later(days=4), fire, later(minutes=1), finish(), settle, ttl),
            *(later(days=7), fire, later(minutes=1), finish()),
        ],
        writes=["status", "mark"],
        status={"runs.0.completionTime": "2026-03-15T12:07:00Z", "runs.1.completionTime": "2026-03-08T12:06:00Z"}
        | {"runs.2": None},
    ),
    Row(
        says="a shorter history is cut at once",
        given=[*PROMOTED, *(later(days=4), fire, finish(), settle, ttl), edit(runHistoryLimit=1)],
        writes=["replace CronJob", "status"],
        status={"runs.0.cause": "Schedule", "runs.1": None},
    ),
    Row(
        says="a Job older than all that a full history keeps is only marked",
        given=[edit(runHistoryLimit=1), *PROMOTED, older_result_comes_late],
        writes=["mark"],
        status={"runs.0.cause": "Initial", "modelVersion": 1},
    ),
    # --- waiting --------------------
    Row(
        says="a Job that waits shows why, in active, in RunsHealthy and in an Event",
        given=[settle, waits("ClaimMissing", "PersistentVolumeClaim 'flights' does not exist")],
        writes=["status"],
        conditions={**HEALTHY, "RunsHealthy": ("False", "ClaimMissing")},
        messages={"RunsHealthy": "waits: PersistentVolumeClaim 'flights'"},
        status={"active.0.waiting": "ClaimMissing: PersistentVolumeClaim 'flights' does not exist"},
        events=["RunWaiting"],
    ),
    Row(
        says="a run under way whose Job is deleted is told, and blocks nothing",
        given=[*PROMOTED, request("train", "a"), settle, start, delete_jobs],
        writes=["status"],
        conditions=HEALTHY,
        status={"active": None, "lastHandled.train": "a", "consecutiveFailures": 0},
        events=["JobLost"],
    ),
    Row(
        says="of runs that people started by hand without end the oldest are shown",
        given=[*PROMOTED, *(by_hand,) * 70],
        writes=["status"],
        status={"active.63.cause": "Schedule", "active.64": None},
    ),
    Row(
        says="the cause is kept over a restart without a write",
        given=[settle, waits("ClaimMissing", "PersistentVolumeClaim 'flights' does not exist"), settle, restart],
        writes=[],
        status={"active.0.waiting": "ClaimMissing: PersistentVolumeClaim 'flights' does not exist"},
    ),
    Row(
        says="a Job that waited and starts says that it is under way",
        given=[settle, waits("Unschedulable", "0/1 nodes are available"), settle, restart, start],
        writes=["status"],
        conditions={"RunsHealthy": ("Unknown", "RunInProgress")},
        status={"active.0.waiting": None},
    ),
    Row(
        says="a Job that waited and was deleted leaves RunsHealthy unknown",
        given=[settle, waits("Unschedulable", "0/1 nodes are available"), settle, delete_jobs],
        writes=["status"],
        conditions={"RunsHealthy": ("Unknown", "JobLost")},
        status={"active": None},
    ),
    # --- schedules and clocks --------------------
    Row(
        says="a slot in the hour that the clocks skip is announced",
        given=[edit(schedule="30 2 * * *", timeZone="Europe/Berlin")],
        writes=CREATED,
        conditions={**HEALTHY, "ScheduleAmbiguous": ("True", "ClockChange")},
        messages={"ScheduleAmbiguous": "2026-03-29 in Europe/Berlin the time 02:30 does not exist"},
        status={"nextScheduleTime": "2026-03-05T01:30:00Z"},
    ),
    Row(
        says="on the eve of the clock change the skipped slot is not the next one",
        given=[edit(schedule="30 2 * * *", timeZone="Europe/Berlin"), at(datetime(2026, 3, 28, 12, tzinfo=UTC))],
        writes=CREATED,
        status={"nextScheduleTime": "2026-03-30T00:30:00Z"},
    ),
    Row(
        says="a slot in the hour that comes twice is announced",
        given=[edit(schedule="30 2 * * *", timeZone="Europe/Berlin"), at(datetime(2026, 4, 1, 12, tzinfo=UTC))],
        writes=CREATED,
        conditions={"ScheduleAmbiguous": ("True", "ClockChange")},
        messages={"ScheduleAmbiguous": "2026-10-25 in Europe/Berlin the time 02:30 comes twice"},
    ),
    Row(
        says="a slot outside the hours that change is not ambiguous",
        given=[edit(schedule="30 4 * * *", timeZone="Europe/Berlin")],
        writes=CREATED,
        conditions={"ScheduleAmbiguous": ("False", "NoClockChange")},
    ),
]


def look_up(status: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path, None where there is none."""
    value: Any = status
    for part in path.split("."):
        if isinstance(value, list):
            value = value[int(part)] if int(part) < len(value) else None
        else:
            value = (value or {}).get(part)
    return value


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.says)
def test_plan(row: Row) -> None:
    world = World()
    for step in row.given:
        step(world)
    told = len(world.notes)
    assert world.settle() == list(row.writes)
    for type_, wanted in row.conditions.items():
        assert world.condition(type_)[:2] == wanted, world.condition(type_)
    for type_, words in row.messages.items():
        assert words in world.condition(type_)[2]
    for path, value in row.status.items():
        assert look_up(world.status, path) == value, path
    if row.events is not None:
        assert [note.reason for note in world.notes[told:]] == list(row.events)
    if row.suspended is not None:
        assert world.cronjobs[NAME]["spec"].get("suspend", False) is row.suspended


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.says)
def test_a_settled_policy_plans_nothing_more_even_after_a_restart(row: Row) -> None:
    world = World()
    for step in row.given:
        step(world)
    world.settle()
    kept = (world.refused, world.trouble)
    world.forget()
    # The API server says the same again.
    world.refused, world.trouble = kept
    before, places = world.end_state(), dict(world.places)
    # What was published is looked at once more.
    assert [write for write in world.settle() if not write.startswith("publish")] == []
    assert (world.end_state(), world.places) == (before, places)


def test_sentences_are_told_once() -> None:
    assert len({row.says for row in ROWS}) == len(ROWS) > 40


@pytest.mark.parametrize("minutes", [-10, 10], ids=["ten minutes behind", "ten minutes ahead"])
def test_an_operator_whose_clock_is_off_does_the_same_writes(minutes: int) -> None:
    world, skew = World(), timedelta(minutes=minutes)
    assert world.settle(now=world.now + skew) == CREATED
    world.later(minutes=5)
    world.start()
    world.finish(message={"outcome": "Promoted"})
    assert world.settle(now=world.now + skew) == ["status", "mark"]
    world.request("train", "r1")
    assert world.settle(now=world.now + skew) == ["create Request train Job", "status"]
    assert world.status["modelVersion"] == 1
    assert world.status["lastCheckTime"] == stamp(NOON + timedelta(minutes=5))


def test_two_operators_whose_clocks_differ_do_not_write_in_turns() -> None:
    world = World()
    world.settle()
    world.finish()
    world.settle()
    for minutes in (-10, 10, -10, 10):
        assert world.settle(now=world.now + timedelta(minutes=minutes)) == []


def test_a_held_back_initial_run_is_looked_at_again_soon() -> None:
    world = World(initial_slot=False)
    world.settle()
    look_again = world.plan().look_again
    assert look_again is not None
    assert timedelta(0) < look_again - world.now <= timedelta(seconds=60)


def test_a_run_that_failed_has_not_looked_at_the_data_of_the_new_spec() -> None:
    world = World()
    edits = (edit(data={"uri": "pvc://flights/other/*.csv"}), settle, later(minutes=5), fails(1, told=False), settle)
    for step in (*PROMOTED, *edits):
        step(world)
    told = {item["type"]: item["observedGeneration"] for item in world.status["conditions"]}
    assert (told["Ready"], told["RunsHealthy"], told["DataValid"]) == (2, 2, 1)
    assert world.condition("DataValid")[0] == "True"


def test_the_transition_time_moves_only_with_the_truth() -> None:
    world = World()
    world.settle()
    world.later(hours=1)
    world.edit({"schedule": "30 4 * * *"})
    world.settle()
    ready = {item["type"]: item for item in world.status["conditions"]}["Ready"]
    assert ready["lastTransitionTime"] == stamp(NOON)
    assert ready["observedGeneration"] == 2


def test_events_wait_for_the_status_that_they_speak_of() -> None:
    world = World()
    for write in (world.plan().writes[0], world.plan().writes[1]):
        assert not isinstance(write, WriteStatus)
    world.settle()
    assert [note.reason for note in world.notes] == ["Reconciled", "RunStarted"]


def test_a_finished_job_that_nobody_read_is_neither_recorded_nor_marked() -> None:
    world = World()
    world.settle()
    world.finish()
    world.edit({"suspend": True})  # the status is written for another reason
    for _ in range(4):
        unread = replace(world.observe(), ends={})
        writes = make_plan(observed=unread, admin=ADMIN, now=world.now).writes
        if not writes:
            break
        world.perform(writes[0])
    assert "mark" not in world.writes
    assert "runs" not in world.status


def test_conditions_of_other_controllers_are_left_alone() -> None:
    world = World()
    world.settle()
    world.status["conditions"].append({"type": "ElseWhere", "status": "True", "reason": "X", "message": ""})
    assert world.settle() == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.says)
def test_a_crash_before_or_after_any_write_changes_nothing_in_the_end(row: Row) -> None:
    def prepared() -> World:
        world = World()
        for step in row.given:
            step(world)
        return world

    calm = prepared()
    calm.settle()
    for crash in range(len(row.writes)):
        world = prepared()
        kept = (world.refused, world.trouble)
        for _ in range(crash):
            world.perform(world.plan().writes[0])
        # Done, and the reply is lost: the new operator knows nothing of it but what is stored.
        world.perform(world.plan().writes[0])
        world.forget()
        world.refused, world.trouble = kept
        world.settle()
        assert world.end_state() == calm.end_state()
        assert len(world.created) == len(calm.created)
