"""What did a finished Job come to? Exit 0 alone proves nothing: the message must be whole, and be this Job's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from retrain_operator.api import raw, reasons
from retrain_operator.api.children import JobView
from retrain_operator.api.result import RunResult
from retrain_operator.api.times import format_time
from retrain_operator.planning.observed import Cause, JobEnd

#: So far a node's clock may be behind the control plane's.
_BEHIND = timedelta(minutes=15)

#: Characters of a message in `status.runs` (CRD bound).
MAX_MESSAGE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRun:
    """One finished run: its line in the history, and the whole result where there is one."""

    job: JobView
    ended: datetime
    outcome: str
    reason: str
    message: str
    result: RunResult | None

    @property
    def failed(self) -> bool:
        """No outcome was reached."""
        return self.outcome == "Failed"

    @property
    def made(self) -> datetime:
        """When the result was made: at the end of its Job, since a run reads the champion last.

        But for one that a run key was given before (docs/contract.md): its time lies before its Job. Clocks of nodes
        may be behind a little.
        """
        told = self.result.check_time if self.result else None
        return told if told is not None and told < self.job.created - _BEHIND else self.ended

    def entry(self) -> dict[str, Any]:
        """The line in `status.runs`."""
        result = self.result
        entry = {
            "job": self.job.name,
            "action": self.job.action,
            "cause": self.job.cause,
            "trigger": result.trigger if result else None,
            "startTime": format_time(self.job.created),
            "completionTime": format_time(self.ended),
            "outcome": self.outcome,
            "reason": self.reason or None,
            "message": self.message or None,
            "score": rounded(result.score) if result else None,
            "version": _version(result) if result else None,
        }
        return {name: value for name, value in entry.items() if value is not None}


def rounded(value: float | None) -> float | None:
    """Four decimals, as the status shows scores; the registry has them in full."""
    return None if value is None else round(value, 4)


def _version(result: RunResult) -> int | None:
    if result.challenger is not None:
        return result.challenger.version
    return result.champion.version if result.champion is not None else None


def finished_run(*, job: JobView, end: JobEnd, waited: Cause | None) -> FinishedRun:
    """Classifies a finished Job; `waited` is why it was last seen waiting, if it never started."""
    ended = job.ended or job.created
    result = end.result
    if result is not None and (job.end == "Complete" or result.outcome == "Failed"):
        return FinishedRun(
            job=job,
            ended=ended,
            outcome=result.outcome,
            reason=result.reason,
            message=result.message,
            result=result,
        )
    cause = _failure(job=job, end=end, waited=waited)
    return FinishedRun(
        job=job,
        ended=ended,
        outcome="Failed",
        reason=cause.reason,
        message=raw.cut(cause.message, MAX_MESSAGE),
        result=None,
    )


def _failure(*, job: JobView, end: JobEnd, waited: Cause | None) -> Cause:
    if end.terminated_reason == "OOMKilled":
        return Cause(
            reason=reasons.OUT_OF_MEMORY,
            message="the container was killed at its memory limit; raise spec.job.resources.limits.memory",
        )
    if job.end == "Complete":
        return Cause(
            reason=reasons.METRICS_MISSING,
            message="the container ended with 0 but left no whole result message for this Job (docs/contract.md)",
        )
    if waited is not None and end.exit_code is None:
        return Cause(reason=waited.reason, message=f"never started: {waited.message}")
    if job.end_reason == "DeadlineExceeded":
        return Cause(
            reason=reasons.DEADLINE_EXCEEDED,
            message="the Job ran into spec.job.activeDeadlineSeconds; raise it, or train on less (spec.data.window)",
        )
    told = f"exit code {end.exit_code}" if end.exit_code is not None else job.end_reason or "no pod is left to tell"
    detail = end.pod_message or job.end_message
    return Cause(reason=reasons.CONTAINER_FAILED, message=f"{told}: {detail}" if detail else told)
