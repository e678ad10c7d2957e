"""The operator may die at any time: CronJobs fire and Jobs run without it, and it finds what happened."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.pods.test_main_job import RUN_SECONDS, SPEC, wait_for_outcome
from tests.support.claims import Claims
from tests.support.data import csv, days_ago, rows
from tests.support.kubectl import Kubectl
from tests.support.policies import a_policy, condition, unfinished_jobs
from tests.support.polling import eventually

SYSTEM = "-n=retrain-system"
PODS = ("pod", "-lapp.kubernetes.io/name=retrain-operator", SYSTEM)


def _kill(kubectl: Kubectl) -> None:
    """The operator dies at once and without notice, and none comes in its place."""
    kubectl("scale", "deployment/retrain-operator", SYSTEM, "--replicas=0")
    kubectl("delete", *PODS, "--grace-period=0", "--force")
    kubectl("wait", "--for=delete", *PODS, "--timeout=60s", timeout=70)


def _start(kubectl: Kubectl) -> None:
    kubectl("scale", "deployment/retrain-operator", SYSTEM, "--replicas=2")
    kubectl("rollout", "status", "deployment/retrain-operator", SYSTEM, "--timeout=60s", timeout=70)


@pytest.mark.full
@pytest.mark.timeout(300)
def test_killed_in_mid_run_and_away_while_the_schedule_goes_on(kubectl: Kubectl, claims: Claims) -> None:
    claims.write("data/incoming/a.csv", csv(rows(start=days_ago(60), days=60)))
    kubectl.apply(a_policy("late", **{**SPEC, "schedule": "* * * * *"}))
    eventually("the Initial run has begun", lambda: unfinished_jobs(kubectl))
    try:
        _kill(kubectl)
        before = kubectl.get("rtp", "late") or {}
        assert not (before.get("status") or {}).get("runs")

        def scheduled() -> bool:
            jobs = kubectl.list("jobs")
            by_cronjob = [job for job in jobs if job["metadata"]["ownerReferences"][0]["kind"] == "CronJob"]
            return any((job.get("status") or {}).get("succeeded") for job in by_cronjob)

        eventually("a scheduled run ends with nobody watching", scheduled, seconds=RUN_SECONDS)
    finally:
        _start(kubectl)
    policy = eventually("both runs are recorded", lambda: _with_runs(kubectl, 2), seconds=60)
    causes = {run["cause"]: run["outcome"] for run in policy["status"]["runs"]}
    assert causes["Initial"] in ("Promoted", "Kept")
    assert "Schedule" in causes
    assert "Promoted" in causes.values()
    assert policy["status"]["modelVersion"] == 1
    assert policy["status"]["lastScheduleTime"]

    # Suspend stops the schedule; a request by a person still runs; resume starts the schedule again.
    kubectl.patch("rtp", "late", {"spec": {"suspend": True}})
    eventually("suspended", lambda: condition(kubectl.get("rtp", "late"), "Suspended").get("status") == "True")
    cronjob = kubectl.get("cronjob", "late")
    assert cronjob is not None
    assert cronjob["spec"]["suspend"] is True
    eventually("nothing is under way", lambda: not unfinished_jobs(kubectl), seconds=60)
    kubectl("annotate", "rtp", "late", "retrain.dev/check=while suspended")
    answered = eventually("the request is answered", lambda: _answered(kubectl, "while suspended"), seconds=60)
    assert answered["status"]["runs"][0]["cause"] == "Request"
    count = len(answered["status"]["runs"])
    kubectl.patch("rtp", "late", {"spec": {"suspend": False}})
    resumed = eventually("a scheduled run after resume", lambda: _with_runs(kubectl, count + 1), seconds=RUN_SECONDS)
    assert resumed["status"]["runs"][0]["cause"] == "Schedule"


def _with_runs(kubectl: Kubectl, count: int) -> dict[str, Any] | None:
    policy = kubectl.get("rtp", "late") or {}
    return policy if len((policy.get("status") or {}).get("runs") or []) >= count else None


def _answered(kubectl: Kubectl, text: str) -> dict[str, Any] | None:
    policy = kubectl.get("rtp", "late") or {}
    status = policy.get("status") or {}
    done = (status.get("lastHandled") or {}).get("check") == text and not status.get("active")
    return policy if done and status["runs"][0].get("cause") == "Request" else None


@pytest.mark.full
@pytest.mark.timeout(300)
def test_two_policies_on_one_claim_and_one_of_them_is_broken(kubectl: Kubectl, claims: Claims) -> None:
    claims.write("data/incoming/a.csv", csv(rows(start=days_ago(60), days=60)))
    good = {**SPEC, "registry": {"uri": "pvc://data/registry"}}
    bad = {**good, "model": {"target": "late", "estimator": "NoSuchClassifier"}}
    kubectl.apply(a_policy("late", **good), a_policy("broken", **bad))
    wait_for_outcome(kubectl, "Promoted", runs=1)
    policy = wait_for_outcome(kubectl, "Failed", runs=1, name="broken")
    assert condition(policy, "RunsHealthy")["reason"] == "UnknownEstimator"
    assert "NoSuchClassifier" in condition(policy, "RunsHealthy")["message"]
    tree = claims.tree("data")
    assert any("/late/versions/1/" in path for path in tree)
    assert not any("/broken/versions/" in path for path in tree)


def test_another_pod_takes_over_when_the_one_that_acts_dies(kubectl: Kubectl, claims: Claims) -> None:
    def holder() -> str:
        lease = json.loads(kubectl("get", "lease", "retrain-operator", SYSTEM, "-o=json"))
        return str(lease["spec"].get("holderIdentity") or "").rpartition("_")[0]

    kubectl("rollout", "status", "deployment/retrain-operator", SYSTEM, "--timeout=60s", timeout=70)
    acting = eventually("one acts", holder)
    kubectl("delete", "pod", acting, SYSTEM, "--grace-period=0", "--force")
    claims.write("data/incoming/a.csv", csv(rows(start=days_ago(40), days=40)))
    kubectl.apply(a_policy("late", **SPEC))
    wait_for_outcome(kubectl, "Promoted", runs=1)
    assert holder() not in ("", acting)
