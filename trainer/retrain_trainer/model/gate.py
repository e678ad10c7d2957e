"""Is the challenger good enough? Better, NotBetter, or Inconclusive, from what `compare` measured on one holdout.

Pure. `promotion.confidence` is the one-sided level of each bound: with 0.95 a challenger that is not better passes in
at most 5 % of comparisons. Inconclusive is an answer of its own: with a small holdout "not shown to be better" is not
"shown not to be better". Better is promoted, unless it is `held`: then a person must say so (docs/gate.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from retrain_trainer.model.compare import Comparison
from retrain_trainer.model.intervals import MIN_UNITS, Interval
from retrain_trainer.spec import PromotionSpec

#: More days than this to settle a comparison is "no realistic amount".
PATIENCE_DAYS = 366

VerdictName = Literal["Better", "NotBetter", "Inconclusive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Reasons of Better: `ClearlyBetter`, `NotInferior`, `FirstModel`, `ReplacesIncomparable`, and, held for a person,
    `LeakSuspected`, `Incomparable`. Of NotBetter: `NotAboveMinImprovement`, `WorseThanTolerance`, `SameModel`,
    `NoSkill`, `BelowMinScore`, `GuardrailBroken`, `SliceBroken`. Of Inconclusive: `NotSettled`, `TooFewUnits`,
    `TooFewRows`, `TooFewPerClass`, `Undefined`, `GuardrailNotSettled`. `difference`, `low`, `high`: finite or None.
    """

    verdict: VerdictName
    reason: str
    message: str
    difference: float | None
    low: float | None
    high: float | None
    units: int
    rows: int
    held: bool = False


def judge(*, comparison: Comparison, promotion: PromotionSpec, threshold: float | None, min_per_class: int) -> Verdict:
    """The whole gate, part after part; only what passes all of them is Better.

    Enough rows of every class; above the constant model; better than the champion by the rule (or, where there is none
    to compare with, `min_score`); guardrails and slices; no sign of a leak; and a champion that could be scored.
    """
    interval = comparison.skill if comparison.difference is None else comparison.difference
    rarest = comparison.rarest
    if rarest is not None and rarest[1] < min_per_class and interval.problem is None:
        text = (
            f"class {rarest[0]} has {rarest[1]:,} of {interval.rows:,} holdout rows; "
            f"spec.data.holdout.minPerClass asks for {min_per_class:,}"
        )
        return _verdict("Inconclusive", "TooFewPerClass", text, interval)
    if comparison.difference is None:
        verdict = _on_its_own(comparison=comparison, promotion=promotion, threshold=threshold)
    else:
        verdict = _against_champion(comparison=comparison, promotion=promotion, interval=interval)
    if verdict.verdict != "Better":
        return verdict
    for guard in comparison.guards:
        if guard.state != "Kept":
            if guard.state == "Open":
                return _verdict("Inconclusive", "GuardrailNotSettled", guard.text, interval)
            reason = "SliceBroken" if guard.of_slice else "GuardrailBroken"
            return _verdict("NotBetter", reason, guard.text, interval)
    if comparison.suspicion:
        text = f"{comparison.suspicion} A person must approve it"
        return _verdict("Better", "LeakSuspected", text, interval, held=True)
    if comparison.incomparable:
        held = promotion.on_incomparable == "Approve"
        text = f"not compared with the champion: {comparison.incomparable[:110]}; {verdict.message}"
        return _verdict("Better", "Incomparable" if held else "ReplacesIncomparable", text[:256], interval, held=held)
    return verdict


def _against_champion(*, comparison: Comparison, promotion: PromotionSpec, interval: Interval) -> Verdict:
    if interval.problem is not None:
        return _without_interval(comparison=comparison, interval=interval)
    if not comparison.skill.estimate > 0:
        return _no_skill(comparison=comparison, interval=interval)
    if comparison.same:
        text = f"it predicts what the champion predicts on each of {_span(comparison, interval)}; nothing to compare"
        return _verdict("NotBetter", "SameModel", text, interval)
    pair = (
        f"{comparison.metric} {comparison.challenger:.4g} against the champion's {comparison.champion:.4g} "
        f"on {_span(comparison, interval)}"
    )
    level, goal = f"with {interval.confidence:.3g} confidence", promotion.goal
    superior = promotion.rule == "Superior"
    if interval.low > goal:
        if superior:
            text = f"{pair}: better by {interval.estimate:.4g}, at least {interval.low:.4g} {level}"
            return _verdict("Better", "ClearlyBetter", text, interval)
        text = f"{pair}: worse by at most {max(0.0, -interval.low):.4g} {level}; {-goal:g} is tolerated"
        return _verdict("Better", "NotInferior", text, interval)
    if interval.high <= goal:
        if superior:
            text = f"{pair}: better by at most {interval.high:.4g} {level}; {goal:g} must be exceeded"
            return _verdict("NotBetter", "NotAboveMinImprovement", text, interval)
        text = f"{pair}: worse by at least {-interval.high:.4g} {level}; {-goal:g} is tolerated"
        return _verdict("NotBetter", "WorseThanTolerance", text, interval)
    text = (
        f"{pair}: the difference lies between {interval.low:.4g} and {interval.high:.4g}; "
        f"{_patience(comparison=comparison, interval=interval, goal=goal)}"
    )
    return _verdict("Inconclusive", "NotSettled", text, interval)


