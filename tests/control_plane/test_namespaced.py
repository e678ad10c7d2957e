"""The operator of one namespace, with the rights of manifests/namespaced and no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.control_plane.test_rights import GOLDEN, OWN_NAMESPACE, PUBLISHING, rights
from tests.support.kubectl import Kubectl
from tests.support.operator import OperatorProcess
from tests.support.overlay import write_overlay
from tests.support.policies import a_message, a_policy, end_run, unfinished_jobs, wait_for_condition
from tests.support.polling import eventually


@pytest.fixture
def overlay(cluster_kubectl: Kubectl, kubectl: Kubectl, tmp_path: Path) -> Path:
    """Installed in the test's namespace."""
    folder = write_overlay(folder=tmp_path / "overlay", namespace=kubectl.namespace, manifests="manifests/namespaced")
    cluster_kubectl("apply", "-k", str(folder))
    return folder


def own_kubeconfig(kubectl: Kubectl, *, folder: Path) -> Path:
    """As the operator's ServiceAccount of the namespace."""
    kubeconfig = yaml.safe_load(kubectl.kubeconfig.read_text())
    kubeconfig["users"][0]["user"] = {"token": kubectl("create", "token", "retrain-operator")}
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(kubeconfig))
    return path


def test_its_rights_end_at_its_namespace(cluster_kubectl: Kubectl, kubectl: Kubectl, overlay: Path) -> None:
    user = f"system:serviceaccount:{kubectl.namespace}:retrain-operator"
    assert rights(kubectl, user=user) == {**GOLDEN, **OWN_NAMESPACE}
    assert rights(kubectl, namespace="kube-system", user=user) == {}


def test_with_the_component_it_may_publish_there_and_nowhere_else(
    cluster_kubectl: Kubectl, kubectl: Kubectl, tmp_path: Path
) -> None:
    folder = write_overlay(
        folder=tmp_path / "overlay",
        namespace=kubectl.namespace,
        manifests="manifests/namespaced",
        components=["manifests/namespaced/publishing"],
    )
    cluster_kubectl("apply", "-k", str(folder))
    user = f"system:serviceaccount:{kubectl.namespace}:retrain-operator"
    assert rights(kubectl, user=user) == {**GOLDEN, **OWN_NAMESPACE, **PUBLISHING}
    assert rights(kubectl, namespace="kube-system", user=user) == {}


def test_what_is_installed_has_no_cluster_in_it(cluster_kubectl: Kubectl, kubectl: Kubectl, overlay: Path) -> None:
    bodies: list[dict[str, Any]] = list(yaml.safe_load_all(cluster_kubectl("kustomize", str(overlay))))
    kinds = {body["kind"] for body in bodies}
    assert kinds == {"ServiceAccount", "Role", "RoleBinding", "ConfigMap", "Deployment", "PodDisruptionBudget"}
    assert {body["metadata"]["namespace"] for body in bodies} == {kubectl.namespace}
    [binding] = [body for body in bodies if body["kind"] == "RoleBinding"]
    assert [subject["namespace"] for subject in binding["subjects"]] == [kubectl.namespace]


def test_it_acts_in_its_namespace_and_sees_no_other(
    cluster_kubectl: Kubectl, kubectl: Kubectl, overlay: Path, tmp_path: Path
) -> None:
    path = own_kubeconfig(kubectl, folder=tmp_path)
    other = Kubectl(binary=kubectl.binary, kubeconfig=kubectl.kubeconfig, namespace=f"{kubectl.namespace}-other")
    cluster_kubectl("create", "namespace", other.namespace)
    arguments = (f"--namespace={kubectl.namespace}", f"--set=leaseNamespace={kubectl.namespace}")
    with OperatorProcess(
        kubeconfig=path, namespaces=(), folder=tmp_path, arguments=arguments, leaderElection=True, resyncSeconds=0.5
    ) as operator:
        other.apply(a_policy("elsewhere"))
        kubectl.apply(a_policy("here"))
        wait_for_condition(kubectl, "here", "Ready", "True")
        [job] = eventually("its first run", lambda: unfinished_jobs(kubectl))
        end_run(kubectl, job, message=a_message(job))
        wait_for_condition(kubectl, "here", "ModelAvailable", "True")
        codes = [
            labels["code"] for labels, count in operator.scrape().series("retrain_operator_api_requests_total") if count
        ]
        assert {code for code in codes if code.startswith("4")} <= {"404"}  # nothing was refused
        assert "status" not in (other.get("rtp", "elsewhere") or {})
    assert "Traceback" not in operator.log


def test_of_several_namespaces_one_that_is_gone_does_not_end_the_others(
    cluster_kubectl: Kubectl, kubectl: Kubectl, overlay: Path, tmp_path: Path
) -> None:
    path = own_kubeconfig(kubectl, folder=tmp_path)
    other = Kubectl(binary=kubectl.binary, kubeconfig=kubectl.kubeconfig, namespace=f"{kubectl.namespace}-b")
    both = (kubectl.namespace, other.namespace)
    with OperatorProcess(kubeconfig=path, namespaces=both, folder=tmp_path, resyncSeconds=0.5) as operator:
        assert f"left out, since policies may not be listed there: {other.namespace}" in operator.log
        kubectl.apply(a_policy("here"))
        wait_for_condition(kubectl, "here", "Ready", "True")

        # It is there, with the rights of before: the process ends, and Kubernetes starts it anew.
        cluster_kubectl("create", "namespace", other.namespace)
        other("create", "serviceaccount", "default")
        role = kubectl.get("role", "retrain-operator") or {}
        other.apply({**role, "metadata": {"name": "retrain-operator"}})
        account = f"--serviceaccount={kubectl.namespace}:retrain-operator"
        other("create", "rolebinding", "retrain-operator", "--role=retrain-operator", account)
        eventually("the operator ends", operator.ended, describe=lambda: operator.log)
        assert operator.wait() == 1
        assert f"policies can be listed again in: {other.namespace}" in operator.log
        operator.start()
        other.apply(a_policy("there"))
        wait_for_condition(other, "there", "Ready", "True")
