"""What the operator logs: fields that machines can read, and never a credential of a spec."""

from __future__ import annotations

import json
from typing import Any

from tests.control_plane.conftest import StartOperator
from tests.support.kubectl import Kubectl, KubectlError
from tests.support.policies import a_message, a_policy, end_run, unfinished_jobs, wait_for_condition
from tests.support.polling import eventually

CANARY = "c4n4ry-0123456789"


def _lines(log: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.splitlines()]


def test_each_line_is_an_object_that_names_policy_namespace_run_and_action(
    kubectl: Kubectl, start_operator: StartOperator
) -> None:
    operator = start_operator(logFormat="json")
    kubectl.apply(a_policy())
    [job] = eventually("the Initial run", lambda: unfinished_jobs(kubectl))
    end_run(kubectl, job, message=a_message(job))
    wait_for_condition(kubectl, "flight-delays", "ModelAvailable", "True")

    about = {"namespace": kubectl.namespace, "policy": "flight-delays"}
    run = {"run": job["metadata"]["name"], "action": "check"}

    def told() -> bool:
        ended = [line for line in _lines(operator.log) if "ended: Promoted" in line["message"]]
        return bool(ended) and (about | run).items() <= ended[0].items()

    eventually("the end of the run is logged", told, describe=lambda: operator.log)
    lines = _lines(operator.log)
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    [made] = [
        line for line in lines if line["message"].endswith("created") and "Job " in line["message"] and "run" in line
    ]
    assert (about | run | {"level": "info"}).items() <= made.items()
    assert all(about.items() <= line.items() for line in lines if line["message"].startswith("policy "))


def test_no_credential_of_a_spec_reaches_log_metrics_or_events(kubectl: Kubectl, start_operator: StartOperator) -> None:
    operator = start_operator(arguments=("--log-level=debug", "--log-format=json"), resyncSeconds=0.5)
    env = [
        {"name": "AWS_SECRET_ACCESS_KEY", "value": CANARY},
        {"name": "URL", "value": f"postgresql://user:{CANARY}@host/db"},
    ]
    kubectl.apply(a_policy(job={"env": env[:1]}))
    wait_for_condition(kubectl, "flight-delays", "Ready", "True")
    # Edited; refused by the operator; refused by the API server when the CronJob is made of it; started by hand.
    kubectl.apply(a_policy(job={"env": [*env]}))
    wait_for_condition(kubectl, "flight-delays", "Ready", "True")
    kubectl.apply(a_policy(job={"env": env[:1]}, timeZone="Mars/Olympus"))
    wait_for_condition(kubectl, "flight-delays", "Ready", "False")
    kubectl.apply(a_policy(job={"env": env[:1], "nodeSelector": {"disk": "not valid!"}}))
    wait_for_condition(kubectl, "flight-delays", "Ready", "False")
    kubectl("annotate", "rtp", "flight-delays", f"retrain.dev/train={CANARY}")
    for place in ("data", "registry"):
        try:
            kubectl.apply(a_policy(f"with-{place}", **{place: {"uri": f"s3://key:{CANARY}@bucket/x"}}))
        except KubectlError:
            continue  # the CRD refuses it, so the operator never sees it
        wait_for_condition(kubectl, f"with-{place}", "Ready", "False")
    kubectl.apply(a_policy(job={"env": env[:1]}))
    wait_for_condition(kubectl, "flight-delays", "Ready", "True")
    operator.stop()
    operator.start()

    assert "CronJob" in operator.log
    assert "refused" in operator.log
    assert CANARY not in operator.log
    assert CANARY not in operator.scrape().text
    assert CANARY not in json.dumps(kubectl.list("events"))
