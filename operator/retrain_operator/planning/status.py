"""The whole status of a policy, as a pure function of what was observed. A view of the registry, never the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from retrain_operator.api import raw, reasons
from retrain_operator.api.children import JobView
from retrain_operator.api.times import format_time, parse_time
from retrain_operator.planning.acceptance import acceptance_conditions
from retrain_operator.planning.conditions import rendered, stored_conditions
from retrain_operator.planning.digests import Digests
from retrain_operator.planning.history import consecutive_failures, history
from retrain_operator.planning.mirror import mirrored
from retrain_operator.planning.model import model_fields, model_version
from retrain_operator.planning.observed import Cause, Observed
from retrain_operator.planning.outcomes import outcome_conditions
from retrain_operator.planning.published import published, publishing_conditions
from retrain_operator.planning.requests import Request
from retrain_operator.planning.runs import FinishedRun
from retrain_operator.planning.schedule import Schedule
from retrain_operator.planning.watched import trigger_conditions

#: Runs under way that are shown, the oldest first (CRD bound). People can start any number by hand.
MAX_ACTIVE = 64


def next_status(
    *,
    observed: Observed,
    runs: Sequence[FinishedRun],
    schedule: Schedule | None,
    problem: Cause | None,
    applied: bool,
    digests: Digests,
    handled: Mapping[str, str],
    pending: Sequence[Request],
    triggers: Mapping[str, Any],
    now: datetime,
) -> dict[str, Any]:
    """The status that should stand; equal to the present one when nothing has changed. `runs`: what it tells anew."""
    policy = observed.policy
    stored = policy.status
    unfinished = unfinished_jobs(jobs=observed.jobs, status=stored)
    active = [(job, _waiting(job=job, observed=observed)) for job in unfinished]
    fields = model_fields(stored=stored, runs=runs)
    failures = consecutive_failures(stored=stored, runs=runs)
    mirror = mirrored(policy=policy, runs=runs)
    told_of = (handled.get("spec"), handled.get("threshold"))
    settled = not active and not pending and told_of == (digests.spec, digests.threshold)
    conditions_before = stored_conditions(stored)
    conditions = [
        *acceptance_conditions(
            policy=policy,
            schedule=schedule,
            problem=problem,
            trouble=observed.trouble,
            applied=applied,
            upstream=observed.upstream,
            stopped=problem is not None
            and observed.cronjob is not None
            and observed.cronjob.spec.get("suspend") is True,
            now=now,
        ),
        *outcome_conditions(
            policy=policy,
            stored=conditions_before,
            runs=runs,
            active=active,
            # While the CronJob is not applied, Ready tells of the trouble; runs have no part in it.
            trouble=observed.trouble if applied else None,
            fields=fields,
            settled=settled,
            failing=failures > 0,
        ),
        *publishing_conditions(
            policy=policy,
            stored=conditions_before,
            done=observed.publications,
            mirror=mirror,
            version=model_version(fields),
        ),
        *trigger_conditions(policy=policy, stored=conditions_before, sample=observed.sample),
    ]
    upcoming = schedule.next(after=now) if schedule and not policy.suspended and problem is None else None
    status: dict[str, Any] = {
        "observedGeneration": policy.generation,
        "conditions": [
            rendered(condition=condition, stored=conditions_before.get(condition.type), now=now)
            for condition in sorted(conditions, key=lambda condition: condition.type)
        ],
        **fields,
        "active": [_active(job=job, cause=cause) for job, cause in active[:MAX_ACTIVE]],
        "pending": [_pending(request, waits=problem is None and not observed.initial_slot) for request in pending],
        "lastScheduleTime": _last_schedule_time(stored=stored, jobs=observed.jobs),
        "nextScheduleTime": format_time(upcoming) if upcoming else None,
        "published": {**published(policy=policy, done=observed.publications), **({"mlflow": mirror} if mirror else {})},
        "triggers": dict(triggers),
        "lastHandled": dict(handled),
        "consecutiveFailures": failures,
        "runs": history(stored=stored, runs=runs, limit=policy.run_history_limit),
    }
    return {name: value for name, value in status.items() if value is not None and value not in ([], {})}


def unfinished_jobs(*, jobs: Sequence[JobView], status: Mapping[str, Any]) -> list[JobView]:
    """Jobs that may still do something, the oldest first. One stuck in deletion blocks nothing.

    Nor does one that the status tells the end of: a watch that goes on from an old list tells the past once more.
    """
    runs = [run for run in raw.items(status.get("runs")) if run.get("startTime")]  # others were told by later runs
    ended = {str(run.get("job")): parse_time(run.get("completionTime")) for run in runs}

    def is_over(job: JobView) -> bool:
        end = ended.get(job.name)
        return end is not None and job.created <= end

    return sorted(
        (job for job in jobs if not job.finished and not job.deleting and not is_over(job)),
        key=lambda job: (job.created, job.name),
    )


def differs(*, stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Must the status be written? Conditions of types that are not ours are somebody else's and left alone."""
    ours = {item["type"] for item in wanted.get("conditions", [])}
    seen = dict(stored)
    seen["conditions"] = sorted(
        (dict(item) for item in raw.items(stored.get("conditions")) if item.get("type") in ours),
        key=lambda item: str(item.get("type")),
    )
    return seen != dict(wanted)


def _waiting(*, job: JobView, observed: Observed) -> Cause | None:
    if job.ready:
        return None
    if (cause := observed.waiting.get(job.uid)) is not None:
        return cause if cause.reason else None
    for active in raw.items(observed.policy.status.get("active")):
        if active.get("job") == job.name:
            reason, _, message = str(active.get("waiting", "")).partition(": ")
            return Cause(reason=reason, message=message) if reason else None
    return None


def _active(*, job: JobView, cause: Cause | None) -> dict[str, Any]:
    entry = {
        "job": job.name,
        "action": job.action,
        "cause": job.cause,
        "startTime": format_time(job.created),
    }
    return entry | {"waiting": f"{cause.reason}: {cause.message}"} if cause else entry


def _pending(request: Request, *, waits: bool) -> dict[str, Any]:
    entry = {"action": request.action, "cause": request.cause, "request": request.text}
    if waits and request.cause == "Initial":
        entry["waiting"] = (
            f"{reasons.INITIAL_RUNS}: as many first runs as the administrator allows at once are under way"
        )
    return {name: value for name, value in entry.items() if value is not None}


def _last_schedule_time(*, stored: Mapping[str, Any], jobs: Sequence[JobView]) -> str | None:
    times = [job.scheduled for job in jobs if job.scheduled is not None]
    if (before := parse_time(stored.get("lastScheduleTime"))) is not None:
        times.append(before)
    return format_time(max(times)) if times else None
