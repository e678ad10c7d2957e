"""Names at their limits, and other hands on what is the operator's: one write puts it right, nobody's is touched."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.control_plane.conftest import StartOperator
from tests.support.kubectl import Kubectl
from tests.support.policies import a_message, a_policy, condition, end_run, unfinished_jobs, wait_for_condition
from tests.support.polling import eventually
from tests.support.requests import WriteCounter

Hand = Callable[[Kubectl], object]

LONGEST = "a" * 249
NAMES = (f"{LONGEST}-one", f"{LONGEST}-two", "a.name.with.dots", "a-name-with-dots", "1", "x" * 48, "x" * 49)


def test_names_of_any_length_and_alike_have_children_of_their_own(
    kubectl: Kubectl, start_operator: StartOperator
) -> None:
    start_operator()
    kubectl.apply(*(a_policy(name) for name in NAMES))
    for name in NAMES:
        wait_for_condition(kubectl, name, "Ready", "True")
    owners = {
        each["metadata"]["name"]: each["metadata"]["ownerReferences"][0]["name"] for each in kubectl.list("cronjobs")
    }
    assert sorted(owners.values()) == sorted(NAMES)
    jobs = eventually("a run of each", lambda: _all_of(unfinished_jobs(kubectl), count=len(NAMES)))
    for job in jobs:
        end_run(kubectl, job, message=a_message(job))
    for name in NAMES:
        wait_for_condition(kubectl, name, "ModelAvailable", "True")


def _all_of(items: list[dict[str, Any]], *, count: int) -> list[dict[str, Any]] | None:
    return items if len(items) == count else None


def settled(kubectl: Kubectl) -> None:
    """One policy whose first run is over."""
    kubectl.apply(a_policy("flights"))
    [job] = eventually("its first run", lambda: unfinished_jobs(kubectl))
    end_run(kubectl, job, message=a_message(job))
    wait_for_condition(kubectl, "flights", "ModelAvailable", "True")
    eventually(
        "it is marked",
        lambda: all("retrain.dev/recorded" in each["metadata"]["labels"] for each in kubectl.list("jobs")),
    )


def patch(body: dict[str, Any]) -> Hand:
    return lambda kubectl: kubectl.patch("cronjob", "flights", body)


def apply_field(kubectl: Kubectl) -> None:
    """Another field manager takes a field by force."""
    body = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "flights"},
        "spec": {"successfulJobsHistoryLimit": 9},
    }
    kubectl("apply", "--server-side", "--force-conflicts", "--field-manager=gitops", "-f", "-", stdin=json.dumps(body))


@pytest.mark.parametrize(
    ("hand", "expected"),
    [
        pytest.param(patch({"spec": {"schedule": "1 1 1 1 1"}}), {"cronjobs PUT": 1}, id="another schedule"),
        pytest.param(patch({"spec": {"suspend": True}}), {"cronjobs PUT": 1}, id="suspended"),
        pytest.param(
            patch({"spec": {"jobTemplate": {"spec": {"backoffLimit": 9}}}}), {"cronjobs PUT": 1}, id="template"
        ),
        pytest.param(
            patch({"metadata": {"annotations": {"retrain.dev/desired": None}}}),
            {"cronjobs PUT": 1},
            id="annotation gone",
        ),
        pytest.param(
            patch({"metadata": {"labels": {"retrain.dev/policy-uid": "x"}}}),
            {"cronjobs PUT": 1, "cronjobs POST": 1},
            id="whose it is (a create that is refused tells)",
        ),
        pytest.param(
            patch({"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}}),
            {"cronjobs PUT": 1},
            id="the label by which it is watched",
        ),
        pytest.param(apply_field, {"cronjobs PUT": 1}, id="a field taken by another manager"),
        pytest.param(
            patch({"metadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}}}), {}, id="a label more"
        ),
        pytest.param(
            lambda kubectl: kubectl("delete", "cronjob", "flights", "--wait=false"),
            {"cronjobs POST": 1},
            id="deleted",
        ),
    ],
)
def test_what_a_hand_changes_one_write_puts_right(
    kubectl: Kubectl, start_operator: StartOperator, writes: WriteCounter, hand: Hand, expected: dict[str, int]
) -> None:
    start_operator(resyncSeconds=1)
    settled(kubectl)
    before = (kubectl.get("cronjob", "flights") or {})["spec"]
    hand(kubectl)
    writes.reset()  # what the hand did is not counted
    lists = writes.lists()
    eventually("three more full lists", lambda: writes.lists() >= lists + 4)
    found = kubectl.get("cronjob", "flights") or {}
    assert found["spec"] == before
    assert found["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "retrain-operator"
    if not expected:
        assert found["metadata"]["labels"]["team"] == "a"  # theirs stays
    counted = {what: count for what, count in writes.by_resource().items() if what.startswith("cronjobs")}
    # The write may have come before the counting began.
    assert all(count <= expected.get(what, 0) for what, count in counted.items()), counted
    assert condition(kubectl.get("rtp", "flights"), "Ready")["status"] == "True"


def test_a_hand_that_never_rests_is_told_and_not_fought_without_end(
    kubectl: Kubectl, start_operator: StartOperator, writes: WriteCounter
) -> None:
    start_operator(resyncSeconds=1)
    settled(kubectl)
    writes.reset()

    def contested() -> bool:
        kubectl.patch("cronjob", "flights", {"spec": {"schedule": "1 1 1 1 1"}})
        return condition(kubectl.get("rtp", "flights"), "Ready").get("reason") == "CronJobContested"

    eventually("it is told", contested)
    told = condition(kubectl.get("rtp", "flights"), "Ready")
    assert told["status"] == "False"
    assert "CronJob flights is changed again and again" in told["message"]
    assert writes.by_resource()["cronjobs PUT"] <= 6
    lists = writes.lists()
    eventually("three more full lists", lambda: writes.lists() >= lists + 4)
    assert writes.by_resource()["cronjobs PUT"] <= 6


def test_a_status_field_of_somebody_else_stops_nothing(
    kubectl: Kubectl, start_operator: StartOperator, writes: WriteCounter
) -> None:
    """A backup tool that restores the status, or a hand: the operator cannot take away what it does not own."""
    operator = start_operator(resyncSeconds=1)
    settled(kubectl)
    theirs = {"status": {"pending": [{"action": "check", "cause": "Request", "request": "theirs"}]}}
    kubectl.patch("rtp", "flights", theirs, sub="status")
    kubectl("annotate", "rtp", "flights", "retrain.dev/train=1")
    [job] = eventually("the run", lambda: unfinished_jobs(kubectl))
    end_run(kubectl, job, message=a_message(job, checkTime="2026-03-02T00:00:00Z"))
    eventually(
        "it is recorded and marked",
        lambda: all("retrain.dev/recorded" in each["metadata"]["labels"] for each in kubectl.list("jobs")),
        describe=lambda: operator.log,
    )
    policy = kubectl.get("rtp", "flights") or {}
    assert policy["status"]["runs"][0]["action"] == "train"
    assert "pending" in policy["status"]
    assert "its status holds fields that somebody else owns" in operator.log
    # As `kubectl patch` does it, they take their field away, and all is well.
    kubectl.patch("rtp", "flights", {"status": {"pending": None}}, sub="status")
    lists = writes.lists()
    eventually("two full lists", lambda: writes.lists() >= lists + 3)
    writes.reset()
    lines, lists = operator.log.count("somebody else owns"), writes.lists()
    eventually("three more full lists", lambda: writes.lists() >= lists + 4)
    assert operator.log.count("somebody else owns") == lines
    assert writes.by_resource() == {}


def test_a_cronjob_that_has_lost_its_owner_is_told_with_what_to_do(
    kubectl: Kubectl, start_operator: StartOperator
) -> None:
    start_operator(resyncSeconds=1)
    settled(kubectl)
    kubectl.patch("cronjob", "flights", {"metadata": {"ownerReferences": None}})
    policy = wait_for_condition(kubectl, "flights", "Ready", "False")
    told = condition(policy, "Ready")
    assert told["reason"] == "NameConflict"
    assert "no ownerReference to this policy any more" in told["message"]
    assert "kubectl delete cronjob flights" in told["message"]
    kubectl("delete", "cronjob", "flights")  # as it says
    wait_for_condition(kubectl, "flights", "Ready", "True")
    [owner] = (kubectl.get("cronjob", "flights") or {})["metadata"]["ownerReferences"]
    assert owner["uid"] == policy["metadata"]["uid"]


def test_many_objects_of_strangers_with_our_labels_change_nothing(
    kubectl: Kubectl, start_operator: StartOperator, writes: WriteCounter
) -> None:
    start_operator(resyncSeconds=1)
    settled(kubectl)
    policy = kubectl.get("rtp", "flights") or {}
    labels = {"app.kubernetes.io/managed-by": "retrain-operator", "retrain.dev/policy-uid": policy["metadata"]["uid"]}
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}
    for number in range(20):
        metadata = {"name": f"stranger-{number}", "labels": {**labels, "retrain.dev/action": "check"}}
        kubectl.create({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": template}})
    writes.reset()
    lists = writes.lists()
    eventually("three more full lists", lambda: writes.lists() >= lists + 4)
    assert writes.by_resource() == {}
    assert "active" not in (kubectl.get("rtp", "flights") or {})["status"]
