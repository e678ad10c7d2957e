"""Prometheus and Alertmanager call, and a pod trains: with the component of manifests/webhook, as users install it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cluster import Cluster
from tests.pods.conftest import REPOSITORY
from tests.pods.test_decisions import newest, policy
from tests.pods.test_main_job import wait_for_outcome, wait_for_runs
from tests.support.alertmanager import alertmanager
from tests.support.claims import Claims
from tests.support.data import csv, days_ago, rows
from tests.support.exporter import QUERY, Exporter, scraping
from tests.support.kubectl import Kubectl
from tests.support.policies import condition

TOKEN = "a-token-for-tests"
OPERATOR = ("deployment/retrain-operator", "-n=retrain-system")


def rolled_out(admin: Kubectl) -> None:
    admin("rollout", "status", *OPERATOR, "--timeout=120s", timeout=130)


@pytest.fixture
def exporter(admin: Kubectl, cluster: Cluster, tmp_path: Path) -> Iterator[Exporter]:
    """The gauge that a Prometheus sees which the operator asks; its webhook is on."""
    pods = REPOSITORY / "tests" / "pods"
    secret = ("secret", "retrain-operator-webhook", "-n=retrain-system")
    admin("delete", *secret, "--ignore-not-found")
    admin("create", "secret", "generic", *secret[1:], f"--from-literal=token={TOKEN}")
    exporter = Exporter()
    try:
        with scraping(exporter, folder=tmp_path / "prometheus", address=cluster.host_address) as server:
            admin("apply", "-k", str(pods / "calls"))
            asks = {"path": "/spec/template/spec/containers/0/args/-", "value": f"--set=prometheusUrl={server.url}"}
            admin("patch", *OPERATOR, "--type=json", f"--patch={json.dumps([{'op': 'add', **asks}])}")
            rolled_out(admin)
            yield exporter
    finally:
        exporter.close()
        admin("apply", "-k", str(pods / "overlay"))
        admin("delete", "service,networkpolicy", "retrain-operator-webhook", "-n=retrain-system", "--ignore-not-found")
        rolled_out(admin)
        admin("delete", *secret)


@pytest.mark.full
def test_a_query_and_an_alert_train_a_model(
    kubectl: Kubectl, claims: Claims, exporter: Exporter, tmp_path: Path
) -> None:
    quiet = {"newRows": {"enabled": False}}
    asks = {"prometheus": {"query": QUERY, "interval": "1s"}}
    hears = {"webhook": {"matchLabels": {"alertname": "PredictionsDrift", "model": "flights"}}}
    claims.write("data/called/a.csv", csv(rows(start=days_ago(110), days=60)))
    kubectl.apply(
        policy("asks", folder="called", triggers={**quiet, **asks}),
        policy("hears", folder="called", triggers={**quiet, **hears}),
    )
    for name in ("asks", "hears"):
        wait_for_outcome(kubectl, "Promoted", runs=1, name=name)
    claims.write("data/called/b.csv", csv(rows(start=days_ago(50), days=40, turned=True)))

    exporter.value = 0.4
    address = kubectl(
        "get", "service", "retrain-operator-webhook", "-n=retrain-system", "-o=jsonpath={.spec.clusterIP}"
    )
    authorization = {"authorization": {"type": "Bearer", "credentials": TOKEN}}
    hook = {"url": f"http://{address}/alertmanager", "send_resolved": False, "http_config": authorization}
    configuration = {
        "route": {"receiver": "retrain", "group_wait": "0s", "group_interval": "1s", "repeat_interval": "1s"},
        "receivers": [{"name": "retrain", "webhook_configs": [hook]}],
    }
    with alertmanager(folder=tmp_path, configuration=configuration) as server:
        labels = {"alertname": "PredictionsDrift", "namespace": kubectl.namespace, "model": "flights"}
        server.raise_alert(starts=datetime.now(tz=UTC).isoformat(), **labels)
        for name, cause in (("asks", "Prometheus"), ("hears", "Webhook")):
            run = newest(wait_for_runs(kubectl, runs=2, name=name))
            assert (run["cause"], run["trigger"], run["outcome"]) == (cause, cause, "Promoted")
    found = kubectl.get("rtp", "asks")
    assert condition(found, "TriggersHealthy")["reason"] == "QueryAnswered"
