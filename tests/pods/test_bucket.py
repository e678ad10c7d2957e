"""A registry in an S3 bucket, with real pods: the operator mounts no claim for it, and credentials are a Secret's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cluster import Cluster
from tests.pods.test_main_job import SPEC, ask, wait_for_outcome
from tests.support.claims import Claims
from tests.support.data import csv, days_ago, rows
from tests.support.kubectl import Kubectl
from tests.support.policies import a_policy
from tests.support.s3 import ACCESS_KEY, BUCKET, SECRET_KEY, s3_server


@pytest.mark.full
def test_models_are_kept_in_a_bucket(kubectl: Kubectl, claims: Claims, cluster: Cluster, tmp_path: Path) -> None:
    claims.write("data/incoming/a.csv", csv(rows(start=days_ago(110), days=60)))
    kubectl("create", "secret", "generic", "s3", f"--from-literal=id={ACCESS_KEY}", f"--from-literal=key={SECRET_KEY}")
    with s3_server(folder=tmp_path, address=cluster.host_address) as server:
        env: list[dict[str, Any]] = [
            {"name": "AWS_ENDPOINT_URL", "value": server.endpoint},
            {"name": "AWS_ALLOW_HTTP", "value": "true"},
            {"name": "AWS_REGION", "value": "us-east-1"},
            {"name": "AWS_ACCESS_KEY_ID", "valueFrom": {"secretKeyRef": {"name": "s3", "key": "id"}}},
            {"name": "AWS_SECRET_ACCESS_KEY", "valueFrom": {"secretKeyRef": {"name": "s3", "key": "key"}}},
        ]
        registry = {"uri": f"s3://{BUCKET}/team"}
        kubectl.apply(a_policy("late", **{**SPEC, "registry": registry, "job": {"env": env}}))
        status = wait_for_outcome(kubectl, "Promoted", runs=1)["status"]
        assert status["modelURI"] == f"s3://{BUCKET}/team/{kubectl.namespace}/late/versions/1"
        assert (server.folder / "team" / kubectl.namespace / "late" / "versions/1/manifest.json").exists()

        claims.write("data/incoming/b.csv", csv(rows(start=days_ago(50), days=49, turned=True)))
        ask(kubectl, "check", "1")
        assert wait_for_outcome(kubectl, "Promoted", runs=2)["status"]["modelVersion"] == 2
        ask(kubectl, "rollback", "1")
        assert wait_for_outcome(kubectl, "RolledBack", runs=3)["status"]["modelVersion"] == 1

    # Nobody answers any more: the run fails, names the bucket, and the model stays what it is.
    ask(kubectl, "check", "2")
    policy = wait_for_outcome(kubectl, "Failed", runs=4)
    assert policy["status"]["runs"][0]["reason"] == "RegistryUnavailable"
    assert policy["status"]["modelVersion"] == 1
    assert SECRET_KEY not in str(policy)
    assert ACCESS_KEY not in str(policy)
