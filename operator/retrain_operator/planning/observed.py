"""What is known about one policy when a plan is made, and what a plan may ask for. Plain values, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from retrain_operator.api.children import CronJobView, JobView
from retrain_operator.api.policy import Policy
from retrain_operator.api.result import RunResult


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnd:
    """How a finished Job's container ended, as its pods tell; empty where the pods are gone."""

    result: RunResult | None = None
    exit_code: int | None = None
    terminated_reason: str = ""
    pod_message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why something is not going on: a constant of api.reasons and a sentence that names the thing."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """The champion of the policy that `triggers.upstream` names, as its status tells; version None: it has none."""

    version: int | None
    promoted: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What asking a Prometheus query gave last. `truth` None: there was no answer, and `problem` may say why."""

    query: str
    at: datetime
    truth: bool | None
    problem: Cause | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """The newest alert that Alertmanager told of, of those that a policy waits for."""

    name: str
    began: datetime


#: Where a champion is published, as `spec.publish` names it.
Target = Literal["configMap", "inferenceService"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """Make a ConfigMap, or a field of an InferenceService, name the champion. Written only where it does not."""

    target: Target
    policy: str
    name: str
    version: int
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What came of it: it stands, or `problem` says why not."""

    publish: Publish
    problem: Cause | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One policy, its children and what was found out about them.

    `jobs` are the policy's own (by controller). `ends` has an entry for each finished Job whose pods were read,
    `waiting` for each Job that was looked at and found waiting (both by Job UID). `refused` is the API server's final
    word on something made from this generation, `trouble` its passing one. `upstream`: None where the policy names
    none, or one that is not there.
    """

    policy: Policy
    cronjob: CronJobView | None = None
    jobs: tuple[JobView, ...] = ()
    ends: Mapping[str, JobEnd] = field(default_factory=dict)
    waiting: Mapping[str, Cause] = field(default_factory=dict)
    refused: Cause | None = None
    trouble: Cause | None = None
    initial_slot: bool = True
    upstream: Upstream | None = None
    sample: Sample | None = None
    alert: Alert | None = None
    publications: Mapping[str, Publication] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateCronJob:
    """POST; on 409 the owner decides."""

    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceCronJob:
    """PUT of exactly the object that was seen (its uid and resourceVersion)."""

    seen: CronJobView
    body: Mapping[str, Any]
    #: It was as we want it, and somebody else has changed it.
    repairs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateJob:
    """POST; on 409 the owner decides."""

    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteStatus:
    """Server-side apply of the whole status onto the resourceVersion that was planned from; then the Events."""

    status: Mapping[str, Any]
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkRecorded:
    """Label and TTL on a Job whose result stands in the status."""

    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One Event to send once the status that it speaks of is written."""

    kind: Literal["Normal", "Warning"]
    reason: str
    message: str


Write = CreateCronJob | ReplaceCronJob | CreateJob | WriteStatus | MarkRecorded | Publish


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What remains to be done, in order. The executor does the first write, observes again and asks for a new plan."""

    writes: tuple[Write, ...] = ()
    look_again: datetime | None = None
