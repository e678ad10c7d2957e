"""Policies as people write them, and the ends of runs as the kubelet reports them."""

from __future__ import annotations

import json
from typing import Any

from tests.support.kubectl import Kubectl
from tests.support.polling import eventually

FIRST: dict[str, Any] = {
    "schedule": "0 0 * * 0",
    "data": {"uri": "pvc://flights/incoming/*.parquet", "timeColumn": "time_hour"},
    "model": {"target": "late", "features": {"exclude": ["arr_time", "arr_delay"]}},
    "evaluation": {"metric": "roc_auc", "threshold": 0.65},
    "registry": {"uri": "pvc://models"},
}


def a_policy(name: str = "flight-delays", *, annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """The beginner's policy; keyword arguments replace sections of its spec, None removes one."""
    whole = {key: value for key, value in {**FIRST, **spec}.items() if value is not None}
    metadata: dict[str, Any] = {"name": name}
    if annotations:
        metadata["annotations"] = annotations
    return {"apiVersion": "retrain.dev/v1alpha1", "kind": "RetrainPolicy", "metadata": metadata, "spec": whole}


def condition(policy: dict[str, Any] | None, kind: str) -> dict[str, Any]:
    """One condition of a policy as the API returns it; empty if it has none."""
    conditions = ((policy or {}).get("status") or {}).get("conditions") or []
    return next((item for item in conditions if item["type"] == kind), {})


def wait_for_condition(kubectl: Kubectl, name: str, kind: str, status: str, *, seconds: float = 30) -> dict[str, Any]:
    """The policy once `kind` has `status` for its present generation."""

    def look() -> dict[str, Any] | None:
        policy = kubectl.get("rtp", name)
        found = condition(policy, kind)
        if policy is None or found.get("status") != status:
            return None
        return policy if found.get("observedGeneration") == policy["metadata"]["generation"] else None

    def describe() -> str:
        return json.dumps((kubectl.get("rtp", name) or {}).get("status"), indent=1)

    return eventually(f"{name}: {kind}={status}", look, seconds=seconds, describe=describe)


def unfinished_jobs(kubectl: Kubectl) -> list[dict[str, Any]]:
    """Jobs of policies in the namespace that have not ended."""
    jobs = kubectl.list("jobs", selector="app.kubernetes.io/managed-by=retrain-operator")
    return [job for job in jobs if not any(item["type"] in ("Complete", "Failed") for item in _conditions(job))]


def _conditions(body: dict[str, Any]) -> list[dict[str, Any]]:
    conditions: list[dict[str, Any]] = (body.get("status") or {}).get("conditions") or []
    return conditions


def a_message(job: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A whole result message for `job`: version 1 promoted, unless `fields` say otherwise."""
    message: dict[str, Any] = {
        "v": 1,
        "run": f"key.{job['metadata']['name']}",
        "jobUID": job["metadata"]["uid"],
        "outcome": "Promoted",
        "trigger": "NoChampion",
        "reason": "Better",
        "message": "version 1 is the first champion",
        "metric": "roc_auc",
        "threshold": 0.65,
        "thresholdMet": True,
        "score": 0.70712,
        "accuracy": 0.7813,
        "champion": {
            "version": 1,
            "uri": "pvc://models/ns/flight-delays/versions/1",
            "digest": "sha256:" + "0" * 64,
            "promotionTime": "2026-03-01T00:00:00Z",
            "trainedRows": 50009,
            "previousVersion": None,
            "run": f"key.{job['metadata']['name']}",
        },
        "data": {"valid": True, "reason": "DataPassed", "message": "27,902 rows", "rows": 27902},
        "checkTime": "2026-03-01T00:00:00Z",
        "trainedTime": "2026-03-01T00:00:00Z",
        "counters": {"checks": 1, "trainings": 1, "promotions": 1},
        "earlier": [],
    }
    return {**message, **fields}


def end_run(kubectl: Kubectl, job: dict[str, Any], *, message: dict[str, Any] | str | None, exit_code: int = 0) -> None:
    """Writes what kubelet and Job controller write when a run ends, for a server that has neither."""
    pod, status = ended_pod(job, message=message, exit_code=exit_code)
    kubectl.create(pod)
    kubectl.patch("pod", pod["metadata"]["name"], {"status": status}, sub="status")
    kubectl.patch("job", job["metadata"]["name"], {"status": ended_job_status(job, exit_code=exit_code)}, sub="status")


def ended_pod(
    job: dict[str, Any], *, message: dict[str, Any] | str | None, exit_code: int = 0
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The pod of a run, and its status once the run has ended."""
    template = job["spec"]["template"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{job['metadata']['name']}-0",
            "labels": {**template["metadata"]["labels"]},
        },
        "spec": {**template["spec"], "nodeName": "none"},
    }
    text = json.dumps(message) if isinstance(message, dict) else message or ""
    terminated = {
        "exitCode": exit_code,
        "reason": "Completed" if exit_code == 0 else "Error",
        "message": text,
        "startedAt": "2026-03-01T00:00:00Z",
        "finishedAt": "2026-03-01T00:00:01Z",
    }
    container = {
        "name": "trainer",
        "image": "x",
        "imageID": "x",
        "ready": False,
        "restartCount": 0,
        "state": {"terminated": terminated},
    }
    return pod, {"phase": "Succeeded" if exit_code == 0 else "Failed", "containerStatuses": [container]}


def ended_job_status(job: dict[str, Any], *, exit_code: int = 0) -> dict[str, Any]:
    """The status of a Job whose run has ended."""
    started = job["metadata"]["creationTimestamp"]
    if exit_code == 0:
        conditions = [_true("SuccessCriteriaMet", started), _true("Complete", started)]
        return {"startTime": started, "completionTime": started, "succeeded": 1, "conditions": conditions}
    conditions = [_true("FailureTarget", started), _true("Failed", started)]
    return {"startTime": started, "failed": 1, "conditions": conditions}


def _true(kind: str, time: str) -> dict[str, Any]:
    return {"type": kind, "status": "True", "lastTransitionTime": time, "lastProbeTime": time}
