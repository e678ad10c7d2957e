"""The CronJob and the Jobs that a policy calls for, every default explicit."""

from __future__ import annotations

import json
from typing import Any

from retrain_operator.api import names, raw
from retrain_operator.api.admin import AdminSettings
from retrain_operator.api.policy import Policy
from retrain_operator.planning.digests import Digests
from retrain_operator.planning.pod import child_labels, desired_pod_template
from retrain_operator.planning.requests import Request
from retrain_operator.planning.schedule import Schedule

#: Exit codes after which another try cannot help (retrain_trainer.errors).
TERMINAL_EXIT_CODES = [64, 65, 66]


def owner_reference(*, policy: Policy) -> dict[str, Any]:
    """The policy as controller: deleting it collects the child. No blockOwnerDeletion: deletion is never held up."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "name": policy.key.name,
        "uid": policy.uid,
        "controller": True,
    }


def desired_cronjob(*, policy: Policy, schedule: Schedule, admin: AdminSettings, digests: Digests) -> dict[str, Any]:
    """The CronJob of a policy with a schedule. Raises SpecProblem as desired_pod_template does."""
    body = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {
            "name": names.cronjob_name(policy=policy.key.name),
            "namespace": policy.key.namespace,
            "labels": child_labels(policy=policy, action="check"),
            "annotations": {names.ANNOTATION_POLICY: policy.key.name},
            "ownerReferences": [owner_reference(policy=policy)],
        },
        "spec": {
            "schedule": schedule.cron.text,
            "timeZone": schedule.zone.key,
            "concurrencyPolicy": "Forbid",
            "suspend": policy.suspended,
            "startingDeadlineSeconds": policy.starting_deadline_seconds,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 5,
            "jobTemplate": {
                "metadata": _job_metadata(policy=policy, digests=digests, action="check", cause="Schedule"),
                "spec": _job_spec(policy=policy, admin=admin, action="check", cause="Schedule", request=None),
            },
        },
    }
    body["metadata"]["annotations"][names.ANNOTATION_DESIRED] = names.short_digest(  # type: ignore[index]
        json.dumps(body, sort_keys=True), length=32
    )
    return body


def desired_job(*, policy: Policy, admin: AdminSettings, digests: Digests, request: Request) -> dict[str, Any]:
    """The Job that answers `request`. Raises SpecProblem as desired_pod_template does."""
    metadata = _job_metadata(policy=policy, digests=digests, action=request.action, cause=request.cause)
    if request.text is not None:
        metadata["annotations"][names.ANNOTATION_REQUEST] = request.text
    metadata |= {
        "name": names.job_name(
            policy=policy.key.name, uid=policy.uid, action=request.action, token=f"{request.cause}:{request.token}"
        ),
        "namespace": policy.key.namespace,
        "ownerReferences": [owner_reference(policy=policy)],
    }
    spec = _job_spec(policy=policy, admin=admin, action=request.action, cause=request.cause, request=request.text)
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def _job_metadata(*, policy: Policy, digests: Digests, action: str, cause: str) -> dict[str, Any]:
    return {
        "labels": child_labels(policy=policy, action=action),
        "annotations": {
            names.ANNOTATION_POLICY: policy.key.name,
            names.ANNOTATION_CAUSE: cause,
            names.ANNOTATION_GENERATION: str(policy.generation),
            names.ANNOTATION_SPEC_DIGEST: digests.spec,
            names.ANNOTATION_THRESHOLD: digests.threshold,
        },
    }


def _job_spec(*, policy: Policy, admin: AdminSettings, action: str, cause: str, request: str | None) -> dict[str, Any]:
    backoff_limit = raw.integer(policy.job.get("backoffLimit"))
    return {
        "activeDeadlineSeconds": raw.integer(policy.job.get("activeDeadlineSeconds")) or 3600,
        "backoffLimit": 2 if backoff_limit is None else backoff_limit,
        "completions": 1,
        "parallelism": 1,
        "podFailurePolicy": {
            "rules": [
                {
                    "action": "Ignore",
                    "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
                },
                {
                    "action": "FailJob",
                    "onExitCodes": {"containerName": "trainer", "operator": "In", "values": TERMINAL_EXIT_CODES},
                },
            ]
        },
        "template": desired_pod_template(policy=policy, admin=admin, action=action, cause=cause, request=request),
    }
