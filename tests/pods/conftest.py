"""The real thing: a real cluster, the images of the Dockerfile, the manifests users get, data on real claims."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import Cluster, ensure_up
from tests.support.claims import Claims
from tests.support.kubectl import Kubectl
from tests.support.polling import eventually

REPOSITORY = Path(__file__).parents[2]
VERSION = "0.1.0"
RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The cluster of this machine, with both images on it."""
    cluster = ensure_up()
    for target in ("operator", "trainer"):
        cluster.build(target, tag=VERSION)
    return cluster


@pytest.fixture(scope="session")
def admin(cluster: Cluster) -> Kubectl:
    """kubectl as the administrator, with the operator installed and ready."""
    kubectl = Kubectl(binary=cluster.kubectl, kubeconfig=cluster.kubeconfig)
    kubectl("apply", "-k", str(REPOSITORY / "tests" / "pods" / "overlay"))
    # The tag stays the same while the code changes: only a new pod runs the image that was just loaded.
    kubectl("rollout", "restart", "deployment/retrain-operator", "-n=retrain-system")
    kubectl("rollout", "status", "deployment/retrain-operator", "-n=retrain-system", "--timeout=120s", timeout=130)
    return kubectl


@pytest.fixture
def kubectl(admin: Kubectl, cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Kubectl]:
    """kubectl in a namespace of the test's own that enforces Pod Security `restricted`."""
    name = "pods-" + hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:10]
    admin("delete", "namespace", name, "--ignore-not-found", timeout=120)
    admin("create", "namespace", name)
    admin("label", "namespace", name, RESTRICTED)
    yield Kubectl(binary=admin.binary, kubeconfig=admin.kubeconfig, namespace=name)
    admin("delete", "namespace", name, "--wait=false")
    cluster.recycle_volumes()


@pytest.fixture
def claims(kubectl: Kubectl) -> Claims:
    """Two claims, `data` and `models`, and a pod that reads and writes them."""
    claims = Claims(kubectl=kubectl, image=f"retrain-trainer:{VERSION}")
    claims.create("data", "models")
    return claims


@pytest.fixture(autouse=True)
def _told_on_failure(request: pytest.FixtureRequest, kubectl: Kubectl) -> Iterator[None]:
    """On failure: what a person would look at."""
    failed_before = request.session.testsfailed
    yield
    if request.session.testsfailed > failed_before:
        for words in (["get", "rtp,cronjobs,jobs,pods,pvc"], ["get", "events", "--sort-by=.lastTimestamp"]):
            print(kubectl(*words))
        print(kubectl("describe", "rtp"))
        print(kubectl("logs", "deployment/retrain-operator", "-n=retrain-system", "--tail=60"))


def run_names(kubectl: Kubectl, policy: str) -> list[str]:
    """Names of the Jobs in the history of a policy, newest first."""
    status: dict[str, Any] = (kubectl.get("rtp", policy) or {}).get("status") or {}
    return [run["job"] for run in status.get("runs") or []]


__all__ = ["REPOSITORY", "eventually", "run_names"]
