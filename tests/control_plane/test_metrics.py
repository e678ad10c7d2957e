"""/metrics of a real operator: what it says is what happened, and a restart changes nothing of it."""

from __future__ import annotations

import re
import socket
import time
import urllib.error
import urllib.request

import pytest

from tests.control_plane.conftest import REPOSITORY, StartOperator
from tests.support.kubectl import Kubectl
from tests.support.metrics import scrape
from tests.support.policies import a_message, a_policy, end_run, unfinished_jobs, wait_for_condition
from tests.support.polling import eventually

FLIGHTS = {"policy": "flight-delays"}


def test_a_run_shows_in_the_metrics_a_restart_keeps_them_and_a_deletion_ends_them(
    kubectl: Kubectl, start_operator: StartOperator
) -> None:
    operator = start_operator()
    kubectl.apply(a_policy())
    [job] = eventually("the Initial run", lambda: unfinished_jobs(kubectl))
    eventually("it is shown as active", lambda: operator.scrape().value("retrain_policy_active_runs", FLIGHTS) == 1)
    end_run(kubectl, job, message=a_message(job, drift={"drifted": True, "share": 0.5, "features": 4, "worst": "x"}))
    wait_for_condition(kubectl, "flight-delays", "ModelAvailable", "True")

    promoted = {"outcome": "Promoted"}
    eventually(
        "the run is counted", lambda: operator.scrape().value("retrain_policy_runs_total", FLIGHTS | promoted) == 1
    )
    page = operator.scrape()
    assert page.value("retrain_runs_total", {"action": "check", "cause": "Initial"} | promoted) == 1
    assert page.value("retrain_trainings_total", {"trigger": "NoChampion", "verdict": "Better"}) == 1
    assert page.total("retrain_operator_reconcile_errors_total") == 0
    assert page.value("retrain_operator_api_requests_total", {"verb": "create", "resource": "jobs", "code": "201"}) == 1
    for resource in ("retrainpolicies", "cronjobs", "jobs"):
        labels = {"verb": "watch", "resource": resource, "code": "200"}
        assert page.value("retrain_operator_api_requests_total", labels) == 1
        assert page.value("retrain_operator_watch_restarts_total", {"resource": resource}) == 0
    assert page.total("retrain_operator_reconcile_duration_seconds_count") >= 2
    listed = page.value("retrain_operator_last_full_list_timestamp_seconds")
    assert listed is not None
    assert time.time() - listed < 60

    before = _policy_values(page.text)
    assert 'retrain_policy_champion_score{namespace="NS",policy="flight-delays"} 0.7071' in before
    assert 'retrain_policy_drifted_features_ratio{namespace="NS",policy="flight-delays"} 0.5' in before
    operator.kill()
    operator.start()
    assert _policy_values(operator.scrape().text) == before

    kubectl("delete", "rtp", "flight-delays")
    eventually("its metrics are gone", lambda: "flight-delays" not in operator.scrape().text)
    assert operator.scrape().value("retrain_operator_policies") == 0


def test_the_documentation_has_every_metric_that_the_process_shows_and_no_other(start_operator: StartOperator) -> None:
    shown = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in start_operator().scrape().families
        if not family.name.startswith("process_")
    }
    text = (REPOSITORY / "docs" / "monitoring.md").read_text()
    assert shown == set(re.findall(r"^\| `(retrain_\w+)` \| \w+ \|", text, flags=re.MULTILINE))


def test_metrics_can_have_a_port_of_their_own(start_operator: StartOperator) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    operator = start_operator(metricsPort=port)
    assert scrape(port).value("retrain_operator_ready") == 1
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"http://127.0.0.1:{operator.port}/metrics", timeout=5)


def _policy_values(text: str) -> list[str]:
    """The lines about policies, without the namespace that is the test's own."""
    lines = [line for line in text.splitlines() if line.startswith("retrain_policy_")]
    return [re.sub(r'namespace="[^"]+"', 'namespace="NS"', line) for line in lines]


def test_a_watch_that_has_gone_silent_is_begun_anew_and_counted(
    kubectl: Kubectl, start_operator: StartOperator
) -> None:
    operator = start_operator(inactivitySeconds=0.5)

    def restarted() -> bool:
        return (operator.scrape().value("retrain_operator_watch_restarts_total", {"resource": "jobs"}) or 0) >= 1

    eventually("a watch began anew", restarted)
    kubectl.apply(a_policy())
    wait_for_condition(kubectl, "flight-delays", "Ready", "True")
