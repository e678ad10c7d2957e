"""Is the spec accepted? Ready, Reconciling, Stalled (kstatus), Suspended and ScheduleAmbiguous of this generation."""

from __future__ import annotations

from datetime import datetime

from retrain_operator.api import reasons
from retrain_operator.api.policy import Policy
from retrain_operator.planning.conditions import Condition, Truth
from retrain_operator.planning.observed import Cause, Upstream
from retrain_operator.planning.schedule import Schedule

_ON = "schedule and triggers are on"


def acceptance_conditions(
    *,
    policy: Policy,
    schedule: Schedule | None,
    problem: Cause | None,
    trouble: Cause | None,
    applied: bool,
    upstream: Upstream | None,
    stopped: bool,
    now: datetime,
) -> list[Condition]:
    """`problem` is what only an edit mends, `trouble` what passes, `applied` says whether the CronJob is as we want it,
    `stopped` that it is suspended and cannot go on because of the problem.

    Runs, rejected data and rejected challengers never touch these: a GitOps deployment does not go red for a model.
    """

    def condition(type_: str, status: Truth, reason: str, message: str) -> Condition:
        return Condition(
            type=type_,  # type: ignore[arg-type]
            status=status,
            reason=reason,
            message=message,
            generation=policy.generation,
        )

    if problem is not None:
        ready = condition("Ready", "False", problem.reason, problem.message)
        reconciling = condition("Reconciling", "False", problem.reason, "waiting for an edit of the policy")
        stalled = condition("Stalled", "True", problem.reason, problem.message)
    elif trouble is not None and not applied:
        ready = condition("Ready", "False", trouble.reason, trouble.message)
        reconciling = condition("Reconciling", "True", trouble.reason, trouble.message)
        stalled = condition("Stalled", "False", trouble.reason, "the API server may accept it later")
    else:
        told = _what_runs(schedule=schedule)
        if policy.upstream is not None and upstream is None:
            told += f"; its upstream policy {policy.upstream!r} is not there"
        ready = condition("Ready", "True", reasons.RECONCILED, told)
        reconciling = condition("Reconciling", "False", reasons.RECONCILED, "nothing is left to do")
        stalled = condition("Stalled", "False", reasons.RECONCILED, "the spec is accepted")
    if policy.suspended:
        suspended = condition(
            "Suspended", "True", reasons.SUSPENDED_BY_SPEC, "schedule and triggers are stopped; requests still run"
        )
    else:
        told = "triggers are on; the schedule goes on once the spec is accepted" if stopped else _ON
        suspended = condition("Suspended", "False", reasons.NOT_SUSPENDED, told)
    ambiguity = schedule.ambiguity(now=now) if schedule else None
    if ambiguity:
        ambiguous = condition("ScheduleAmbiguous", "True", reasons.CLOCK_CHANGE, ambiguity)
    else:
        ambiguous = condition(
            "ScheduleAmbiguous", "False", reasons.NO_CLOCK_CHANGE, "no clock change within a year touches the schedule"
        )
    return [ready, reconciling, stalled, suspended, ambiguous]


def _what_runs(*, schedule: Schedule | None) -> str:
    if schedule is None:
        return "the spec is accepted; no schedule: runs start by request and by triggers"
    return f"the spec is accepted; runs at {schedule.cron.text!r} ({schedule.zone.key})"
