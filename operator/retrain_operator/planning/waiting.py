"""Why does a Job not start? Read from its pods and, where there is none, from the Events of the Job.

A missing ServiceAccount or a quota leaves neither pod nor condition, only an Event; a missing claim leaves a pod that
the deadline deletes together with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from retrain_operator.api import raw, reasons
from retrain_operator.api.children import JobView
from retrain_operator.planning.observed import Cause

MAX_MESSAGE = 256
_QUOTED = r'"?([A-Za-z0-9._/-]+)"?'
_SECRET = re.compile(rf"secret {_QUOTED} not found", re.IGNORECASE)
_KEY = re.compile(r"couldn't find key \S+ in Secret (\S+)", re.IGNORECASE)
_CLAIM = re.compile(rf"persistentvolumeclaim {_QUOTED} (?:not found|is being deleted)", re.IGNORECASE)
_ACCOUNT = re.compile(rf"serviceaccount {_QUOTED} not found", re.IGNORECASE)
_IMAGE_REASONS = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError")


def next_look(*, job: JobView, looks: Sequence[int], done: int) -> datetime:
    """When to look at an unstarted Job again; `looks` are ages in seconds, the last one repeats."""
    if done < len(looks):
        return job.created + timedelta(seconds=looks[done])
    return job.created + timedelta(seconds=looks[-1] * (done - len(looks) + 2))


def waiting_cause(*, pods: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]]) -> Cause | None:
    """The cause, or None where nothing holds the Job up (any more).

    `pods` are the Job's pods; `events` those of the Job where it has no pod, else those of the newest pod.
    """
    if not pods:
        return _from_job_events(events)
    newest = newest_pod(pods)
    if raw.at(newest, "status", "phase") != "Pending":
        return None
    for condition in raw.items(raw.at(newest, "status", "conditions")):
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return _unscheduled(str(condition.get("message", "")))
    for status in raw.items(raw.at(newest, "status", "containerStatuses")):
        waiting = raw.mapping(raw.at(status, "state", "waiting"))
        reason, message = str(waiting.get("reason", "")), str(waiting.get("message", ""))
        if reason in _IMAGE_REASONS:
            return _cause(
                reasons.IMAGE_UNAVAILABLE,
                f"image {status.get('image')!r} cannot be had ({reason}); check its name and imagePullSecrets",
            )
        if reason == "CreateContainerConfigError":
            return _missing_secret(message) or _cause(reasons.POD_NOT_STARTED, f"{reason}: {message}")
        if reason not in ("", "ContainerCreating", "PodInitializing"):
            return _cause(reasons.POD_NOT_STARTED, f"{reason}: {message}")
    for event in reversed(_sorted(events)):
        if event.get("reason") == "FailedMount":
            return _cause(reasons.MOUNT_FAILED, str(event.get("message", "")))
    return None


def newest_pod(pods: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The pod of the latest try."""
    return max(pods, key=lambda pod: str(raw.at(pod, "metadata", "creationTimestamp")))


def needs_events(*, pods: Sequence[Mapping[str, Any]]) -> bool:
    """Do the pods alone not tell? (No pod at all, or one that is scheduled and still creates its container.)"""
    return not pods or waiting_cause(pods=pods, events=()) is None


def _from_job_events(events: Sequence[Mapping[str, Any]]) -> Cause | None:
    for event in reversed(_sorted(events)):
        if event.get("reason") != "FailedCreate":
            continue
        message = str(event.get("message", ""))
        if match := _ACCOUNT.search(message):
            name = match[1].rpartition("/")[2]
            return _cause(
                reasons.SERVICE_ACCOUNT_MISSING,
                f"ServiceAccount {name!r} does not exist in this namespace; create it or change "
                "spec.job.serviceAccountName",
            )
        if "exceeded quota" in message:
            return _cause(
                reasons.QUOTA_EXCEEDED,
                "the namespace's ResourceQuota forbids the pod: " + _after(message, "exceeded quota:"),
            )
        return _cause(reasons.POD_REFUSED, _after(message, "is forbidden:"))
    return None


def _unscheduled(message: str) -> Cause:
    if match := _CLAIM.search(message):
        return _cause(
            reasons.CLAIM_MISSING,
            f"PersistentVolumeClaim {match[1]!r} does not exist in this namespace; create it or change the URI that "
            "names it",
        )
    if "unbound" in message and "PersistentVolumeClaim" in message:
        return _cause(reasons.CLAIM_NOT_BOUND, message)
    return _cause(reasons.UNSCHEDULABLE, message)


def _missing_secret(message: str) -> Cause | None:
    if match := _SECRET.search(message):
        return _cause(
            reasons.SECRET_MISSING,
            f"Secret {match[1].rpartition('/')[2]!r} does not exist in this namespace; create it or change "
            "spec.job.env",
        )
    if match := _KEY.search(message):
        return _cause(reasons.SECRET_MISSING, message)
    return None


def _after(message: str, mark: str) -> str:
    _, found, rest = message.partition(mark)
    return rest.strip() if found else message


def _sorted(events: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(events, key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))


def _cause(reason: str, message: str) -> Cause:
    return Cause(reason=reason, message=raw.cut(message, MAX_MESSAGE))
