"""A control plane of its own (etcd and kube-apiserver, no controllers): tests play kubelet and Job controller."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.cluster.envtest import api_server, find_programs
from tests.support.kubectl import Kubectl
from tests.support.operator import OperatorProcess
from tests.support.polling import eventually
from tests.support.requests import WriteCounter

REPOSITORY = Path(__file__).parents[2]


class StartOperator(Protocol):
    """Starts an operator that watches the test's namespace; `settings` go on top of the quick ones."""

    def __call__(self, **settings: Any) -> OperatorProcess: ...


@pytest.fixture(scope="session")
def cluster_kubectl() -> Iterator[Kubectl]:
    """The server with the CRD on it."""
    programs = find_programs()
    own = programs / "kubectl"
    binary = str(own) if own.exists() else shutil.which("kubectl")
    assert binary is not None, "kubectl is not installed"
    with api_server(programs=programs) as server:
        kubectl = Kubectl(binary=binary, kubeconfig=server.kubeconfig)
        kubectl("apply", "-k", str(REPOSITORY / "crds"))
        kubectl.await_kind("rtp")
        yield kubectl


@pytest.fixture
def kubectl(cluster_kubectl: Kubectl, request: pytest.FixtureRequest) -> Iterator[Kubectl]:
    """kubectl in a namespace of the test's own."""
    name = "test-" + hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:10]
    cluster_kubectl("create", "namespace", name)
    cluster_kubectl("create", "serviceaccount", "default", f"--namespace={name}")
    yield Kubectl(binary=cluster_kubectl.binary, kubeconfig=cluster_kubectl.kubeconfig, namespace=name)
    # Nobody finishes the deletion of a namespace here; without its policies it is of no concern to others.
    for kind in ("rtp", "cronjobs", "jobs", "pods"):
        cluster_kubectl("delete", kind, "--all", f"--namespace={name}", "--wait=false", "--force", "--grace-period=0")


@pytest.fixture
def start_operator(kubectl: Kubectl, tmp_path: Path) -> Iterator[StartOperator]:
    """The operator, from this repository, as a process; stopped when the test ends."""
    running: list[OperatorProcess] = []

    def start(**settings: Any) -> OperatorProcess:
        operator = OperatorProcess(
            kubeconfig=kubectl.kubeconfig, namespaces=(kubectl.namespace,), folder=tmp_path, **settings
        )
        running.append(operator)
        operator.start()
        return operator

    yield start
    for operator in running:
        operator.stop()
        assert "Traceback" not in operator.log, operator.log


@pytest.fixture
def writes(kubectl: Kubectl) -> WriteCounter:
    """Counts what is written; the server is used by one test at a time."""
    return WriteCounter(kubectl=kubectl)


__all__ = ["REPOSITORY", "StartOperator", "eventually"]
