"""Slim views of the CronJobs and Jobs that belong to policies: what the plan reads, and nothing else (memory)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from retrain_operator.api import names, raw
from retrain_operator.api.times import parse_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The controller in an object's ownerReferences."""

    kind: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CronJobView:
    """One CronJob as last seen. `labels`, `annotations` and `spec` are raw, to compare with what we want."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    deleting: bool
    owner: Owner | None
    policy_uid: str
    owner_references: tuple[Mapping[str, Any], ...]
    finalizers: tuple[str, ...]
    labels: Mapping[str, Any]
    annotations: Mapping[str, Any]
    spec: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """One Job as last seen."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    deleting: bool
    owner: Owner | None
    policy_uid: str
    action: str
    cause: str
    request: str | None
    spec_digest: str | None
    threshold: str | None
    generation: int
    recorded: bool
    created: datetime
    scheduled: datetime | None
    ready: int
    end: Literal["Complete", "Failed"] | None
    ended: datetime | None
    end_reason: str
    end_message: str

    @property
    def finished(self) -> bool:
        """Complete or Failed. A Job on its way to failing (FailureTarget) still has pods and is not finished."""
        return self.end is not None


def controller_of(metadata: Mapping[str, Any]) -> Owner | None:
    """The owner with `controller: true`."""
    for owner in raw.items(metadata.get("ownerReferences")):
        if owner.get("controller") is True:
            return Owner(
                kind=str(owner.get("kind", "")), name=str(owner.get("name", "")), uid=str(owner.get("uid", ""))
            )
    return None


def cronjob_view(body: Mapping[str, Any]) -> CronJobView:
    """The view of a CronJob as the API returns it."""
    metadata = raw.mapping(body.get("metadata"))
    return CronJobView(
        namespace=str(metadata.get("namespace", "")),
        name=str(metadata.get("name", "")),
        uid=str(metadata.get("uid", "")),
        resource_version=str(metadata.get("resourceVersion", "")),
        deleting=metadata.get("deletionTimestamp") is not None,
        owner=controller_of(metadata),
        policy_uid=str(raw.at(metadata, "labels", names.LABEL_POLICY_UID) or ""),
        owner_references=tuple(raw.items(metadata.get("ownerReferences"))),
        finalizers=tuple(str(each) for each in metadata.get("finalizers") or ()),
        labels=raw.mapping(metadata.get("labels")),
        annotations=raw.mapping(metadata.get("annotations")),
        spec=raw.mapping(body.get("spec")),
    )


def job_view(body: Mapping[str, Any]) -> JobView:
    """The view of a Job as the API returns it."""
    metadata, status = raw.mapping(body.get("metadata")), raw.mapping(body.get("status"))
    labels, annotations = raw.mapping(metadata.get("labels")), raw.mapping(metadata.get("annotations"))
    end: Literal["Complete", "Failed"] | None = None
    ended, reason, message = None, "", ""
    for condition in raw.items(status.get("conditions")):
        kind = condition.get("type")
        if condition.get("status") == "True" and (kind == "Complete" or kind == "Failed"):
            end = "Complete" if kind == "Complete" else "Failed"
            ended = parse_time(status.get("completionTime")) or parse_time(condition.get("lastTransitionTime"))
            reason, message = str(condition.get("reason", "")), str(condition.get("message", ""))
    created = parse_time(metadata.get("creationTimestamp"))
    generation = raw.text(annotations.get(names.ANNOTATION_GENERATION)) or ""
    return JobView(
        namespace=str(metadata.get("namespace", "")),
        name=str(metadata.get("name", "")),
        uid=str(metadata.get("uid", "")),
        resource_version=str(metadata.get("resourceVersion", "")),
        deleting=metadata.get("deletionTimestamp") is not None,
        owner=controller_of(metadata),
        policy_uid=str(labels.get(names.LABEL_POLICY_UID, "")),
        action=str(labels.get(names.LABEL_ACTION, "check")),
        cause=raw.text(annotations.get(names.ANNOTATION_CAUSE)) or "Schedule",
        request=raw.text(annotations.get(names.ANNOTATION_REQUEST)),
        spec_digest=raw.text(annotations.get(names.ANNOTATION_SPEC_DIGEST)),
        threshold=raw.text(annotations.get(names.ANNOTATION_THRESHOLD)),
        generation=int(generation) if generation.isascii() and generation.isdigit() and len(generation) < 19 else 0,
        recorded=labels.get(names.LABEL_RECORDED) == "true",
        created=created or datetime.fromisoformat("1970-01-01T00:00:00+00:00"),
        scheduled=parse_time(annotations.get(names.ANNOTATION_SCHEDULED)),
        ready=raw.integer(status.get("ready")) or 0,
        end=end,
        ended=ended,
        end_reason=reason,
        end_message=message,
    )
