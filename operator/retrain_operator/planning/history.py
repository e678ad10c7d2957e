"""`status.runs`: which finished Jobs are new, and the bounded history with them in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from retrain_operator.api import raw
from retrain_operator.api.children import JobView
from retrain_operator.api.result import EarlierRun
from retrain_operator.api.times import format_time, parse_time
from retrain_operator.planning.believed import AHEAD
from retrain_operator.planning.observed import Cause, Observed
from retrain_operator.planning.runs import FinishedRun, finished_run, rounded


def is_recorded(*, status: Mapping[str, Any], job: JobView, limit: int, now: datetime) -> bool:
    """Does the result of a finished Job stand in the history, or is it older than all that a full history keeps?

    A request in the words of long ago makes a Job of the same name: one that began later than the line says is another.
    """
    runs = raw.items(status.get("runs"))
    # A line without a start was filled in by another run's message, before this Job was seen to end.
    begins = [began for run in runs if run.get("job") == job.name and (began := parse_time(run.get("startTime")))]
    if any(job.created <= began for began in begins) or (begins and job.created > now + AHEAD):
        return True
    oldest = min((str(run.get("completionTime", "")) for run in runs), default="")
    return len(runs) >= limit and format_time(job.ended or job.created) <= oldest


def new_runs(*, observed: Observed, now: datetime) -> list[FinishedRun]:
    """Finished Jobs whose pods were read and that the status does not tell of yet, the oldest first."""
    policy = observed.policy
    waited = _last_known_causes(policy.status)
    runs = [
        finished_run(
            job=job,
            end=observed.ends[job.uid],
            waited=_real(observed.waiting.get(job.uid, waited.get(job.name))),
        )
        for job in observed.jobs
        if job.finished
        and not job.recorded
        and job.uid in observed.ends
        and not is_recorded(status=policy.status, job=job, limit=policy.run_history_limit, now=now)
    ]
    return sorted(runs, key=lambda run: (run.ended, run.job.name))


def _real(cause: Cause | None) -> Cause | None:
    """`cause`, unless it says that the Job was looked at and nothing was found."""
    return cause if cause is not None and cause.reason else None


def _last_known_causes(status: Mapping[str, Any]) -> dict[str, Cause]:
    causes = {}
    for active in raw.items(status.get("active")):
        reason, _, message = str(active.get("waiting", "")).partition(": ")
        if reason:
            causes[str(active.get("job"))] = Cause(reason=reason, message=message)
    return causes


def history(*, stored: Mapping[str, Any], runs: Sequence[FinishedRun], limit: int) -> list[dict[str, Any]]:
    """The new `status.runs`, newest first.

    A message also tells of the runs before it, as the registry has them: those whose Jobs vanished while nobody
    watched are filled in, and those whose pods did are set right.
    """
    # Oldest first, so that of two that ended in one second the later one comes out above the other.
    entries = {str(run.get("job")): dict(run) for run in reversed(raw.items(stored.get("runs")))}
    for run in runs:
        for earlier in run.result.earlier if run.result else ():
            known = entries.get(earlier.job)
            if known is None or (known.get("outcome") == "Failed" and earlier.outcome != "Failed"):
                entries[earlier.job] = _told_later(known=known or {}, earlier=earlier, by=run)
        entries[run.job.name] = run.entry()
    ordered = sorted(entries.values(), key=lambda entry: str(entry.get("completionTime", "")))
    return ordered[::-1][:limit]


def _told_later(*, known: Mapping[str, Any], earlier: EarlierRun, by: FinishedRun) -> dict[str, Any]:
    """A line as the registry tells it. `known` says Failed where the pod was gone before anybody read its message."""
    entry = {
        "job": earlier.job,
        # No clock but the control plane's may put a line above this run.
        "completionTime": format_time(min(earlier.time, by.job.created)),
        **{name: value for name, value in known.items() if name not in ("reason", "message")},
        "outcome": earlier.outcome,
        "score": rounded(earlier.score),
        "version": earlier.version,
    }
    return {name: value for name, value in entry.items() if value is not None}


def consecutive_failures(*, stored: Mapping[str, Any], runs: Sequence[FinishedRun]) -> int:
    """How many runs in a row reached no outcome."""
    count = raw.integer(stored.get("consecutiveFailures")) or 0
    for run in runs:
        count = count + 1 if run.failed else 0
    return count


def last_check_time(status: Mapping[str, Any]) -> datetime | None:
    """When the newest result that the status shows was made."""
    return parse_time(status.get("lastCheckTime"))
