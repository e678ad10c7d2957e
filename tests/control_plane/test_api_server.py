"""The API server dies and comes back, and comes back as it was earlier."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.envtest import ApiServer, api_server, find_programs
from tests.control_plane.conftest import REPOSITORY
from tests.support.kubectl import Kubectl, KubectlError
from tests.support.operator import OperatorProcess
from tests.support.policies import a_message, a_policy, condition, end_run, unfinished_jobs, wait_for_condition
from tests.support.polling import eventually
from tests.support.requests import WriteCounter


@pytest.fixture
def server() -> Iterator[ApiServer]:
    """One of the test's own, that it may kill."""
    with api_server(programs=find_programs()) as running:
        yield running


@pytest.fixture
def own(server: ApiServer) -> Kubectl:
    """kubectl in the namespace `team` of it, with the CRD applied."""
    program = find_programs() / "kubectl"
    binary = str(program) if program.exists() else shutil.which("kubectl") or "kubectl"
    kubectl = Kubectl(binary=binary, kubeconfig=server.kubeconfig)
    kubectl("apply", "-k", str(REPOSITORY / "crds"))
    kubectl.await_kind("rtp")
    kubectl("create", "namespace", "team")
    kubectl("create", "serviceaccount", "default", "--namespace=team")
    return Kubectl(binary=binary, kubeconfig=server.kubeconfig, namespace="team")


@pytest.fixture
def operator(own: Kubectl, tmp_path: Path) -> Iterator[OperatorProcess]:
    """It ends by the test's hand alone."""
    with OperatorProcess(kubeconfig=own.kubeconfig, namespaces=("team",), folder=tmp_path, resyncSeconds=1) as running:
        yield running
        assert not running.ended(), running.log
        assert "Traceback" not in running.log, running.log


def _run_ends(kubectl: Kubectl, *, check: int = 1, outcome: str = "Promoted") -> None:
    [job] = eventually("a run", lambda: unfinished_jobs(kubectl))
    end_run(kubectl, job, message=a_message(job, outcome=outcome, checkTime=f"2026-03-{check:02}T00:00:00Z"))
    eventually(
        "it is marked",
        lambda: all("retrain.dev/recorded" in each["metadata"]["labels"] for each in kubectl.list("jobs")),
    )


def _answers(kubectl: Kubectl) -> bool:
    try:
        kubectl("get", "rtp")
    except KubectlError:
        return False
    return True


def test_an_api_server_that_is_killed_and_comes_back_finds_the_operator_at_work(
    server: ApiServer, own: Kubectl, operator: OperatorProcess
) -> None:
    own.apply(a_policy("flights"))
    _run_ends(own)
    for number, schedule in enumerate(("0 1 * * *", "0 2 * * *", "0 3 * * *"), start=2):
        own("annotate", "rtp", "flights", f"retrain.dev/check={number}", "--overwrite")
        [job] = eventually("a run", lambda: unfinished_jobs(own))
        server.kill()
        errors = operator.log.count("again in")
        eventually("the operator has noticed", lambda errors=errors: operator.log.count("again in") > errors)  # type: ignore[misc]
        server.start()
        eventually("it answers", lambda: _answers(own))
        # What happens from now on is seen, whatever the watches are at.
        own.patch("rtp", "flights", {"spec": {"schedule": schedule}})
        end_run(own, job, message=a_message(job, outcome="Kept", checkTime=f"2026-03-{number:02}T00:00:00Z"))
        eventually("the run is recorded", lambda: len(_runs(own)) == number, describe=lambda: operator.log)  # noqa: B023
        eventually("the CronJob follows", lambda: _schedule(own) == schedule, describe=lambda: operator.log)  # noqa: B023
        assert len(own.list("jobs")) == number
    writes = WriteCounter(kubectl=own)
    writes.reset()
    lists = writes.lists()
    eventually("three more full lists", lambda: writes.lists() >= lists + 4)
    assert writes.by_resource() == {}


def test_a_server_restored_from_a_backup_is_believed_and_nothing_runs_twice(
    server: ApiServer, own: Kubectl, operator: OperatorProcess, tmp_path: Path
) -> None:
    own.apply(a_policy("flights"))
    _run_ends(own)
    own("annotate", "rtp", "flights", "retrain.dev/check=before")
    _run_ends(own, check=2, outcome="Kept")
    server.back_up(tmp_path / "backup")
    eventually("it answers", lambda: _answers(own))

    # All of this is forgotten: an edit, two runs, another policy.
    own.patch("rtp", "flights", {"spec": {"schedule": "0 9 * * *"}})
    for number, request in enumerate(("lost", "lost too"), start=3):
        own("annotate", "rtp", "flights", f"retrain.dev/check={request}", "--overwrite")
        _run_ends(own, check=number, outcome="Kept")
    own.apply(a_policy("other"))
    _run_ends(own)
    before = _schedule(own)

    server.restore(tmp_path / "backup")
    eventually("it answers", lambda: _answers(own))
    # Open watches would wait for versions that are far away: the process ends, and Kubernetes starts it anew.
    eventually("the operator ends", operator.ended, describe=lambda: operator.log)
    assert operator.wait() == 1
    assert "restored from a backup" in operator.log
    operator.start()
    own.patch("rtp", "flights", {"metadata": {"labels": {"touched": "yes"}}})
    own("annotate", "rtp", "flights", "retrain.dev/check=after", "--overwrite")
    _run_ends(own, check=9, outcome="Kept")
    policy = wait_for_condition(own, "flights", "Ready", "True")
    assert condition(policy, "Ready")["message"].endswith("(Etc/UTC)")
    eventually("the run is told", lambda: len(_runs(own)) == 3, describe=lambda: operator.log)
    assert [run["cause"] for run in _runs(own)] == ["Request", "Request", "Initial"]
    assert _schedule(own) != before
    assert own.get("cronjob", "other") is None
    assert len(own.list("jobs")) == 3


def _runs(kubectl: Kubectl) -> list[dict[str, str]]:
    found: list[dict[str, str]] = (kubectl.get("rtp", "flights") or {}).get("status", {}).get("runs", [])
    return found


def _schedule(kubectl: Kubectl) -> str:
    return str((kubectl.get("cronjob", "flights") or {})["spec"]["schedule"])
