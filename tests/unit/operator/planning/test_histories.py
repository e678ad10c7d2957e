"""Random histories: whatever people, slots, runs and crashes do, the operator settles, and a request has one Job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from retrain_operator.api import names

from tests.unit.operator.world import NAME, QUERY, World

#: What people, slots, runs and the passing of time do to the objects.
_EVENTS = st.one_of(
    st.tuples(st.just("edit model"), st.integers(0, 2)),
    st.tuples(st.just("edit threshold"), st.sampled_from([None, 0.5, 0.9])),
    st.tuples(st.just("edit schedule"), st.sampled_from([None, "0 0 * * 0", "H 3 * * *", "0 24 * * *"])),
    st.tuples(st.just("edit memory"), st.sampled_from(["1Gi", "1024Mi", "0.5", "3e9"])),
    st.tuples(st.just("edit data"), st.sampled_from(["pvc://flights/incoming/*.parquet", "s3://elsewhere/x"])),
    st.tuples(st.just("edit specChange"), st.booleans()),
    st.tuples(st.just("limit history"), st.integers(1, 3)),
    st.tuples(st.just("suspend"), st.booleans()),
    st.tuples(st.just("request check"), st.none()),
    st.tuples(st.just("request train"), st.none()),
    st.tuples(st.just("slot"), st.none()),
    st.tuples(st.just("start"), st.none()),
    st.tuples(st.just("finish"), st.sampled_from(["Promoted", "Kept", "NotPromoted", "DataRejected"])),
    st.tuples(st.just("fail"), st.sampled_from([1, 64, 137, 143])),
    st.tuples(st.just("lose pods"), st.none()),
    st.tuples(st.just("ttl"), st.none()),
    st.tuples(st.just("delete CronJob"), st.none()),
    st.tuples(st.just("publish"), st.booleans()),
    st.tuples(st.just("watch"), st.sampled_from([None, "0s", "1h"])),
    st.tuples(st.just("query"), st.sampled_from([True, False, None])),
    st.tuples(st.just("alert"), st.integers(0, 10_000)),
    st.tuples(st.just("hours"), st.integers(1, 200)),
)
#: Each event, and whether the operator settles the policy before the next one.
_HISTORIES = st.lists(st.tuples(_EVENTS, st.booleans()), max_size=20)

Event = tuple[str, object]

_SLOW = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def happen(world: World, event: Event, number: int) -> None:
    """One event; `number` makes the string of a request new."""
    what, value = event
    match what, value:
        case "edit model", _:
            world.edit({"model": {"seed": value}})
        case "edit threshold", _:
            world.edit({"evaluation": {"threshold": value}})
        case "edit schedule", _:
            world.edit({"schedule": value})
        case "edit memory", _:
            world.edit({"job": {"resources": {"requests": {"memory": value}}}})
        case "edit data", _:
            world.edit({"data": {"uri": value}})
        case "edit specChange", _:
            world.edit({"triggers": {"specChange": {"enabled": value}}})
        case "publish", _:
            places = {"configMap": {"name": "champion"}, "inferenceService": {"name": "flights"}}
            world.edit({"publish": places if value else None})
        case "watch", None:
            world.edit({"triggers": {"prometheus": {"enabled": False}, "webhook": {"enabled": False}}})
        case "watch", _:
            asks = {"enabled": True, "query": QUERY, "for": value}
            world.edit({"triggers": {"prometheus": asks, "webhook": {"enabled": True, "matchLabels": {"a": "b"}}}})
        case "query", bool(truth):
            world.query(truth=truth)
        case "query", _:
            world.query(truth=None, problem="PrometheusUnreachable")
        case "alert", int(ago):
            world.alarm(ago=ago)
        case "limit history", _:
            world.edit({"runHistoryLimit": value})
        case "suspend", _:
            world.edit({"suspend": value})
        case "request check", _:
            world.request("check", f"c{number}")
        case "request train", _:
            world.request("train", f"t{number}")
        case "slot", _:
            world.fire()
        case "start", _:
            world.start()
        case "finish", str(outcome):
            # A run takes time.
            world.later(seconds=90)
            world.finish(message={"outcome": outcome, "version": number + 1})
        case "fail", int(code):
            world.later(seconds=90)
            world.finish(exit_code=code, told=code == 64)
        case "lose pods", _:
            world.lose_pods()
        case "ttl", _:
            world.delete_recorded()
        case "delete CronJob", _:
            uid = world.cronjobs.pop(NAME, {}).get("metadata", {}).get("uid")
            for name in [n for n, job in world.jobs.items() if job["metadata"]["ownerReferences"][0]["uid"] == uid]:
                del world.jobs[name]
        case "hours", int(hours):
            world.later(hours=hours)
        case _:
            raise AssertionError(event)


def lived(events: Sequence[tuple[Event, bool]]) -> World:
    """A world after a history, before the operator looks for the last time."""
    world = World()
    for number, (event, looks) in enumerate(events):
        happen(world, event, number)
        if looks:
            world.settle(limit=12)
    return world


def one_job_a_request(world: World) -> None:
    """No request, spec or Initial run was answered by two Jobs."""
    answered = Counter(
        (job["metadata"]["labels"][names.LABEL_ACTION], job["metadata"]["annotations"][names.ANNOTATION_REQUEST])
        for job in world.created
        if names.ANNOTATION_REQUEST in job["metadata"]["annotations"]
    )
    changes = Counter(
        (job["metadata"]["labels"][names.LABEL_ACTION], job["metadata"]["annotations"][names.ANNOTATION_GENERATION])
        for job in world.created
        if job["metadata"]["annotations"][names.ANNOTATION_CAUSE] == "SpecChange"
    )
    initial = sum(job["metadata"]["annotations"][names.ANNOTATION_CAUSE] == "Initial" for job in world.created)
    assert max([*answered.values(), *changes.values(), initial, 0]) <= 1


@_SLOW
@given(_HISTORIES)
def test_every_history_settles_in_few_writes_and_then_stays_silent(events: list[tuple[Event, bool]]) -> None:
    world = lived(events)
    finished = sum(1 for job in world.jobs.values() if job["status"].get("conditions"))
    done = world.settle(limit=8 + finished)
    # CronJob, Job and status; a mark for each run that ended meanwhile; two places, and the status that tells of them.
    assert len([write for write in done if write != "mark"]) <= 7
    assert world.plan().writes == ()
    world.forget()
    places = dict(world.places)
    assert set(world.settle()) <= {"publish configMap", "publish inferenceService"}  # looked at again
    assert world.places == places
    one_job_a_request(world)


@_SLOW
@given(_HISTORIES)
def test_a_settled_history_keeps_its_promises(events: list[tuple[Event, bool]]) -> None:
    world = lived(events)
    world.settle(limit=12)
    assert world.policy is not None
    status, spec = world.status, world.policy["spec"]
    assert status["observedGeneration"] == world.policy["metadata"]["generation"]
    assert {item["type"] for item in status["conditions"]} >= {"Ready", "Stalled", "RunsHealthy", "ModelAvailable"}
    ready, stalled = world.condition("Ready")[0], world.condition("Stalled")[0]
    assert (ready, stalled) in {("True", "False"), ("False", "True")}
    runs = status.get("runs", [])
    assert len(runs) <= spec.get("runHistoryLimit", 10)
    assert [run["completionTime"] for run in runs] == sorted((run["completionTime"] for run in runs), reverse=True)
    assert len(world.active()) <= 2  # ours, and a slot of the CronJob
    for action, annotation in names.REQUEST_ANNOTATIONS.items():
        text = world.policy["metadata"]["annotations"].get(annotation)
        open_ = any(item.get("request") == text for item in status.get("pending", []))
        assert text is None or open_ or status["lastHandled"][action] == text
    if ready == "True" and world.cronjobs:
        live = world.cronjobs[NAME]["spec"]
        assert bool(live.get("suspend")) is (spec.get("suspend") is True or "schedule" not in spec)


@_SLOW
@given(_HISTORIES, st.lists(st.sampled_from(["done", "before", "after", "twice"]), min_size=1, max_size=30))
def test_crashes_at_any_write_change_nothing_in_the_end(events: list[tuple[Event, bool]], crashes: list[str]) -> None:
    calm, rough = World(), World()
    plan_of_crashes = list(crashes)
    for number, (event, looks) in enumerate([*events, (("hours", 1), True)]):
        happen(calm, event, number)
        happen(rough, event, number)
        if not looks:
            continue
        calm.settle(limit=20)
        while (plan := rough.plan()).writes:
            write = plan.writes[0]
            how = plan_of_crashes.pop(0) if plan_of_crashes else "done"
            if how == "before":
                rough.forget()
                continue
            rough.perform(write)
            if how == "twice" and not type(write).__name__.startswith(("Replace", "WriteStatus")):
                # The reply was lost and the request sent again; of the other two the server refuses a second.
                rough.perform(write)
            if how != "done":
                rough.forget()
        assert rough.end_state() == calm.end_state()
    one_job_a_request(rough)
    assert len(rough.created) == len(calm.created)
    assert rough.plan().writes == ()
