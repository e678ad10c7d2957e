"""Why a Job does not start, named in the condition while it waits."""

from __future__ import annotations

from typing import Any

import pytest

from tests.pods.test_main_job import RUN_SECONDS, SPEC
from tests.support.claims import Claims
from tests.support.kubectl import Kubectl
from tests.support.policies import a_policy, condition, wait_for_condition

_SECRET = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}


@pytest.mark.parametrize(
    ("job", "reason", "word"),
    [
        pytest.param({"image": "retrain-trainer:no-such-tag"}, "ImageUnavailable", "no-such-tag", id="image"),
        pytest.param({"env": [_SECRET]}, "SecretMissing", "'db'", id="Secret"),
        pytest.param({"serviceAccountName": "robot"}, "ServiceAccountMissing", "'robot'", id="ServiceAccount"),
        pytest.param({"nodeSelector": {"disk": "golden"}}, "Unschedulable", "node", id="no such node"),
    ],
)
def test_a_waiting_job_names_its_cause(
    kubectl: Kubectl, claims: Claims, job: dict[str, Any], reason: str, word: str
) -> None:
    kubectl.apply(a_policy("late", **{**SPEC, "job": job}))
    policy = wait_for_condition(kubectl, "late", "RunsHealthy", "False", seconds=RUN_SECONDS)
    healthy = condition(policy, "RunsHealthy")
    assert healthy["reason"] == reason, healthy
    assert word in healthy["message"]
    assert condition(policy, "Ready")["status"] == "True"


def test_a_quota_that_forbids_the_pod_is_named(kubectl: Kubectl, claims: Claims) -> None:
    kubectl("create", "quota", "pods", "--hard=pods=1")
    kubectl.apply(a_policy("late", **SPEC))
    policy = wait_for_condition(kubectl, "late", "RunsHealthy", "False", seconds=RUN_SECONDS)
    assert condition(policy, "RunsHealthy")["reason"] == "QuotaExceeded"
