"""Objects as the Kubernetes API returns them, with everything a test does not care about filled in.

Each builder gives raw JSON (dicts, lists, texts), never a class of ours: views and parsers are under test, too.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]

NAMESPACE = "team-a"
POLICY_UID = "11111111-2222-4333-8444-555555555555"
CRONJOB_UID = "aaaaaaaa-2222-4333-8444-555555555555"
JOB_UID = "bbbbbbbb-2222-4333-8444-555555555555"

#: Wednesday noon; most tests have it for "now".
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def stamp(moment: datetime) -> str:
    """A time as the API writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> Json:
    """`base` with `changes` put in, mapping by mapping; a change to None takes the field away."""
    result = copy.deepcopy(dict(base))
    for name, value in changes.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(result.get(name), Mapping):
            result[name] = merged(result[name], value)
        else:
            result[name] = copy.deepcopy(value)
    return result


#: The beginner's policy of the documentation, with the defaults that the CRD fills in.
SPEC: Json = {
    "schedule": "0 0 * * 0",
    "timeZone": "Etc/UTC",
    "suspend": False,
    "startingDeadlineSeconds": 3600,
    "data": {"uri": "pvc://flights/incoming/*.parquet", "timeColumn": "time_hour"},
    "model": {"target": "late", "seed": 0, "features": {"exclude": ["arr_time", "arr_delay"]}},
    "validation": {"minRows": 100, "maxNullFraction": 0.5},
    "evaluation": {"metric": "roc_auc", "threshold": 0.65},
    "triggers": {"belowThreshold": {"enabled": True}, "specChange": {"enabled": True}},
    "promotion": {"minImprovement": 0, "confidence": 0.95},
    "registry": {"uri": "pvc://models"},
    "job": {
        "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}},
        "backoffLimit": 2,
        "activeDeadlineSeconds": 3600,
    },
    "runHistoryLimit": 10,
}


def a_policy(
    *,
    name: str = "flight-delays",
    namespace: str = NAMESPACE,
    uid: str = POLICY_UID,
    generation: int = 1,
    resource_version: str = "1",
    check: str | None = None,
    train: str | None = None,
    approve: str | None = None,
    reject: str | None = None,
    rollback: str | None = None,
    deleting: bool = False,
    spec: Mapping[str, Any] | None = None,
    status: Mapping[str, Any] | None = None,
) -> Json:
    """A RetrainPolicy; `spec` changes SPEC (None takes a field away), `check` to `rollback` are requests."""
    annotations = {
        "retrain.dev/check": check,
        "retrain.dev/train": train,
        "retrain.dev/approve": approve,
        "retrain.dev/reject": reject,
        "retrain.dev/rollback": rollback,
    }
    metadata: Json = {
        "name": name,
        "namespace": namespace,
        "uid": uid,
        "generation": generation,
        "resourceVersion": resource_version,
        "creationTimestamp": stamp(NOON),
        "annotations": {key: value for key, value in annotations.items() if value is not None},
    }
    if deleting:
        metadata["deletionTimestamp"] = stamp(NOON)
    body: Json = {
        "apiVersion": "retrain.dev/v1alpha1",
        "kind": "RetrainPolicy",
        "metadata": metadata,
        "spec": merged(SPEC, spec or {}),
    }
    if status is not None:
        body["status"] = copy.deepcopy(dict(status))
    return body


def an_owner(*, kind: str = "RetrainPolicy", name: str = "flight-delays", uid: str = POLICY_UID) -> Json:
    """An entry of ownerReferences that controls."""
    group = "retrain.dev/v1alpha1" if kind == "RetrainPolicy" else "batch/v1"
    return {"apiVersion": group, "kind": kind, "name": name, "uid": uid, "controller": True}


def a_cronjob(
    *,
    name: str = "flight-delays",
    namespace: str = NAMESPACE,
    uid: str = CRONJOB_UID,
    policy_uid: str = POLICY_UID,
    resource_version: str = "1",
    owner: Mapping[str, Any] | None = None,
    owned: bool = True,
    deleting: bool = False,
    spec: Mapping[str, Any] | None = None,
) -> Json:
    """A CronJob of a policy (`owned=False`: somebody else's, with our labels)."""
    metadata: Json = {
        "name": name,
        "namespace": namespace,
        "uid": uid,
        "resourceVersion": resource_version,
        "creationTimestamp": stamp(NOON),
        "labels": {
            "app.kubernetes.io/managed-by": "retrain-operator",
            "retrain.dev/policy-uid": policy_uid,
            "retrain.dev/action": "check",
        },
        "annotations": {"retrain.dev/policy": name},
    }
    if owned:
        metadata["ownerReferences"] = [dict(owner) if owner else an_owner(name=name, uid=policy_uid)]
    if deleting:
        metadata["deletionTimestamp"] = stamp(NOON)
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": metadata,
        "spec": merged({"schedule": "0 0 * * 0", "timeZone": "Etc/UTC", "suspend": False}, spec or {}),
    }


