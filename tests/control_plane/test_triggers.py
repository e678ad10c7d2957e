"""Calls from outside on a real API server: a real Prometheus is asked, a real Alertmanager tells."""

from __future__ import annotations

import json
import socketserver
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.control_plane.conftest import StartOperator
from tests.support.alertmanager import alertmanager
from tests.support.exporter import QUERY, Exporter, scraping
from tests.support.kubectl import Kubectl
from tests.support.operator import OperatorProcess
from tests.support.policies import a_message, a_policy, condition, end_run, unfinished_jobs, wait_for_condition
from tests.support.polling import eventually
from tests.support.requests import WriteCounter
from tests.support.s3 import free_port

TOKEN = "a-token-for-tests"


@pytest.fixture
def exporter() -> Iterator[Exporter]:
    made = Exporter()
    yield made
    made.close()


def asks(**fields: Any) -> dict[str, Any]:
    return {"prometheus": {"query": QUERY, "interval": "0s", **fields}}


def quick(url: str) -> dict[str, Any]:
    return {"prometheusUrl": url, "prometheusMinimumIntervalSeconds": 0.2, "prometheusTimeoutSeconds": 1}


def status_of(kubectl: Kubectl, name: str = "flights") -> dict[str, Any]:
    found: dict[str, Any] = (kubectl.get("rtp", name) or {}).get("status") or {}
    return found


def promoted(kubectl: Kubectl, **spec: Any) -> None:
    """A policy whose first run is over."""
    kubectl.apply(a_policy("flights", schedule=None, **spec))
    [job] = eventually("its first run", lambda: unfinished_jobs(kubectl))
    end_run(kubectl, job, message=a_message(job))
    wait_for_condition(kubectl, "flights", "ModelAvailable", "True")


def state(kubectl: Kubectl) -> object:
    return status_of(kubectl).get("triggers", {}).get("prometheus", {}).get("state")


def called(kubectl: Kubectl, cause: str) -> list[dict[str, Any]]:
    """Jobs of this cause, ended or not."""
    return [job for job in kubectl.list("jobs") if job["metadata"]["annotations"].get("retrain.dev/cause") == cause]


def is_recorded(job: dict[str, Any]) -> bool:
    return bool(job["metadata"]["labels"].get("retrain.dev/recorded") == "true")


def answers(operator: OperatorProcess) -> float:
    """Queries that this process has had answered."""
    return operator.scrape().total("retrain_operator_prometheus_queries_total", {"outcome": "answered"})


def finish(kubectl: Kubectl, *, runs: int, trigger: str, check: str) -> None:
    [job] = eventually("the run", lambda: unfinished_jobs(kubectl))
    end_run(kubectl, job, message=a_message(job, outcome="NotPromoted", trigger=trigger, checkTime=check))
    eventually("it is recorded", lambda: len(status_of(kubectl).get("runs", [])) == runs)


def test_each_time_the_query_becomes_true_one_run_starts(
    kubectl: Kubectl, start_operator: StartOperator, exporter: Exporter, tmp_path: Path, writes: WriteCounter
) -> None:
    with scraping(exporter, folder=tmp_path / "prometheus") as server:
        operator = start_operator(**quick(server.url))
        promoted(kubectl, triggers=asks())
        eventually("an absent series is false", lambda: state(kubectl) == "Inactive")
        assert condition(kubectl.get("rtp", "flights"), "TriggersHealthy")["reason"] == "QueryAnswered"

        exporter.value = 0.4
        eventually("a run", lambda: len(called(kubectl, "Prometheus")) == 1)
        finish(kubectl, runs=2, trigger="Prometheus", check="2026-03-02T00:00:00Z")
        assert status_of(kubectl)["runs"][0]["cause"] == "Prometheus"
        eventually("all is marked", lambda: all(is_recorded(job) for job in kubectl.list("jobs")))
        writes.reset()
        # It stays true, and its value moves: nothing is written, over a restart too.
        exporter.value = 0.5
        answered = answers(operator)
        eventually("it is asked again and again", lambda: answers(operator) >= answered + 5)
        operator.kill()
        operator.start()
        eventually("and again", lambda: answers(operator) >= 5)
        assert writes.by_resource() == {}

        exporter.value = 0.1
        eventually("false again", lambda: state(kubectl) == "Inactive")
        operator.kill()
        exporter.value = 0.4
        eventually("Prometheus has it", lambda: server.query(QUERY))
        operator.start()
        eventually("a second run", lambda: len(called(kubectl, "Prometheus")) == 2)
        finish(kubectl, runs=3, trigger="Prometheus", check="2026-03-03T00:00:00Z")
        fired = status_of(kubectl)["triggers"]["prometheus"]["fired"]
        assert status_of(kubectl)["lastHandled"]["prometheus"] == fired


