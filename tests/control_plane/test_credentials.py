"""Credentials that are taken away while the operator runs: it ends, so that Kubernetes starts it with new ones."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.support.kubectl import Kubectl
from tests.support.operator import OperatorProcess
from tests.support.polling import eventually


@pytest.mark.full  # the API server believes a token for ten seconds after it is revoked
def test_a_revoked_token_ends_the_operator_instead_of_a_storm_of_requests(kubectl: Kubectl, tmp_path: Path) -> None:
    kubectl("create", "serviceaccount", "operator")
    resources = "retrainpolicies.retrain.dev,jobs.batch,cronjobs.batch"
    kubectl("create", "role", "operator", "--verb=get,list,watch", f"--resource={resources}")
    kubectl("create", "rolebinding", "operator", "--role=operator", f"--serviceaccount={kubectl.namespace}:operator")
    kubeconfig = yaml.safe_load(kubectl.kubeconfig.read_text())
    kubeconfig["users"][0]["user"] = {"token": kubectl("create", "token", "operator")}
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(kubeconfig))

    operator = OperatorProcess(
        kubeconfig=path, namespaces=(kubectl.namespace,), folder=tmp_path, inactivitySeconds=0.5, resyncSeconds=60
    )
    with operator:
        before = operator.scrape().total("retrain_operator_api_requests_total", {"code": "401"})
        assert before == 0
        kubectl("delete", "serviceaccount", "operator")
        eventually("the operator has ended", operator.ended, seconds=60, describe=lambda: operator.log)
        assert operator.stop() == 1
    assert "watch ended" in operator.log