def _on_its_own(*, comparison: Comparison, promotion: PromotionSpec, threshold: float | None) -> Verdict:
    """Without a champion to compare with: above the constant model by the lower bound, and on the right side of
    `min_score` (default: the threshold; without either, skill is enough).
    """
    interval, floor = comparison.skill, promotion.min_score if promotion.min_score is not None else threshold
    if interval.problem is not None:
        return _without_interval(comparison=comparison, interval=interval)
    score, metric = comparison.challenger, comparison.metric
    if interval.high <= 0:
        return _no_skill(comparison=comparison, interval=interval)
    on_side = floor is None or (score >= floor if comparison.greater_is_better else score <= floor)
    if floor is not None and not on_side:
        side = "below" if comparison.greater_is_better else "above"
        text = (
            f"{metric} {score:.4g} on {_span(comparison, interval)} is {side} {floor:g}, which a first model must "
            "reach (promotion.minScore, or the threshold)"
        )
        return _verdict("NotBetter", "BelowMinScore", text, interval)
    if not interval.low > 0:
        text = (
            f"{metric} {score:.4g} against {comparison.constant:.4g} of {comparison.floor} on "
            f"{_span(comparison, interval)}: not clearly above it; "
            f"{_patience(comparison=comparison, interval=interval, goal=0.0)}"
        )
        return _verdict("NotBetter", "NoSkill", text, interval)
    text = (
        f"{metric} {score:.4g} on {_span(comparison, interval)}; {comparison.floor} has {comparison.constant:.4g}"
        f"{'' if comparison.incomparable else '; first model'}"
    )
    return _verdict("Better", "FirstModel", text, interval)


def _verdict(verdict: VerdictName, reason: str, message: str, interval: Interval, *, held: bool = False) -> Verdict:
    return Verdict(
        verdict=verdict,
        reason=reason,
        message=message,
        difference=_finite(interval.estimate),
        low=_finite(interval.low),
        high=_finite(interval.high),
        units=interval.units,
        rows=interval.rows,
        held=held,
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _no_skill(*, comparison: Comparison, interval: Interval) -> Verdict:
    text = (
        f"{comparison.metric} {comparison.challenger:.4g} on {_span(comparison, interval)} is no better than "
        f"{comparison.constant:.4g} of {comparison.floor}"
    )
    return _verdict("NotBetter", "NoSkill", text, interval)


def _without_interval(*, comparison: Comparison, interval: Interval) -> Verdict:
    span = _span(comparison, interval)
    text = {
        "TooFewUnits": f"the holdout has {span}: too few, or too unequal, to tell luck from skill; {MIN_UNITS} are "
        "needed",
        "TooFewRows": f"the holdout has {span}; spec.data.holdout.minRows asks for more",
        "Undefined": f"{comparison.metric} is undefined on {span} or without one of them (a class on one day only, or "
        "values outside the metric's range)",
    }[interval.problem or "Undefined"]
    return _verdict("Inconclusive", interval.problem or "Undefined", text, interval)


def _span(comparison: Comparison, interval: Interval) -> str:
    unit = {"day": "day", "group": "group", "row": "block"}[comparison.unit]
    if comparison.unit == "row" and interval.units == interval.rows:
        return f"{interval.rows:,} rows"
    return f"{interval.rows:,} rows of {interval.units:,} {unit}{'' if interval.units == 1 else 's'}"


def _patience(*, comparison: Comparison, interval: Interval, goal: float) -> str:
    """How much data would settle it, if the difference stayed as it is: reach shrinks with the root of the number."""
    away = abs(interval.estimate - goal)
    reach = interval.high - interval.estimate
    wanted = interval.units * (reach / away) ** 2 if away > 0 else math.inf
    unit = {"day": "days", "group": "groups", "row": "rows"}[comparison.unit]
    if comparison.unit == "row":
        wanted *= interval.rows / interval.units
    if (comparison.unit == "day" and wanted > PATIENCE_DAYS) or wanted > 100 * max(interval.rows, 1):
        return "no realistic amount of data would settle it"
    return f"about {math.ceil(wanted):,} {unit} would settle it"