def test_it_must_be_true_for_a_while(
    kubectl: Kubectl, start_operator: StartOperator, exporter: Exporter, tmp_path: Path
) -> None:
    exporter.value = 0.4
    with scraping(exporter, folder=tmp_path / "prometheus") as server:
        start_operator(**quick(server.url))
        promoted(kubectl, triggers=asks(**{"for": "4s"}))
        eventually("pending", lambda: state(kubectl) == "Pending")
        assert called(kubectl, "Prometheus") == []
        since = datetime.fromisoformat(status_of(kubectl)["triggers"]["prometheus"]["since"])
        eventually("firing", lambda: state(kubectl) == "Firing")
        fired = datetime.fromisoformat(status_of(kubectl)["triggers"]["prometheus"]["fired"])
        assert fired - since >= timedelta(seconds=4)
        eventually("a run", lambda: len(called(kubectl, "Prometheus")) == 1)


def test_a_prometheus_that_goes_and_comes_back(
    kubectl: Kubectl, start_operator: StartOperator, exporter: Exporter, tmp_path: Path
) -> None:
    port = free_port()
    start_operator(**quick(f"http://127.0.0.1:{port}"))
    promoted(kubectl, triggers=asks())
    policy = wait_for_condition(kubectl, "flights", "TriggersHealthy", "False")
    assert condition(policy, "TriggersHealthy")["reason"] == "PrometheusUnreachable"
    assert condition(policy, "Ready")["status"] == "True"

    # Somebody listens, and never answers.
    with socketserver.ThreadingTCPServer(("127.0.0.1", port), _Silent) as silent:
        silent.daemon_threads = True
        threading.Thread(target=silent.serve_forever, daemon=True).start()
        kubectl("annotate", "rtp", "flights", "retrain.dev/check=meanwhile")
        [job] = eventually("people are answered", lambda: unfinished_jobs(kubectl))
        end_run(kubectl, job, message=a_message(job, outcome="Kept", trigger=None, checkTime="2026-03-02T00:00:00Z"))
        eventually("it is recorded", lambda: len(status_of(kubectl).get("runs", [])) == 2)
        silent.shutdown()
    assert called(kubectl, "Prometheus") == []


