"""What a policy says arrives in the container byte for byte, whatever it looks like and however long it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.pods.test_main_job import SPEC, wait_for_outcome
from tests.support.claims import Claims
from tests.support.data import csv, days_ago, rows
from tests.support.kubectl import Kubectl
from tests.support.policies import a_policy
from tests.support.polling import eventually

#: Each would be changed by the kubelet's expansion of $(NAME), or by a careless escape of it.
AWKWARD = [
    *("$(RETRAIN_ACTION)", "$$(RETRAIN_ACTION)", "$$", "$", "$$$(HOME)", "$(", ")$"),
    *('é✓ "quoted" \\ back', "a\tb\nc"),
]


@pytest.mark.timeout(300)
def test_awkward_values_and_the_largest_policy_arrive_byte_for_byte(kubectl: Kubectl, claims: Claims) -> None:
    claims.write("data/incoming/a.csv", csv(rows(start=days_ago(60), days=60)))
    spec = {**SPEC, "model": {"target": "late", "parameters": {"max_iter": 400, "max_leaf_nodes": 63}}}
    # 64 KiB of description: long names of columns that must not be used, the awkward ones among them.
    room = 63_000 - len(json.dumps(spec))
    excluded = list(AWKWARD)
    while room > 0 and len(excluded) < 256:
        name = f"{len(excluded):03d}$(X)" + "é" * 120
        room -= len(name.encode()) + 3
        excluded.append(name)
    spec["model"]["features"] = {"exclude": excluded}
    spec["job"] = {"env": [{"name": f"AWKWARD_{number}", "value": value} for number, value in enumerate(AWKWARD)]}
    kubectl.create(a_policy("late", **spec))

    environment = eventually(
        "the environment of the running container", lambda: _environment(kubectl), seconds=120, every=0.2
    )
    assert [environment[f"AWKWARD_{number}"] for number in range(len(AWKWARD))] == AWKWARD
    described = json.loads(environment["RETRAIN_POLICY"])
    live = kubectl.get("rtp", "late")
    assert live is not None
    for section in ("data", "model", "validation", "evaluation", "promotion", "triggers", "registry"):
        assert described["spec"][section] == live["spec"][section]
    assert len(environment["RETRAIN_POLICY"].encode()) > 48_000
    wait_for_outcome(kubectl, "Promoted", runs=1)


def _environment(kubectl: Kubectl) -> dict[str, str] | None:
    pods = kubectl.list("pods", selector="app.kubernetes.io/managed-by=retrain-operator")
    running: list[dict[str, Any]] = [pod for pod in pods if pod["status"]["phase"] == "Running"]
    if not running:
        return None
    program = "import sys; sys.stdout.write(open('/proc/1/environ').read())"
    name = running[0]["metadata"]["name"]
    text = kubectl("exec", name, "-c=trainer", "--", "/opt/app/bin/python", "-c", program)
    return dict(item.partition("=")[::2] for item in text.split("\0") if item)
