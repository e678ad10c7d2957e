"""What users install for monitoring, with a real Prometheus in front of a real operator: scraped, drawn, alerted.

Debian builds Prometheus without its Kubernetes discovery, so the test hands it the labels that the discovery would
give, as the Deployment of the manifests has them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.control_plane.conftest import REPOSITORY, StartOperator
from tests.support.kubectl import Kubectl
from tests.support.policies import a_message, a_policy, end_run, unfinished_jobs, wait_for_condition
from tests.support.polling import eventually
from tests.support.prometheus import Prometheus, prometheus

MANIFESTS = REPOSITORY / "manifests" / "monitoring"


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that Prometheus reads its targets from."""
    path = tmp_path_factory.mktemp("prometheus") / "targets.json"
    path.write_text("[]")
    return path


@pytest.fixture(scope="module")
def server(targets: Path) -> Iterator[Prometheus]:
    """Prometheus with the scrape configuration and the rules of the manifests, every second."""
    [job] = yaml.safe_load((MANIFESTS / "scrape.yaml").read_text())
    del job["kubernetes_sd_configs"]
    job |= {"scrape_interval": "1s", "file_sd_configs": [{"files": [str(targets)]}]}
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(MANIFESTS / "rules.yaml")],
        "scrape_configs": [job],
    }
    with prometheus(folder=targets.parent, configuration=configuration) as running:
        yield running


def _discovered(kubectl: Kubectl, *, port: int) -> list[dict[str, Any]]:
    """What the discovery of pods says of the operator's pod and of one that is somebody else's."""
    rendered = list(yaml.safe_load_all(kubectl("kustomize", str(REPOSITORY / "manifests"))))
    [template] = [each["spec"]["template"] for each in rendered if each["kind"] == "Deployment"]
    [container] = template["spec"]["containers"]
    [health] = container["ports"]
    assert template["metadata"]["annotations"] == {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(health["containerPort"]),
        "prometheus.io/path": "/metrics",
    }
    labels = {
        "__meta_kubernetes_pod_name": "retrain-operator-0",
        "__meta_kubernetes_pod_container_port_name": health["name"],
        **{
            f"__meta_kubernetes_pod_label_{re.sub(r'[^a-zA-Z0-9_]', '_', name)}": value
            for name, value in template["metadata"]["labels"].items()
        },
    }
    foreign = {**labels, "__meta_kubernetes_pod_label_app_kubernetes_io_name": "another"}
    return [
        {"targets": [f"127.0.0.1:{port}"], "labels": labels},
        {"targets": ["127.0.0.1:1"], "labels": foreign},
    ]


def test_every_query_of_the_dashboard_returns_data_and_alerts_are_raised(
    server: Prometheus, targets: Path, kubectl: Kubectl, start_operator: StartOperator
) -> None:
    operator = start_operator()
    targets.write_text(json.dumps(_discovered(kubectl, port=operator.port)))
    _live(kubectl)

    def scraped() -> bool:
        return [target["health"] for target in server.targets()] == ["up"]

    eventually(
        "Prometheus scrapes the operator alone", scraped, describe=lambda: json.dumps(server.targets(), indent=1)
    )
    queries = _queries(kubectl.namespace)
    assert len(queries) > 40
    missing = dict(queries)

    def all_answered() -> bool:
        for name, (expression, labels) in list(missing.items()):
            found = [sample for sample in server.query(expression) if sample["value"][1] != "NaN"]
            assert all(labels <= sample["metric"].keys() for sample in found), f"{name}: {labels}: {found}"
            if found:
                del missing[name]
        return not missing

    eventually("every query has data", all_answered, every=0.5, seconds=60, describe=lambda: str(missing))
    for name in ("RetrainDataRejected", "RetrainRunsFailing"):
        eventually(f"{name} is raised", lambda name=name: server.alerts().get(name) == "pending")  # type: ignore[misc]
    assert "RetrainOperatorDown" not in server.alerts()

    [answer] = server.query('retrain_policy_champion_score{policy="flight-delays"}')
    assert (answer["metric"]["namespace"], answer["metric"]["pod"]) == (kubectl.namespace, "retrain-operator-0")
    assert answer["value"][1] == "0.7071"
    operator.stop()
    eventually("the loss of the operator is noticed", lambda: server.alerts().get("RetrainOperatorDown") == "pending")


def test_the_optional_manifests_can_be_applied(cluster_kubectl: Kubectl) -> None:
    cluster_kubectl("apply", "-k", str(REPOSITORY / "manifests"))
    cluster_kubectl("apply", "-k", str(MANIFESTS))
    cluster_kubectl("apply", "-f", str(MANIFESTS / "network-policy.yaml"))
    system = Kubectl(binary=cluster_kubectl.binary, kubeconfig=cluster_kubectl.kubeconfig, namespace="retrain-system")
    dashboard = system.get("configmap", "retrain-dashboard")
    assert dashboard is not None
    assert json.loads(dashboard["data"]["retrain.json"])["uid"] == "retrain-operator"


def _live(kubectl: Kubectl) -> None:
    """A promoted model, then a challenger that lost, then data that were rejected, then three failed runs."""
    kubectl.apply(a_policy())
    drift = {"drifted": True, "share": 0.5, "features": 4, "worst": "x"}
    lost = {"version": 2, "score": 0.69, "verdict": "NotBetter", "reason": "ClearlyWorse"}
    rejected = {"valid": False, "reason": "ColumnMissing", "message": "column x", "rows": 10}
    ends: list[dict[str, Any] | None] = [
        {"drift": drift},
        {"outcome": "NotPromoted", "trigger": "Requested", "challenger": lost, "drift": drift},
        {"outcome": "DataRejected", "trigger": None, "reason": "ColumnMissing", "data": rejected},
        *[None] * 3,
    ]
    for number, fields in enumerate(ends):
        if number:
            kubectl("annotate", "rtp", "flight-delays", f"retrain.dev/train={number}", "--overwrite")
        [job] = eventually("the run", lambda: unfinished_jobs(kubectl))
        if fields is None:
            end_run(kubectl, job, message=None, exit_code=1)
        else:
            end_run(kubectl, job, message=a_message(job, **{"checkTime": f"2026-03-0{number + 1}T00:00:00Z"} | fields))
        eventually("it is recorded", lambda number=number: _recorded(kubectl) == number + 1)  # type: ignore[misc]
    wait_for_condition(kubectl, "flight-delays", "DataValid", "False")


def _recorded(kubectl: Kubectl) -> int:
    policy = kubectl.get("rtp", "flight-delays") or {}
    return len((policy.get("status") or {}).get("runs") or [])


def _queries(namespace: str) -> dict[str, tuple[str, set[str]]]:
    """Every query of the dashboard as Grafana would send it, with the labels of its legend, by panel and letter.

    Variables too.
    """
    dashboard = json.loads(Path(MANIFESTS / "dashboard.json").read_text())
    values = {"namespace": namespace, "policy": ".*", "__rate_interval": "10s"}

    def filled(text: str) -> str:
        return re.sub(r"\$(\w+)", lambda match: values[match[1]], text)

    queries = {
        f"{panel['title']} {target['refId']}": (
            filled(target["expr"]),
            set(re.findall(r"{{(\w+)}}", target["legendFormat"])),
        )
        for panel in dashboard["panels"]
        for target in panel.get("targets", [])
    }
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            [(metric, label)] = re.findall(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
            queries[f"variable {variable['name']}"] = (filled(f"count by ({label}) ({metric})"), {label})
    return queries
