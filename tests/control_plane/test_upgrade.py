"""A newer operator takes over what an older one left: each CronJob is rewritten once, runs are left alone."""

from __future__ import annotations

import json
from typing import Any

import yaml

from tests.control_plane.conftest import REPOSITORY, StartOperator
from tests.support.kubectl import Kubectl
from tests.support.policies import a_message, condition, end_run, unfinished_jobs, wait_for_condition
from tests.support.polling import eventually
from tests.support.requests import WriteCounter

OBJECTS = REPOSITORY / "tests" / "control_plane" / "upgrade" / "objects.yaml"
POLICIES = ("running", "settled", "unscheduled")


def put_back(kubectl: Kubectl) -> None:
    """The objects as they were, with the UIDs that this server gives."""
    text = OBJECTS.read_text().replace("NAMESPACE", kubectl.namespace)
    owners = ("RetrainPolicy", "CronJob", "Job")
    for kind in owners:
        for number in range(len(list(yaml.safe_load_all(text)))):
            body: dict[str, Any] = list(yaml.safe_load_all(text))[number]
            if body["kind"] != kind:
                continue
            made = kubectl.create(body)
            text = text.replace(body["metadata"]["uid"], made["metadata"]["uid"])
            if "status" in body and kind != "CronJob":
                told = list(yaml.safe_load_all(text))[number]["status"]
                kubectl.patch(kind.lower(), body["metadata"]["name"], {"status": told}, sub="status")


def status_of(kubectl: Kubectl, name: str) -> dict[str, Any]:
    found: dict[str, Any] = (kubectl.get("rtp", name) or {}).get("status") or {}
    return found


def test_an_upgrade_rewrites_each_cronjob_once_and_touches_no_run(
    kubectl: Kubectl, start_operator: StartOperator, writes: WriteCounter
) -> None:
    put_back(kubectl)
    jobs = {job["metadata"]["name"]: job["metadata"]["resourceVersion"] for job in kubectl.list("jobs")}
    [running] = unfinished_jobs(kubectl)
    before = {name: status_of(kubectl, name) for name in POLICIES}
    writes.reset()

    operator = start_operator(resyncSeconds=0.5)
    for name in POLICIES:
        wait_for_condition(kubectl, name, "Ready", "True")
    lists = writes.lists()
    eventually("three more full lists", lambda: writes.lists() >= lists + 4)
    counted = writes.by_resource()
    assert counted.get("cronjobs PUT") == 2, counted
    assert set(counted) <= {"cronjobs PUT", "retrainpolicies/status PATCH"}, counted
    assert counted.get("retrainpolicies/status PATCH", 0) <= len(POLICIES)
    assert {job["metadata"]["name"]: job["metadata"]["resourceVersion"] for job in kubectl.list("jobs")} == jobs
    for cronjob in kubectl.list("cronjobs"):
        assert "retrain-trainer:test" in json.dumps(cronjob)
    for name in POLICIES:
        after = status_of(kubectl, name)
        for field in ("runs", "modelVersion", "modelURI", "score", "promotionTime", "pending", "lastHandled"):
            assert after.get(field) == before[name].get(field), (name, field)
        assert [run["job"] for run in after.get("active", [])] == [run["job"] for run in before[name].get("active", [])]
        assert condition(kubectl.get("rtp", name), "Stalled")["status"] == "False"

    # The run that the older version started ends, and is told by the newer one; then the request of before is answered.
    kubectl.patch("job", running["metadata"]["name"], {"status": {"active": 0, "ready": 0}}, sub="status")
    end_run(kubectl, running, message=a_message(running))
    [asked] = eventually("the request that waited", lambda: unfinished_jobs(kubectl))
    assert asked["metadata"]["annotations"]["retrain.dev/request"] == "later"
    assert status_of(kubectl, "running")["runs"][0]["outcome"] == "Promoted"

    # Down to the older image and up again: one write for each, and no run.
    operator.stop()
    end_run(kubectl, asked, message=a_message(asked, outcome="Kept", trigger=None, checkTime="2026-03-02T00:00:00Z"))
    jobs_before = len(kubectl.list("jobs"))
    for image in ("retrain-trainer:0.0.9", "retrain-trainer:test"):
        writes.reset()
        other = start_operator(resyncSeconds=0.5, trainerImage=image)
        lists = writes.lists()
        eventually("three more full lists", lambda lists=lists: writes.lists() >= lists + 4)  # type: ignore[misc]
        assert writes.by_resource()["cronjobs PUT"] == 2
        other.stop()
    assert len(kubectl.list("jobs")) == jobs_before
