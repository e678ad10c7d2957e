"""Two replicas, one of which acts: it may be killed, stopped for a while, or rolled out anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kubectl import Kubectl
from tests.support.operator import OperatorProcess
from tests.support.policies import a_message, a_policy, end_run, unfinished_jobs, wait_for_condition
from tests.support.polling import eventually
from tests.support.requests import WriteCounter

LEADS = "this replica leads"


@pytest.fixture
def replicas(kubectl: Kubectl, tmp_path: Path) -> Iterator[tuple[OperatorProcess, OperatorProcess]]:
    """Two of them, started one after the other: the first one leads."""
    running = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        operator = OperatorProcess(
            kubeconfig=kubectl.kubeconfig,
            namespaces=(kubectl.namespace,),
            folder=tmp_path / name,
            leaderElection=True,
            leaseNamespace=kubectl.namespace,
            leaseSeconds=3,
            leaseDeadlineSeconds=2,
            leaseRetrySeconds=0.3,
            resyncSeconds=60,
        )
        running.append(operator)
        operator.start()
        if name == "first":
            eventually("the first leads", lambda: LEADS in running[0].log)
    yield running[0], running[1]
    for operator in running:
        operator.stop()
        assert "Traceback" not in operator.log, operator.log


def holder(kubectl: Kubectl) -> str:
    lease = kubectl.get("lease", "retrain-operator") or {}
    return str((lease.get("spec") or {}).get("holderIdentity", ""))


def test_one_acts_and_the_other_finishes_what_it_began(
    kubectl: Kubectl, replicas: tuple[OperatorProcess, OperatorProcess], writes: WriteCounter
) -> None:
    first, second = replicas
    writes.reset()
    kubectl.apply(a_policy())
    wait_for_condition(kubectl, "flight-delays", "Ready", "True")
    [job] = unfinished_jobs(kubectl)
    ours = {name: count for name, count in writes.by_resource().items() if "lease" not in name}
    assert ours == {"cronjobs POST": 1, "jobs POST": 1, "retrainpolicies/status PATCH": 1}, "as many as of one alone"
    assert LEADS not in second.log
    assert [each.scrape().value("retrain_operator_leader") for each in replicas] == [1, 0]
    eventually("both show the policy", lambda: second.scrape().value("retrain_operator_policies") == 1)

    first.kill()
    end_run(kubectl, job, message=a_message(job))
    wait_for_condition(kubectl, "flight-delays", "ModelAvailable", "True")
    assert LEADS in second.log

    # Back again it stands by; a rollout (SIGTERM) hands over at once, and nothing is written twice.
    first.start()
    before = holder(kubectl)
    assert second.stop() == 0
    eventually("the first leads again", lambda: holder(kubectl) not in ("", before))
    writes.reset()
    kubectl.apply(a_policy("other"))
    wait_for_condition(kubectl, "other", "Ready", "True")
    ours = {name: count for name, count in writes.by_resource().items() if "lease" not in name}
    assert ours == {"cronjobs POST": 1, "jobs POST": 1, "retrainpolicies/status PATCH": 1}


def test_a_leader_that_slept_too_long_ends_without_a_write(
    kubectl: Kubectl, replicas: tuple[OperatorProcess, OperatorProcess], writes: WriteCounter
) -> None:
    first, second = replicas
    first.pause()
    eventually("the second leads", lambda: LEADS in second.log)
    kubectl.apply(a_policy())
    wait_for_condition(kubectl, "flight-delays", "Ready", "True")
    writes.reset()
    first.resume()
    assert first.wait() == 1
    assert "Lease" in first.log or "lease" in first.log
    assert {name for name in writes.by_resource() if "lease" not in name} == set()