def a_job(
    *,
    name: str = "flight-delays-check-0000000001",
    namespace: str = NAMESPACE,
    uid: str = JOB_UID,
    policy_uid: str = POLICY_UID,
    resource_version: str = "1",
    action: str = "check",
    cause: str = "Initial",
    request: str | None = None,
    generation: int = 1,
    spec_digest: str | None = None,
    threshold: str | None = None,
    scheduled: datetime | None = None,
    owner: Mapping[str, Any] | None = None,
    owned: bool = True,
    created: datetime = NOON,
    ready: int = 0,
    end: str | None = None,
    ended: datetime | None = None,
    reason: str = "",
    message: str = "",
    recorded: bool = False,
    deleting: bool = False,
) -> Json:
    """A Job of a policy; `end` is Complete, Failed or None for one under way."""
    annotations = {
        "retrain.dev/policy": "flight-delays",
        "retrain.dev/cause": cause,
        "retrain.dev/generation": str(generation),
        "retrain.dev/request": request,
        "retrain.dev/spec-digest": spec_digest,
        "retrain.dev/threshold": threshold,
        "batch.kubernetes.io/cronjob-scheduled-timestamp": stamp(scheduled) if scheduled else None,
    }
    labels = {
        "app.kubernetes.io/managed-by": "retrain-operator",
        "retrain.dev/policy-uid": policy_uid,
        "retrain.dev/action": action,
    }
    if recorded:
        labels["retrain.dev/recorded"] = "true"
    metadata: Json = {
        "name": name,
        "namespace": namespace,
        "uid": uid,
        "resourceVersion": resource_version,
        "creationTimestamp": stamp(created),
        "labels": labels,
        "annotations": {key: value for key, value in annotations.items() if value is not None},
    }
    if owned:
        metadata["ownerReferences"] = [dict(owner) if owner else an_owner(uid=policy_uid)]
    if deleting:
        metadata["deletionTimestamp"] = stamp(NOON)
    body: Json = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {}}
    body["status"] = a_job_status(ready=ready, end=end, ended=ended or NOON, reason=reason, message=message)
    return body


def a_job_status(
    *, end: str | None, ended: datetime = NOON, ready: int = 0, reason: str = "", message: str = ""
) -> Json:
    """The status of a Job: under way (`end` None), Complete or Failed."""
    if end is None:
        return {"active": 1, "ready": ready}
    condition = {
        "type": end,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastTransitionTime": stamp(ended),
    }
    status: Json = {"ready": 0, "conditions": [condition]}
    if end == "Complete":
        status["completionTime"] = stamp(ended)
    return status


def a_message(
    *,
    job_uid: str = JOB_UID,
    job: str = "flight-delays-check-0000000001",
    policy_uid: str = POLICY_UID,
    outcome: str = "Kept",
    checked: datetime | None = NOON,
    version: int | None = 1,
    champion: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Json:
    """The trainer's result message (docs/contract.md); `version` is the champion's, None where there is none."""
    body: Json = {
        "v": 1,
        "run": f"{policy_uid}.{job}",
        "jobUID": job_uid,
        "outcome": outcome,
        "reason": "",
        "message": "nothing called for training",
        "metric": "roc_auc",
        "score": 0.71234567,
        "accuracy": 0.8,
        "threshold": 0.65,
        "thresholdMet": True,
        "data": {"valid": True},
        "checkTime": stamp(checked) if checked else None,
        "counters": {"checks": 1, "trainings": 1, "promotions": 1},
    }
    if version is not None:
        body["champion"] = {
            "version": version,
            "uri": f"pvc://models/{NAMESPACE}/flight-delays/versions/{version}",
            "digest": "sha256:" + "0" * 64,
            "promotionTime": stamp(NOON),
            "trainedRows": 1000,
            "run": f"{policy_uid}.{job}",
            **(champion or {}),
        }
    return {**body, **fields}


def a_pod(
    *,
    uid: str = "cccccccc-2222-4333-8444-555555555555",
    phase: str = "Succeeded",
    created: datetime = NOON,
    container: str = "trainer",
    message: Mapping[str, Any] | str | None = None,
    exit_code: int | None = None,
    terminated_reason: str | None = None,
    waiting: Mapping[str, str] | None = None,
    conditions: list[Json] | None = None,
    reason: str | None = None,
    pod_message: str | None = None,
) -> Json:
    """A pod of a Job; with `exit_code` its container has ended, leaving `message`; with `waiting` it has not begun."""
    state: Json = {}
    if exit_code is not None:
        text = json.dumps(message) if isinstance(message, Mapping) else message
        told = {"exitCode": exit_code, "reason": terminated_reason, "message": text}
        state["terminated"] = {key: value for key, value in told.items() if value is not None}
    if waiting is not None:
        state["waiting"] = dict(waiting)
    status: Json = {"phase": phase, "reason": reason, "message": pod_message, "conditions": conditions}
    if state:
        status["containerStatuses"] = [{"name": container, "image": "retrain-trainer:0.1.0", "state": state}]
    return {
        "metadata": {"uid": uid, "creationTimestamp": stamp(created)},
        "status": {key: value for key, value in status.items() if value is not None},
    }


def an_event(*, reason: str, message: str, last: datetime | None = NOON, event_time: datetime | None = None) -> Json:
    """An Event about a Job or pod."""
    times = {"lastTimestamp": stamp(last) if last else None, "eventTime": stamp(event_time) if event_time else None}
    return {"reason": reason, "message": message, "type": "Warning", **times}
