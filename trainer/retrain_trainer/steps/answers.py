"""The words and numbers of each outcome, from what the steps of a run found."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, get_args

from retrain_trainer.contract import ChallengerFacts, DataFacts, Outcome, Trigger
from retrain_trainer.decide import Decision
from retrain_trainer.registry.manifest import GateRecord, Manifest
from retrain_trainer.steps.memory import Memory

if TYPE_CHECKING:
    from retrain_trainer.steps.challenge import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """An outcome. `memory`: what the next run may rely on. The champion is read again when the message is made."""

    outcome: Outcome
    reason: str
    message: str
    data: DataFacts
    memory: Memory | None
    trigger: Trigger | None = None
    challenger: ChallengerFacts | None = None
    trained_time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """The champion's newest score. `standing`: the reason why it is an old one, or an empty text. `incomparable`: why
    the champion cannot be scored, or an empty text. `problem`: for the steps that follow, where one was set up.
    `fresh_rows`: what a new score was made from.
    """

    memory: Memory
    text: str
    standing: str = ""
    incomparable: str = ""
    problem: Problem | None = None
    fresh_rows: int = 0


def finite(value: float | None) -> float | None:
    """NaN and infinity are no scores."""
    return None if value is None or not math.isfinite(value) else value


def score_text(*, memory: Memory, rows: int) -> str:
    """`roc_auc 0.7071 on 1,234 rows up to 2013-03-01`."""
    until = "" if memory.evaluated_until is None else f" up to {memory.evaluated_until:%Y-%m-%d}"
    value = "is undefined" if memory.score is None else f"{memory.score:.4g}"
    return f"{memory.metric} {value} on {rows:,} rows{until}"


def standing_text(*, memory: Memory, why: str) -> str:
    """`roc_auc 0.7071 stands: only 12 labelled rows are newer than 2013-03-01`."""
    value = "no score" if memory.score is None else f"{memory.metric} {memory.score:.4g}"
    return f"{value} stands: {why}"


def kept(*, scored: Scored, decision: Decision, threshold: float | None, data: DataFacts) -> Reached:
    """Nothing called for training, or what did has to wait."""
    met = scored.memory.meets(threshold=threshold)
    if decision.trigger is not None and decision.hold is not None:
        return Reached(
            outcome="Deferred",
            trigger=decision.trigger,
            reason=decision.hold.reason,
            message=f"{scored.text}; {decision.trigger}: {decision.hold.message}",
            data=data,
            memory=scored.memory,
        )
    reason, text = {
        True: ("ThresholdMet", f"it meets the threshold {threshold}"),
        False: ("TriggerQuiet", f"it misses the threshold {threshold}, and triggers.belowThreshold is off or waits"),
        None: ("NoThreshold", "no threshold is set")
        if threshold is None
        else ("NoScore", f"nothing to hold against the threshold {threshold}"),
    }[met]
    return Reached(
        outcome="Kept",
        reason=scored.standing or reason,
        message=f"{scored.text}; {text}",
        data=data,
        memory=scored.memory,
    )


def rejected(*, reason: str, message: str, rows: int | None, memory: Memory | None) -> Reached:
    """The data failed a check: nothing was trained or scored."""
    return Reached(
        outcome="DataRejected",
        reason=reason,
        message=f"the data was rejected: {message}",
        data=DataFacts(valid=False, reason=reason, message=message, rows=rows),
        memory=memory,
    )


def promoted(*, manifest: Manifest, message: str, reason: str, data: DataFacts, memory: Memory | None) -> Reached:
    """A new champion."""
    return Reached(
        outcome="Promoted",
        trigger=_trigger(manifest),
        reason=reason,
        message=f"version {manifest.version}: {message}",
        data=data,
        memory=memory,
        trained_time=manifest.trained_time,
    )


NOT_PROMOTED: Outcome = "NotPromoted"


def not_promoted(
    *,
    manifest: Manifest,
    gate: GateRecord,
    data: DataFacts,
    memory: Memory | None,
    outcome: Outcome = NOT_PROMOTED,
) -> Reached:
    """A version that stays a version, or waits for a person."""
    return Reached(
        outcome=outcome,
        trigger=_trigger(manifest),
        reason=gate.reason,
        message=f"version {manifest.version}: {gate.message}",
        data=data,
        memory=memory,
        challenger=ChallengerFacts(
            version=manifest.version, score=manifest.score, verdict=gate.verdict, reason=gate.reason
        ),
        trained_time=manifest.trained_time,
    )


def _trigger(manifest: Manifest) -> Trigger:
    return next((trigger for trigger in get_args(Trigger) if trigger == manifest.trigger), "Requested")
