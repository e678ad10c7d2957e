"""The main job with real pods: every outcome of a run, as the status of a real cluster shows it."""

from __future__ import annotations

from typing import Any

from tests.support.claims import Claims
from tests.support.data import csv, days_ago, rows
from tests.support.kubectl import Kubectl
from tests.support.policies import a_policy, condition, unfinished_jobs, wait_for_condition
from tests.support.polling import eventually

SPEC: dict[str, Any] = {
    "schedule": "0 0 1 1 *",
    "data": {"uri": "pvc://data/incoming/*.csv", "timeColumn": "happened", "window": "20d"},
    "model": {"target": "late", "parameters": {"max_iter": 30}},
    "validation": {"columns": [{"name": "distance", "type": "Number", "min": 0, "max": 5000}]},
    "evaluation": {"metric": "roc_auc", "threshold": 0.7},
    "registry": {"uri": "pvc://models"},
}

#: A run of 3,600 rows takes some five seconds; the rest is for a machine with other work.
RUN_SECONDS = 120


def outcomes(kubectl: Kubectl, name: str = "late") -> list[str]:
    """Outcomes in the history, oldest first."""
    status: dict[str, Any] = (kubectl.get("rtp", name) or {}).get("status") or {}
    return [run["outcome"] for run in reversed(status.get("runs") or [])]


def wait_for_outcome(kubectl: Kubectl, outcome: str, *, runs: int, name: str = "late") -> dict[str, Any]:
    """The policy once its history has `runs` entries; the newest must be `outcome`."""
    policy = wait_for_runs(kubectl, runs=runs, name=name)
    newest = policy["status"]["runs"][0]
    assert newest["outcome"] == outcome, newest
    return policy


def wait_for_runs(kubectl: Kubectl, *, runs: int, name: str = "late") -> dict[str, Any]:
    """The policy once its history has `runs` entries."""

    def look() -> dict[str, Any] | None:
        policy = kubectl.get("rtp", name) or {}
        return policy if len((policy.get("status") or {}).get("runs") or []) >= runs else None

    return eventually(f"{runs} runs of {name}", look, seconds=RUN_SECONDS, every=0.3)


def ask(kubectl: Kubectl, action: str, text: str, name: str = "late") -> None:
    """A person's request."""
    kubectl("annotate", "rtp", name, f"retrain.dev/{action}={text}", "--overwrite")


def test_one_policy_through_its_life(kubectl: Kubectl, claims: Claims) -> None:
    # First version (S1): data, a policy, and nothing else.
    claims.write("data/incoming/a.csv", csv(rows(start=days_ago(110), days=60)))
    kubectl.apply(a_policy("late", **SPEC))
    policy = wait_for_outcome(kubectl, "Promoted", runs=1)
    status = policy["status"]
    assert status["runs"][0]["trigger"] == "NoChampion"
    assert status["modelVersion"] == 1
    assert status["score"] > 0.8
    assert 0 < status["accuracy"] <= 1
    for kind in ("Ready", "ModelAvailable", "RunsHealthy", "DataValid", "AccuracyMet"):
        assert condition(policy, kind)["status"] == "True", condition(policy, kind)

    # A check of the same data trains nothing.
    ask(kubectl, "check", "1")
    assert wait_for_outcome(kubectl, "Kept", runs=2)["status"]["counters"]["trainings"] == 1

    # Trained on request; the same data make no better model.
    ask(kubectl, "train", "1")
    policy = wait_for_outcome(kubectl, "NotPromoted", runs=3)
    assert policy["status"]["runs"][0]["trigger"] == "Requested"
    assert policy["status"]["modelVersion"] == 1
    assert policy["status"]["challenger"]["version"] == 2

    # The relation turns (S5): the champion falls below the threshold, is trained anew, and the new one wins.
    claims.write("data/incoming/b.csv", csv(rows(start=days_ago(50), days=49, turned=True)))
    ask(kubectl, "check", "2")
    policy = wait_for_outcome(kubectl, "Promoted", runs=4)
    assert policy["status"]["runs"][0]["trigger"] == "BelowThreshold"
    assert policy["status"]["modelVersion"] == 3
    assert policy["status"]["previousVersion"] == 1
    assert "challenger" not in policy["status"]

    # Bad rows (S6) end a run before any training; the champion is not touched.
    claims.write("data/incoming/c.csv", csv(rows(start=days_ago(1), days=1, turned=True, bad=True)))
    ask(kubectl, "train", "2")
    policy = wait_for_outcome(kubectl, "DataRejected", runs=5)
    assert condition(policy, "DataValid")["status"] == "False"
    assert "distance" in condition(policy, "DataValid")["message"]
    assert condition(policy, "Ready")["status"] == "True"
    assert policy["status"]["modelVersion"] == 3
    claims.remove("data/incoming/c.csv")

    # Deleting the policy ends its Jobs and keeps its models; a new one of the same name adopts the champion.
    kubectl("delete", "rtp", "late")
    eventually("its Jobs and CronJob are collected", lambda: not kubectl.list("jobs") and not kubectl.list("cronjobs"))
    assert any("/versions/3/" in f"/{path}" for path in claims.tree("models"))
    kubectl.apply(a_policy("late", **SPEC))
    policy = wait_for_outcome(kubectl, "Kept", runs=1)
    assert policy["status"]["modelVersion"] == 3
    events = kubectl.list("events")
    assert any(event["reason"] == "ChampionAdopted" for event in events)


def test_what_is_missing_is_named(kubectl: Kubectl, claims: Claims) -> None:
    """S4: file, column, target and claim, each in the condition of its policy."""
    claims.write("data/incoming/a.csv", csv(rows(start=days_ago(40), days=40)))
    data = SPEC["data"]
    kubectl.apply(
        a_policy("no-file", **{**SPEC, "data": {**data, "uri": "pvc://data/elsewhere/*.csv"}}),
        a_policy("no-column", **{**SPEC, "model": {"target": "late", "features": {"include": ["distance", "speed"]}}}),
        a_policy("no-target", **{**SPEC, "model": {"target": "latte"}}),
        a_policy("no-claim", **{**SPEC, "data": {**data, "uri": "pvc://flights/incoming/*.csv"}}),
    )
    policy = wait_for_outcome(kubectl, "Failed", runs=1, name="no-file")
    healthy = condition(policy, "RunsHealthy")
    assert (healthy["status"], healthy["reason"]) == ("False", "DataMissing")
    assert "pvc://data/elsewhere/*.csv" in healthy["message"]

    for name, word in (("no-column", "speed"), ("no-target", "latte")):
        policy = wait_for_outcome(kubectl, "DataRejected", runs=1, name=name)
        valid = condition(policy, "DataValid")
        assert valid["status"] == "False"
        assert word in valid["message"]

    policy = wait_for_condition(kubectl, "no-claim", "RunsHealthy", "False", seconds=RUN_SECONDS)
    assert condition(policy, "RunsHealthy")["reason"] == "ClaimMissing"
    assert "'flights'" in condition(policy, "RunsHealthy")["message"]
    assert "ClaimMissing" in policy["status"]["active"][0]["waiting"]
    for name in ("no-file", "no-column", "no-target", "no-claim"):
        assert condition(kubectl.get("rtp", name), "Ready")["status"] == "True"

    # Mending the cause alone is enough: the claim appears, the waiting run goes on.
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "flights"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    kubectl.apply(claim)
    policy = wait_for_outcome(kubectl, "Failed", runs=1, name="no-claim")
    assert condition(policy, "RunsHealthy")["reason"] == "DataMissing"
    assert unfinished_jobs(kubectl) == []