class _Silent(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        time.sleep(30)  # the process ends before


def test_a_query_that_is_none_is_told_with_the_words_of_prometheus(
    kubectl: Kubectl, start_operator: StartOperator, exporter: Exporter, tmp_path: Path
) -> None:
    with scraping(exporter, folder=tmp_path / "prometheus") as server:
        start_operator(**quick(server.url))
        promoted(kubectl, triggers=asks(query="avg(prediction_error"))
        policy = wait_for_condition(kubectl, "flights", "TriggersHealthy", "False")
        found = condition(policy, "TriggersHealthy")
        assert found["reason"] == "QueryRefused"
        assert "unclosed left parenthesis" in found["message"]
        kubectl.apply(a_policy("flights", schedule=None, triggers=asks(query="vector(1)[5m:1m]")))
        eventually("a range is refused", lambda: "instant query" in _message(kubectl))
        kubectl.apply(a_policy("flights", schedule=None, triggers=asks()))
        wait_for_condition(kubectl, "flights", "TriggersHealthy", "True")


def _message(kubectl: Kubectl) -> str:
    return str(condition(kubectl.get("rtp", "flights"), "TriggersHealthy").get("message", ""))


# --- Alertmanager --------------------


def minutes_ago(number: float) -> str:
    return (datetime.now(tz=UTC) - timedelta(minutes=number)).isoformat()


def hears(**labels: str) -> dict[str, Any]:
    return {"webhook": {"matchLabels": labels or {"alertname": "PredictionsDrift"}}}


@pytest.fixture
def hook(tmp_path: Path) -> dict[str, Any]:
    """Settings of an operator that hears Alertmanager."""
    (tmp_path / "token").write_text(TOKEN)
    return {"webhookPort": free_port(), "webhookTokenFile": str(tmp_path / "token")}


def receiver(*ports: int) -> dict[str, Any]:
    """An alertmanager.yml as docs/triggers.md has it, with short times."""
    authorization = {"authorization": {"type": "Bearer", "credentials": TOKEN}}
    hooks = [
        {"url": f"http://127.0.0.1:{port}/alertmanager", "send_resolved": False, "http_config": authorization}
        for port in ports
    ]
    route = {"receiver": "retrain", "group_wait": "0s", "group_interval": "1s", "repeat_interval": "1s"}
    return {"route": route, "receivers": [{"name": "retrain", "webhook_configs": hooks}]}


def post(port: int, body: object, *, token: str = TOKEN) -> tuple[int, dict[str, Any]]:
    """What a notification is answered with."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/alertmanager",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def notification(kubectl: Kubectl, *, starts: str, **labels: str) -> dict[str, Any]:
    told = {"alertname": "PredictionsDrift", "namespace": kubectl.namespace, **labels}
    return {"version": "4", "alerts": [{"status": "firing", "labels": told, "startsAt": starts}]}


def test_an_alert_of_alertmanager_starts_one_run_however_often_it_is_told(
    kubectl: Kubectl, start_operator: StartOperator, hook: dict[str, Any], tmp_path: Path
) -> None:
    operator = start_operator(**hook)
    promoted(kubectl, triggers=hears())
    kubectl.apply(a_policy("deaf", schedule=None, suspend=True, triggers=hears(alertname="Other")))
    with alertmanager(folder=tmp_path, configuration=receiver(hook["webhookPort"])) as server:
        alert = {"alertname": "PredictionsDrift", "namespace": kubectl.namespace}
        started = minutes_ago(5)
        server.raise_alert(starts=started, **alert)
        eventually("a run", lambda: len(called(kubectl, "Webhook")) == 1)
        finish(kubectl, runs=2, trigger="Webhook", check="2026-03-02T00:00:00Z")
        # It goes on, also over a restart of the operator: Alertmanager repeats it every second.
        operator.kill()
        operator.start()
        before = server.log.read_text().count("Notify success")
        eventually("it is told again", lambda: server.log.read_text().count("Notify success") >= before + 2)
        assert len(called(kubectl, "Webhook")) == 1

        # It ends, and begins anew.
        server.raise_alert(starts=started, ends=minutes_ago(1), **alert)
        server.raise_alert(starts=minutes_ago(0.5), **alert)
        eventually("a second run", lambda: len(called(kubectl, "Webhook")) == 2)
        finish(kubectl, runs=3, trigger="Webhook", check="2026-03-03T00:00:00Z")
        assert status_of(kubectl)["triggers"]["webhook"]["alert"] == "PredictionsDrift"
    assert status_of(kubectl, "deaf").get("runs") is None


@pytest.mark.parametrize(
    ("token", "labels", "expected"),
    [
        pytest.param("wrong", {}, 401, id="without the token"),
        pytest.param(TOKEN, {"namespace": "another"}, 200, id="an alert of another namespace"),
        pytest.param(TOKEN, {"alertname": "Other"}, 200, id="another alert"),
    ],
)
def test_what_starts_nothing(
    kubectl: Kubectl,
    start_operator: StartOperator,
    hook: dict[str, Any],
    token: str,
    labels: dict[str, str],
    expected: int,
) -> None:
    start_operator(**hook)
    promoted(kubectl, triggers=hears())
    body = notification(kubectl, starts=minutes_ago(1), **labels)
    code, answer = post(hook["webhookPort"], body, token=token)
    assert code == expected
    assert answer.get("policies", []) == []
    # What was taken is looked at before a later request is answered.
    assert post(hook["webhookPort"], notification(kubectl, starts=minutes_ago(0))) == (
        200,
        {"alerts": 1, "policies": [f"{kubectl.namespace}/flights"]},
    )
    eventually("one run, of the second", lambda: len(called(kubectl, "Webhook")) == 1)
    assert len(called(kubectl, "Webhook")) == 1


def test_a_call_that_was_answered_is_run_though_the_operator_dies_at_once(
    kubectl: Kubectl, start_operator: StartOperator, hook: dict[str, Any]
) -> None:
    operator = start_operator(**hook)
    promoted(kubectl, triggers=hears())
    kubectl("annotate", "rtp", "flights", "retrain.dev/train=first")
    [job] = eventually("a run is under way", lambda: unfinished_jobs(kubectl))
    code, _ = post(hook["webhookPort"], notification(kubectl, starts=minutes_ago(1)))
    operator.kill()
    assert code == 200
    assert called(kubectl, "Webhook") == []
    assert status_of(kubectl)["pending"][0]["cause"] == "Webhook"
    operator.start()
    end_run(
        kubectl,
        job,
        message=a_message(job, outcome="NotPromoted", trigger="Requested", checkTime="2026-03-02T00:00:00Z"),
    )
    eventually("the call is answered", lambda: len(called(kubectl, "Webhook")) == 1)


def test_a_standby_sends_alertmanager_to_the_replica_that_leads(
    kubectl: Kubectl, hook: dict[str, Any], tmp_path: Path
) -> None:
    times: dict[str, Any] = {"leaseSeconds": 3, "leaseDeadlineSeconds": 2, "leaseRetrySeconds": 0.3}
    replicas, ports = [], (hook["webhookPort"], free_port())
    for port in ports:
        folder = tmp_path / str(port)
        folder.mkdir()
        replicas.append(
            OperatorProcess(
                kubeconfig=kubectl.kubeconfig,
                namespaces=(kubectl.namespace,),
                folder=folder,
                leaderElection=True,
                leaseNamespace=kubectl.namespace,
                **times,
                **{**hook, "webhookPort": port},
            )
        )
    leader, standby = replicas
    with leader:
        promoted(kubectl, triggers=hears())
        with standby:
            code, answer = post(ports[1], notification(kubectl, starts=minutes_ago(1)))
            assert (code, "another replica leads" in answer["error"]) == (503, True)
            leader.stop()
            eventually(
                "the other one leads, and takes it",
                lambda: post(ports[1], notification(kubectl, starts=minutes_ago(1)))[0] == 200,
            )
            eventually("a run", lambda: len(called(kubectl, "Webhook")) == 1)
