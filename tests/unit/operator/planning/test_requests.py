"""Which runs are called for, and which of them are answered already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from retrain_operator.api.children import job_view
from retrain_operator.api.policy import policy_view
from retrain_operator.planning.digests import digests_of
from retrain_operator.planning.observed import Upstream
from retrain_operator.planning.requests import handled_after, open_requests

from tests.builders import Json, a_job, a_policy

DIGESTS = digests_of(policy=policy_view(a_policy()))
KNOWN = {"spec": DIGESTS.spec, "threshold": DIGESTS.threshold}

OPEN: dict[str, tuple[dict[str, Any], dict[str, str], list[tuple[str, str]]]] = {
    "a new policy": ({}, {}, [("check", "Initial")]),
    "a settled policy": ({}, KNOWN, []),
    "a new policy that is suspended": ({"spec": {"suspend": True}}, {}, []),
    "a train request": ({"train": "a"}, KNOWN, [("train", "Request")]),
    "a train request answered": ({"train": "a"}, {**KNOWN, "train": "a"}, []),
    "a train request with another string": ({"train": "b"}, {**KNOWN, "train": "a"}, [("train", "Request")]),
    "the string of a check does not answer a train": ({"train": "a"}, {**KNOWN, "check": "a"}, [("train", "Request")]),
    "an annotation taken away": ({}, {**KNOWN, "train": "a"}, []),
    "an empty annotation": ({"train": ""}, KNOWN, []),
    "an edit of the model": ({"spec": {"model": {"seed": 1}}}, KNOWN, [("check", "SpecChange")]),
    "an edit of the data": ({"spec": {"data": {"window": "90d"}}}, KNOWN, [("check", "SpecChange")]),
    "an edit of the metric": ({"spec": {"evaluation": {"metric": "f1"}}}, KNOWN, [("check", "SpecChange")]),
    "an edit of the threshold": ({"spec": {"evaluation": {"threshold": 0.7}}}, KNOWN, [("check", "SpecChange")]),
    "a threshold taken away": ({"spec": {"evaluation": {"threshold": None}}}, KNOWN, [("check", "SpecChange")]),
    "a promotion rule": ({"spec": {"promotion": {"minImprovement": 0.1}}}, KNOWN, []),
    "a trigger": ({"spec": {"triggers": {"belowThreshold": {"enabled": False}}}}, KNOWN, []),
    "an edit of the model, switched off": (
        {"spec": {"model": {"seed": 1}, "triggers": {"specChange": {"enabled": False}}}},
        KNOWN,
        [],
    ),
    "an edit of the model, suspended": ({"spec": {"model": {"seed": 1}, "suspend": True}}, KNOWN, []),
    "requests of a suspended policy": (
        {"spec": {"suspend": True}, "train": "a", "check": "b"},
        KNOWN,
        [("train", "Request"), ("check", "Request")],
    ),
    "a rollback goes before an approval, that before a rejection, that before a training": (
        {"train": "a", "reject": "4", "approve": "3", "rollback": "1"},
        KNOWN,
        [("rollback", "Request"), ("approve", "Request"), ("reject", "Request"), ("train", "Request")],
    ),
    "people's requests of a suspended policy": (
        {"spec": {"suspend": True}, "rollback": "1"},
        KNOWN,
        [("rollback", "Request")],
    ),
    "an approval asked for again": ({"approve": "3@b"}, {**KNOWN, "approve": "3"}, [("approve", "Request")]),
    "an approval answered": ({"approve": "3"}, {**KNOWN, "approve": "3"}, []),
    "a version pinned by the spec": ({"spec": {"promotion": {"pinnedVersion": 2}}}, KNOWN, [("pin", "SpecChange")]),
    "a pin that is known": ({"spec": {"promotion": {"pinnedVersion": 2}}}, {**KNOWN, "pinnedVersion": "2"}, []),
    "a pin to another version": (
        {"spec": {"promotion": {"pinnedVersion": 3}}},
        {**KNOWN, "pinnedVersion": "2"},
        [("pin", "SpecChange")],
    ),
    "a pin of a suspended policy": (
        {"spec": {"promotion": {"pinnedVersion": 2}, "suspend": True}},
        KNOWN,
        [("pin", "SpecChange")],
    ),
    "a pin taken away": ({}, {**KNOWN, "pinnedVersion": "2"}, []),
    "a pin of a new policy waits for its first run, which pins": (
        {"spec": {"promotion": {"pinnedVersion": 2}}},
        {},
        [("check", "Initial")],
    ),
    "an approval by pull request": (
        {"spec": {"promotion": {"approvedVersion": 3}}},
        KNOWN,
        [("approve", "SpecChange")],
    ),
    "a pin goes before a person's rollback": (
        {"spec": {"promotion": {"pinnedVersion": 2}}, "rollback": "1"},
        KNOWN,
        [("pin", "SpecChange"), ("rollback", "Request")],
    ),
    "everything at once, the most urgent first": (
        {"spec": {"model": {"seed": 1}, "evaluation": {"threshold": 0.7}}, "train": "a", "check": "b"},
        KNOWN,
        [("train", "Request"), ("check", "SpecChange"), ("check", "Request"), ("check", "SpecChange")],
    ),
}


@pytest.mark.parametrize(("fields", "handled", "wanted"), OPEN.values(), ids=OPEN)
def test_open(fields: dict[str, Any], handled: dict[str, str], wanted: list[tuple[str, str]]) -> None:
    policy = policy_view(a_policy(**fields))
    found = open_requests(policy=policy, handled=handled, digests=digests_of(policy=policy))
    assert [(one.action, one.cause) for one in found] == wanted


HANDLED: dict[str, tuple[Json, list[Json], dict[str, str]]] = {
    "nothing": (a_policy(train="a"), [], {}),
    "what the status says": (a_policy(status={"lastHandled": {"train": "a"}}), [], {"train": "a"}),
    "a Job that answers the request": (a_policy(train="a"), [a_job(action="train", request="a")], {"train": "a"}),
    "a Job with another string": (a_policy(train="b"), [a_job(action="train", request="a")], {}),
    "a Job of the other action": (a_policy(train="a"), [a_job(action="check", request="a")], {}),
    "a Job of this spec": (a_policy(), [a_job(spec_digest=DIGESTS.spec)], {"spec": DIGESTS.spec}),
    "a Job of another spec": (a_policy(), [a_job(spec_digest="other", cause="Request", request="a")], {}),
    "an Initial Job of another spec was made before an edit": (
        a_policy(),
        [a_job(spec_digest="other")],
        {"spec": "other"},
    ),
    "a Job that answers an approval": (a_policy(approve="3"), [a_job(action="approve", request="3")], {"approve": "3"}),
    "an approval by the spec does not answer one by a person": (
        a_policy(approve="3"),
        [a_job(action="approve", request="3", cause="SpecChange")],
        {},
    ),
    "a Job that pins": (
        a_policy(spec={"promotion": {"pinnedVersion": 2}}),
        [a_job(action="pin", request="2", cause="SpecChange")],
        {"pinnedVersion": "2"},
    ),
    "a pinned version that serves already": (
        a_policy(spec={"promotion": {"pinnedVersion": 2}}, status={"modelVersion": 2}),
        [],
        {"pinnedVersion": "2"},
    ),
    "a pin taken away is forgotten": (a_policy(status={"lastHandled": {"pinnedVersion": "2"}}), [], {}),
    "a Job that pins has not looked at the spec": (
        a_policy(),
        [a_job(action="pin", request="2", cause="SpecChange", spec_digest=DIGESTS.spec)],
        {},
    ),
    "a status full of rubbish": (a_policy(status={"lastHandled": {"train": 1, "x": "y", "spec": None}}), [], {}),
    "a status that is no mapping": (a_policy(status={"lastHandled": "x"}), [], {}),
}


@pytest.mark.parametrize(("body", "jobs", "wanted"), HANDLED.values(), ids=HANDLED)
def test_handled(body: Json, jobs: list[Json], wanted: dict[str, str]) -> None:
    policy = policy_view(body)
    views = [job_view(job) for job in jobs]
    assert handled_after(policy=policy, jobs=views, digests=digests_of(policy=policy)) == wanted


def test_the_digest_does_not_see_the_order_of_fields() -> None:
    body = a_policy()
    body["spec"] = dict(reversed(body["spec"].items()))
    assert digests_of(policy=policy_view(body)) == DIGESTS


def test_a_threshold_of_1_is_one_of_1_point_0() -> None:
    one, other = (digests_of(policy=policy_view(a_policy(spec={"evaluation": {"threshold": t}}))) for t in (1, 1.0))
    assert one == other


FOLLOWS = {"triggers": {"upstream": {"policy": "prices"}}}
FIRST, SECOND = Upstream(version=1, promoted="T1"), Upstream(version=2, promoted="T2")
NONE_YET = Upstream(version=None, promoted="")

UPSTREAM: dict[str, tuple[Json, str | None, Upstream | None, list[Json], str | None, bool]] = {
    "no upstream is named": (a_policy(), None, FIRST, [], None, False),
    "one is named, and has a champion": (a_policy(spec=FOLLOWS), None, FIRST, [], "prices@1 T1", False),
    "one is named, and has none yet": (a_policy(spec=FOLLOWS), None, NONE_YET, [], "prices@", False),
    "one is named that is not there": (a_policy(spec=FOLLOWS), None, None, [], "prices@", False),
    "its first champion": (a_policy(spec=FOLLOWS), "prices@", FIRST, [], "prices@", True),
    "the same champion": (a_policy(spec=FOLLOWS), "prices@1 T1", FIRST, [], "prices@1 T1", False),
    "a new champion": (a_policy(spec=FOLLOWS), "prices@1 T1", SECOND, [], "prices@1 T1", True),
    "the old champion again, by a rollback": (
        a_policy(spec=FOLLOWS),
        "prices@2 T2",
        Upstream(version=1, promoted="T3"),
        [],
        "prices@2 T2",
        True,
    ),
    "a Job that answers it": (
        a_policy(spec=FOLLOWS),
        "prices@1 T1",
        SECOND,
        [a_job(action="check", cause="Upstream", request="prices@2 T2")],
        "prices@2 T2",
        False,
    ),
    "a person's check of the same words does not": (
        a_policy(spec=FOLLOWS),
        "prices@1 T1",
        SECOND,
        [a_job(action="check", request="prices@2 T2")],
        "prices@1 T1",
        True,
    ),
    "it is gone": (a_policy(spec=FOLLOWS), "prices@1 T1", None, [], "prices@1 T1", False),
    "it was made anew and has no champion": (a_policy(spec=FOLLOWS), "prices@1 T1", NONE_YET, [], "prices@1 T1", False),
    "another one is named": (a_policy(spec=FOLLOWS), "costs@4 T0", FIRST, [], "prices@1 T1", False),
    "none is named any more": (a_policy(), "prices@1 T1", SECOND, [], None, False),
    "it is switched off": (
        a_policy(spec={"triggers": {"upstream": {"policy": "prices", "enabled": False}}}),
        "prices@1 T1",
        SECOND,
        [],
        None,
        False,
    ),
    "a suspended policy waits until it goes on": (
        a_policy(spec={**FOLLOWS, "suspend": True}),
        "prices@1 T1",
        SECOND,
        [],
        "prices@1 T1",
        False,
    ),
}


@pytest.mark.parametrize(("body", "before", "upstream", "jobs", "after", "runs"), UPSTREAM.values(), ids=UPSTREAM)
def test_upstream(
    body: Json, before: str | None, upstream: Upstream | None, jobs: list[Json], after: str | None, runs: bool
) -> None:
    body["status"] = {"lastHandled": {**KNOWN, **({} if before is None else {"upstream": before})}}
    policy, views = policy_view(body), [job_view(job) for job in jobs]
    digests = digests_of(policy=policy)
    handled = handled_after(policy=policy, jobs=views, digests=digests, upstream=upstream)
    assert handled.get("upstream") == after
    found = open_requests(policy=policy, handled=handled, digests=digests, upstream=upstream)
    assert [(one.action, one.cause) for one in found] == ([("check", "Upstream")] if runs else [])


def test_whatever_is_asked_for_at_once_fits_into_the_status() -> None:
    spec = {
        "promotion": {"approvedVersion": 2, "pinnedVersion": 1},
        "triggers": {
            "upstream": {"policy": "prices"},
            "prometheus": {"query": "up"},
            "webhook": {"matchLabels": {"alertname": "x"}},
        },
    }
    policy = policy_view(a_policy(spec=spec, check="3", train="3", approve="3", reject="3", rollback="3"))
    fired = {name: {"fired": "2026-03-01T00:00:00Z"} for name in ("prometheus", "webhook")}
    found = open_requests(
        policy=policy,
        handled={"spec": "other", "threshold": "other", "upstream": "prices@1"},
        digests=digests_of(policy=policy),
        upstream=Upstream(version=2, promoted="2026-03-01T00:00:00Z"),
        triggers=fired,
    )
    crd = yaml.safe_load((Path(__file__).parents[4] / "crds" / "retrainpolicies.yaml").read_text())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
    assert 12 <= len(found) <= schema["pending"]["maxItems"]
