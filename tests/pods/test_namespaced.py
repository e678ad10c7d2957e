"""The operator of one namespace as a user installs it, on a cluster where no other one runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pods.test_decisions import policy
from tests.pods.test_main_job import wait_for_outcome
from tests.support.claims import Claims
from tests.support.data import csv, days_ago, rows
from tests.support.kubectl import Kubectl
from tests.support.overlay import write_overlay
from tests.support.policies import condition

DEPLOYMENT = "deployment/retrain-operator"


@pytest.fixture
def _alone(admin: Kubectl) -> Iterator[None]:
    """The operator for all namespaces is away."""
    admin("scale", DEPLOYMENT, "--replicas=0", "-n=retrain-system")
    admin(
        "wait",
        "pods",
        "--for=delete",
        "-l=app.kubernetes.io/name=retrain-operator",
        "-n=retrain-system",
        "--timeout=60s",
        timeout=70,
    )
    yield
    admin("scale", DEPLOYMENT, "--replicas=2", "-n=retrain-system")
    admin("rollout", "status", DEPLOYMENT, "-n=retrain-system", "--timeout=120s", timeout=130)


@pytest.mark.full
@pytest.mark.usefixtures("_alone")
def test_a_team_runs_its_own_operator(admin: Kubectl, kubectl: Kubectl, claims: Claims, tmp_path: Path) -> None:
    folder = write_overlay(folder=tmp_path / "overlay", namespace=kubectl.namespace, manifests="manifests/namespaced")
    admin("apply", "-k", str(folder))
    kubectl("rollout", "status", DEPLOYMENT, "--timeout=120s", timeout=130)
    claims.write("data/own/a.csv", csv(rows(start=days_ago(110), days=60)))
    kubectl.apply(policy("own"))
    found = wait_for_outcome(kubectl, "Promoted", runs=1, name="own")
    assert condition(found, "Ready")["status"] == "True"
    assert kubectl.get("lease", "retrain-operator") is not None
