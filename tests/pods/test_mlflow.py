"""Champions of real trainings are mirrored on a real MLflow server, by pods with the image that has its client."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cluster import Cluster
from tests.pods.conftest import VERSION
from tests.pods.test_decisions import policy
from tests.pods.test_main_job import ask, wait_for_outcome
from tests.support.claims import Claims
from tests.support.data import csv, days_ago, rows
from tests.support.kubectl import Kubectl
from tests.support.mlflow import PASSWORD, USER, mlflow_server
from tests.support.policies import wait_for_condition


@pytest.mark.full
def test_promotion_and_rollback_are_mirrored(
    kubectl: Kubectl, claims: Claims, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.build("trainer-mlflow", tag=VERSION)
    claims.write("data/told/a.csv", csv(rows(start=days_ago(110), days=60)))
    secret = (f"--from-literal=user={USER}", f"--from-literal=password={PASSWORD}")
    kubectl("create", "secret", "generic", "mlflow", *secret)
    with mlflow_server(folder=tmp_path, address=cluster.host_address) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        client = server.client()

        def champion() -> str:
            found = client.get_model_version_by_alias("delays", "champion")
            assert found.source.startswith(f"pvc://models/{kubectl.namespace}/told/versions/")
            return str(found.tags["retrain.dev/version"])

        # The image of the administrator has no client of MLflow: the model is promoted, and the condition says so.
        told = policy(
            "told",
            publish={"mlflow": {"trackingURI": server.uri, "name": "delays"}},
            triggers={"newRows": {"enabled": False}},
        )
        kubectl.apply(told)
        wait_for_outcome(kubectl, "Promoted", runs=1, name="told")
        found = wait_for_condition(kubectl, "told", "Published", "False")
        assert "trainer-mlflow" in json.dumps(found["status"]["conditions"])
        assert found["status"]["published"]["mlflow"]["problem"].startswith("MLflowMissing: ")

        # As it says, with what the server asks for.
        env = [
            {"name": name, "valueFrom": {"secretKeyRef": {"name": "mlflow", "key": key}}}
            for name, key in (("MLFLOW_TRACKING_USERNAME", "user"), ("MLFLOW_TRACKING_PASSWORD", "password"))
        ]
        told["spec"]["job"] = {**told["spec"].get("job", {}), "image": f"retrain-trainer-mlflow:{VERSION}", "env": env}
        kubectl.apply(told)
        ask(kubectl, "check", "now", name="told")
        wait_for_outcome(kubectl, "Kept", runs=2, name="told")
        wait_for_condition(kubectl, "told", "Published", "True")
        assert champion() == "1"

        claims.write("data/told/b.csv", csv(rows(start=days_ago(50), days=40, turned=True)))
        ask(kubectl, "train", "again", name="told")
        wait_for_outcome(kubectl, "Promoted", runs=3, name="told")
        assert champion() == "2"

        ask(kubectl, "rollback", "1", name="told")
        status = wait_for_outcome(kubectl, "RolledBack", runs=4, name="told")["status"]
        assert champion() == "1"
        assert (status["published"]["mlflow"]["name"], status["published"]["mlflow"]["version"]) == ("delays", 1)
        assert len(client.search_model_versions("name='delays'")) == 2

    # Nobody answers any more: the run keeps its outcome.
    ask(kubectl, "check", "later", name="told")
    wait_for_outcome(kubectl, "Kept", runs=5, name="told")
    found = wait_for_condition(kubectl, "told", "Published", "False")
    assert found["status"]["published"]["mlflow"]["problem"].startswith("MLflowUnreachable: ")
    assert PASSWORD not in json.dumps(found)
