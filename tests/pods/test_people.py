"""People keep a role (S7), with real pods: a version waits, is approved, is rolled back to, is pinned."""

from __future__ import annotations

from typing import Any

from tests.pods.test_main_job import SPEC, ask, wait_for_outcome
from tests.support.claims import Claims
from tests.support.data import csv, days_ago, rows
from tests.support.kubectl import Kubectl
from tests.support.policies import a_policy, condition, wait_for_condition

MANUAL: dict[str, Any] = {**SPEC, "promotion": {"mode": "Manual"}}


def test_a_version_waits_until_a_person_says_so(kubectl: Kubectl, claims: Claims) -> None:
    claims.write("data/incoming/a.csv", csv(rows(start=days_ago(110), days=60)))
    kubectl.apply(a_policy("late", **MANUAL))
    policy = wait_for_outcome(kubectl, "AwaitingApproval", runs=1)
    assert "modelVersion" not in policy["status"]
    assert condition(policy, "ApprovalRequired")["status"] == "True"
    assert condition(policy, "Ready")["status"] == "True"

    ask(kubectl, "approve", "1")
    policy = wait_for_outcome(kubectl, "Approved", runs=2)
    assert policy["status"]["modelVersion"] == 1
    assert policy["status"]["score"] > 0.8
    assert condition(policy, "ApprovalRequired")["status"] == "False"

    claims.write("data/incoming/b.csv", csv(rows(start=days_ago(50), days=49, turned=True)))
    ask(kubectl, "check", "1")
    policy = wait_for_outcome(kubectl, "AwaitingApproval", runs=3)
    assert (policy["status"]["modelVersion"], policy["status"]["challenger"]["version"]) == (1, 2)
    ask(kubectl, "approve", "2@b")
    assert wait_for_outcome(kubectl, "Approved", runs=4)["status"]["modelVersion"] == 2

    ask(kubectl, "rollback", "1")
    policy = wait_for_outcome(kubectl, "RolledBack", runs=5)
    assert (policy["status"]["modelVersion"], policy["status"]["previousVersion"]) == (1, 2)
    ask(kubectl, "rollback", "7")
    policy = wait_for_outcome(kubectl, "Refused", runs=6)
    assert policy["status"]["runs"][0]["reason"] == "UnknownVersion"
    assert policy["status"]["modelVersion"] == 1

    kubectl.apply(a_policy("late", **{**MANUAL, "promotion": {"mode": "Manual", "pinnedVersion": 2}}))
    policy = wait_for_outcome(kubectl, "Pinned", runs=7)
    assert policy["status"]["modelVersion"] == 2
    wait_for_condition(kubectl, "late", "Ready", "True")
    assert {name: policy["status"]["lastHandled"][name] for name in ("approve", "rollback", "pinnedVersion")} == {
        "approve": "2@b",
        "rollback": "7",
        "pinnedVersion": "2",
    }
