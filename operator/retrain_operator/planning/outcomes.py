"""What runs say about a policy: ModelAvailable, RunsHealthy, DataValid, AccuracyMet, LeakSuspected and NoSkill."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from retrain_operator.api import reasons
from retrain_operator.api.children import JobView
from retrain_operator.api.policy import Policy
from retrain_operator.api.result import RunResult
from retrain_operator.api.vocabulary import ConditionType
from retrain_operator.planning.conditions import (
    CHALLENGER_CONDITIONS,
    RUN_CONDITIONS,
    Condition,
    Truth,
    stored_condition,
)
from retrain_operator.planning.history import last_check_time
from retrain_operator.planning.model import model_version
from retrain_operator.planning.observed import Cause
from retrain_operator.planning.runs import FinishedRun

#: What RunsHealthy says while a run waits (see _judge_waiting).
_WAITED = re.compile(r"(Job \S+|the next run) waits: ")


def outcome_conditions(
    *,
    policy: Policy,
    stored: Mapping[str, Mapping[str, Any]],
    runs: Sequence[FinishedRun],
    active: Sequence[tuple[JobView, Cause | None]],
    trouble: Cause | None,
    fields: Mapping[str, Any],
    settled: bool,
    failing: bool,
) -> list[Condition]:
    """Carried on from the status, changed by `runs` (oldest first) and by Jobs that wait.

    `fields` is the model's part of the new status. `settled`: no run for this generation is open or under way, so what
    the last run said holds for this generation too. `failing`: it failed, so it has not looked at anything.
    """
    conditions = {
        type_: stored_condition(
            stored=stored[type_],
            type_=type_,
            generation=policy.generation
            if settled and not (failing and type_ != "RunsHealthy")
            else int(stored[type_].get("observedGeneration") or 0),
        )
        if type_ in stored
        else _unknown(type_=type_, generation=policy.generation)
        for type_ in (*RUN_CONDITIONS, *CHALLENGER_CONDITIONS)
        if type_ in stored or type_ in RUN_CONDITIONS
    }

    def put(type_: ConditionType, status: Truth, reason: str, message: str, generation: int) -> None:
        conditions[type_] = Condition(type=type_, status=status, reason=reason, message=message, generation=generation)

    shown = last_check_time(policy.status)
    for run in runs:
        generation = policy.generation if settled else run.job.generation
        if run.failed:
            put("RunsHealthy", "False", run.reason or reasons.CONTAINER_FAILED, run.message, generation)
        else:
            put("RunsHealthy", "True", reasons.OUTCOME_REACHED, f"{run.outcome}: {run.message}", generation)
        result = run.result
        if result is None or (shown is not None and run.made < shown):
            continue
        if result.data_valid is not None:
            put(
                "DataValid",
                "True" if result.data_valid else "False",
                result.data_reason or (reasons.DATA_PASSED if result.data_valid else reasons.DATA_REJECTED),
                result.data_message or (_passed(result) if result.data_valid else "the data were rejected"),
                generation,
            )
        if not run.failed:
            _judge_challenger(put=put, run=run, generation=generation)
            _judge_drift(put=put, run=run, generation=generation)
            _judge_waiting_version(put=put, result=result, generation=generation)
            _judge_accuracy(put=put, run=run, fields=fields, generation=generation)
        if (version := model_version(fields)) is not None:
            put("ModelAvailable", "True", reasons.CHAMPION_RECORDED, f"version {version} is the champion", generation)
        elif not run.failed:
            put("ModelAvailable", "False", reasons.NO_CHAMPION, f"{run.outcome}: {run.message}", generation)
    _judge_waiting(put=put, conditions=conditions, active=active, trouble=trouble, policy=policy)
    return list(conditions.values())


def _passed(result: RunResult) -> str:
    return f"{result.data_rows:,} rows passed every check" if result.data_rows else "the data passed every check"


def _unknown(*, type_: ConditionType, generation: int) -> Condition:
    return Condition(
        type=type_, status="Unknown", reason=reasons.NO_RUN_YET, message="no run has told yet", generation=generation
    )


def _judge_challenger(*, put: Any, run: FinishedRun, generation: int) -> None:
    """What a run says about the version it trained; a run that trained none says nothing about it."""
    result = run.result
    if result is None or (result.challenger is None and run.outcome != "Promoted"):
        return
    version = result.champion if result.challenger is None else result.challenger
    reason = "" if result.challenger is None else result.challenger.reason
    name = f"version {version.version}" if version is not None else "the newest version"
    if reason == reasons.LEAK_SUSPECTED:
        put("LeakSuspected", "True", reasons.LEAK_SUSPECTED, run.message, generation)
    else:
        put("LeakSuspected", "False", reasons.NO_LEAK_SEEN, f"{name} shows no sign of a leak", generation)
    if reason == reasons.NO_SKILL:
        put("NoSkill", "True", reasons.NO_SKILL, run.message, generation)
    else:
        put("NoSkill", "False", reasons.SKILL_SHOWN, f"{name} was not found to be without skill", generation)


def _judge_drift(*, put: Any, run: FinishedRun, generation: int) -> None:
    """What new rows look like. A new champion has none yet; a run that measured nothing says nothing."""
    drift = run.result.drift if run.result else None
    if drift is not None:
        told = f"{drift.share:.0%} of {drift.features} features have drifted; most {drift.worst}"
        reason = reasons.FEATURES_DRIFTED if drift.drifted else reasons.NO_DRIFT
        put("Drifted", "True" if drift.drifted else "False", reason, told, generation)
    elif run.outcome in ("Promoted", "Approved", "RolledBack", "Pinned"):
        put(
            "Drifted",
            "False",
            reasons.NO_DRIFT,
            "the champion is new, and no row newer than its data is known",
            generation,
        )


def _judge_waiting_version(*, put: Any, result: RunResult, generation: int) -> None:
    if result.waiting is None:
        put("ApprovalRequired", "False", reasons.NOTHING_WAITS, "no version waits for a person", generation)
    else:
        message = f"version {result.waiting} passed the gate and waits: approve it or reject it"
        put("ApprovalRequired", "True", reasons.VERSION_WAITS, message, generation)


def _judge_accuracy(*, put: Any, run: FinishedRun, fields: Mapping[str, Any], generation: int) -> None:
    result = run.result
    if result is None or result.threshold_met is None or result.threshold is None:
        if result is not None and result.threshold is None:
            put("AccuracyMet", "Unknown", reasons.NO_THRESHOLD, "spec.evaluation.threshold is not set", generation)
        elif result is not None and result.no_champion:
            put("AccuracyMet", "Unknown", reasons.NO_CHAMPION, "the registry has no champion", generation)
        return
    numbers = f"{fields.get('metric')} {fields.get('score')} against the threshold {result.threshold:g}"
    if result.threshold_met:
        put("AccuracyMet", "True", reasons.THRESHOLD_MET, numbers, generation)
    else:
        put("AccuracyMet", "False", reasons.BELOW_THRESHOLD, numbers, generation)


def _judge_waiting(
    *,
    put: Any,
    conditions: Mapping[ConditionType, Condition],
    active: Sequence[tuple[JobView, Cause | None]],
    trouble: Cause | None,
    policy: Policy,
) -> None:
    waiting = [(job, cause) for job, cause in active if cause is not None]
    if waiting:
        job, cause = waiting[-1]
        assert cause is not None  # noqa: S101 - narrowed by the line above
        put("RunsHealthy", "False", cause.reason, f"Job {job.name} waits: {cause.message}", job.generation)
    elif trouble is not None:
        put("RunsHealthy", "False", trouble.reason, f"the next run waits: {trouble.message}", policy.generation)
    elif _WAITED.match(conditions["RunsHealthy"].message):
        if active:
            job = active[-1][0]
            put("RunsHealthy", "Unknown", reasons.RUN_IN_PROGRESS, f"Job {job.name} has started", job.generation)
        else:
            put("RunsHealthy", "Unknown", reasons.JOB_LOST, "the run that waited is gone", policy.generation)
