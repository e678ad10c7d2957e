"""A rollout to another version, of two replicas, while a run is under way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster import Cluster
from tests.pods.conftest import REPOSITORY
from tests.pods.test_decisions import policy
from tests.pods.test_main_job import wait_for_outcome
from tests.support.claims import Claims
from tests.support.data import csv, days_ago, rows
from tests.support.kubectl import Kubectl
from tests.support.policies import unfinished_jobs
from tests.support.polling import eventually

OPERATOR = ("deployment/retrain-operator", "-n=retrain-system")
NEXT = "retrain-trainer:next"


@pytest.fixture
def _as_before(admin: Kubectl, cluster: Cluster) -> Iterator[None]:
    """The next version's trainer is there; afterwards the operator is that of the other tests."""
    cluster.build("trainer", tag="next")
    yield
    admin("label", "node", "--all", "upgrade-")
    admin("apply", "-k", str(REPOSITORY / "tests" / "pods" / "overlay"))
    admin("rollout", "status", *OPERATOR, "--timeout=120s", timeout=130)


def image(job: dict[str, Any]) -> object:
    """Of the Job's, or the CronJob's, container."""
    spec = job["spec"].get("jobTemplate", job)["spec"]
    return spec["template"]["spec"]["containers"][0]["image"]


@pytest.mark.full
@pytest.mark.usefixtures("_as_before")
def test_a_rollout_rewrites_the_cronjob_and_leaves_the_run(admin: Kubectl, kubectl: Kubectl, claims: Claims) -> None:
    claims.write("data/waits/a.csv", csv(rows(start=days_ago(110), days=60)))
    waits = policy("waits", schedule="30 3 1 1 *")
    waits["spec"]["job"] = {**waits["spec"].get("job", {}), "nodeSelector": {"upgrade": "done"}}
    kubectl.apply(waits)
    [before] = eventually("its first run", lambda: unfinished_jobs(kubectl))

    patch = {"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": f"--set=trainerImage={NEXT}"}
    admin("patch", *OPERATOR, "--type=json", f"--patch={json.dumps([patch])}")
    admin("rollout", "status", *OPERATOR, "--timeout=120s", timeout=130)
    eventually(
        "the CronJob is of the next version", lambda: image(kubectl.get("cronjob", "waits") or {}) == NEXT, seconds=60
    )
    assert (kubectl.get("cronjob", "waits") or {})["metadata"]["generation"] == 2  # one write
    [after] = unfinished_jobs(kubectl)
    assert (after["metadata"]["uid"], after["spec"]) == (before["metadata"]["uid"], before["spec"])
    assert image(after) == "retrain-trainer:0.1.0"

    admin("label", "node", "--all", "upgrade=done")
    found = wait_for_outcome(kubectl, "Promoted", runs=1, name="waits")
    assert [run["job"] for run in found["status"]["runs"]] == [before["metadata"]["name"]]
    assert len(kubectl.list("jobs")) == 1
