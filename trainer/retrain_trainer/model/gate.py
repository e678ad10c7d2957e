"""Is the challenger better? Better, NotBetter, or Inconclusive, from intervals on the same holdout.

Pure but for `compare`, which computes the intervals. `promotion.confidence` is the one-sided level of each bound: with
0.95 a challenger that is not better passes in at most 5 % of comparisons. Inconclusive is an answer of its own: with a
small holdout "not shown to be better" is not "shown not to be better".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from retrain_trainer.features import Samples
from retrain_trainer.model.intervals import Interval, difference_interval
from retrain_trainer.model.metrics import Metric
from retrain_trainer.model.prediction import Prediction
from retrain_trainer.spec import PromotionSpec

#: More days than this to settle a comparison is "no realistic amount".
PATIENCE_DAYS = 366


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Scores on one holdout, in the metric's own sign, and intervals signed so that positive means the challenger is
    better: `difference` against the champion (None without one), `skill` against the constant model. `timed`: units are
    days; otherwise blocks of rows.
    """

    metric: str
    greater_is_better: bool
    challenger: float
    champion: float | None
    constant: float
    difference: Interval | None
    skill: Interval
    timed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Reasons: `ClearlyBetter`, `FirstModel` (Better); `NotAboveMinImprovement`, `NoSkill`, `BelowMinScore`
    (NotBetter); `NotSettled`, `TooFewUnits`, `TooFewRows`, `Undefined` (Inconclusive).
    `difference`, `low`, `high`: finite or None.
    """

    verdict: Literal["Better", "NotBetter", "Inconclusive"]
    reason: str
    message: str
    difference: float | None
    low: float | None
    high: float | None
    units: int
    rows: int


def compare(
    *,
    metric: Metric,
    samples: Samples,
    challenger: Prediction,
    champion: Prediction | None,
    constant: Prediction,
    confidence: float,
    min_rows: int,
    timed: bool,
) -> Comparison:
    """Scores challenger, champion and constant model on the same rows. `samples` must be rows that neither of the
    models was trained on; fewer than `min_rows` settle nothing.
    """

    def against(other: Prediction) -> Interval:
        return difference_interval(
            metric=metric,
            samples=samples,
            challenger=challenger,
            champion=other,
            confidence=confidence,
            min_rows=min_rows,
        )

    return Comparison(
        metric=metric.name,
        greater_is_better=metric.greater_is_better,
        challenger=metric.score(y=samples.y, prediction=challenger),
        champion=None if champion is None else metric.score(y=samples.y, prediction=champion),
        constant=metric.score(y=samples.y, prediction=constant),
        difference=None if champion is None else against(champion),
        skill=against(constant),
        timed=timed,
    )


def judge(*, comparison: Comparison, promotion: PromotionSpec) -> Verdict:
    """Challenger against champion.

    Better: the lower bound of the difference is above `min_improvement`, and the challenger scores above the constant
    model. NotBetter: the upper bound is at or below it, or the challenger is no better than the constant model.
    Otherwise, or with too few rows or days: Inconclusive.
    """
    interval = comparison.difference
    if interval is None or comparison.champion is None:
        raise ValueError("there is no champion to compare with; use judge_first")
    if interval.problem is not None:
        return _without_interval(comparison=comparison, interval=interval)
    if not comparison.skill.estimate > 0:
        return _no_skill(comparison=comparison, interval=interval)
    pair = (
        f"{comparison.metric} {comparison.challenger:.4g} against the champion's {comparison.champion:.4g} "
        f"on {_span(comparison, interval)}"
    )
    level = f"with {interval.confidence:.3g} confidence"
    goal = promotion.min_improvement
    if interval.low > goal:
        text = f"{pair}: better by {interval.estimate:.4g}, at least {interval.low:.4g} {level}"
        return _verdict("Better", "ClearlyBetter", text, interval)
    if interval.high <= goal:
        text = f"{pair}: better by at most {interval.high:.4g} {level}; {goal:g} must be exceeded"
        return _verdict("NotBetter", "NotAboveMinImprovement", text, interval)
    text = (
        f"{pair}: the difference lies between {interval.low:.4g} and {interval.high:.4g}; "
        f"{_patience(comparison=comparison, interval=interval, goal=goal)}"
    )
    return _verdict("Inconclusive", "NotSettled", text, interval)


def judge_first(*, comparison: Comparison, promotion: PromotionSpec, threshold: float | None) -> Verdict:
    """A first model, without a champion.

    Better: above the constant model by the lower bound of the interval, and on the right side of `min_score` (default:
    the threshold; without either, skill is enough). `difference`, `low`, `high` are against the constant model.
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
    if interval.low <= 0:
        text = (
            f"{metric} {score:.4g} against {comparison.constant:.4g} of a constant model on "
            f"{_span(comparison, interval)}: not clearly above it; "
            f"{_patience(comparison=comparison, interval=interval, goal=0.0)}"
        )
        return _verdict("NotBetter", "NoSkill", text, interval)
    text = (
        f"{metric} {score:.4g} on {_span(comparison, interval)}; a constant model has {comparison.constant:.4g}; "
        "first model"
    )
    return _verdict("Better", "FirstModel", text, interval)


def _verdict(
    verdict: Literal["Better", "NotBetter", "Inconclusive"], reason: str, message: str, interval: Interval
) -> Verdict:
    return Verdict(
        verdict=verdict,
        reason=reason,
        message=message,
        difference=_finite(interval.estimate),
        low=_finite(interval.low),
        high=_finite(interval.high),
        units=interval.units,
        rows=interval.rows,
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _no_skill(*, comparison: Comparison, interval: Interval) -> Verdict:
    text = (
        f"{comparison.metric} {comparison.challenger:.4g} on {_span(comparison, interval)} is no better than "
        f"{comparison.constant:.4g} of a constant model"
    )
    return _verdict("NotBetter", "NoSkill", text, interval)


def _without_interval(*, comparison: Comparison, interval: Interval) -> Verdict:
    span = _span(comparison, interval)
    text = {
        "TooFewUnits": f"the holdout has {span}: too few, or too unequal, to tell luck from skill; 5 are needed",
        "TooFewRows": f"the holdout has {span}; spec.data.holdout.minRows asks for more",
        "Undefined": f"{comparison.metric} is undefined on {span} or without one of them (a class on one day only, or "
        "values outside the metric's range)",
    }[interval.problem or "Undefined"]
    return _verdict("Inconclusive", interval.problem or "Undefined", text, interval)


def _span(comparison: Comparison, interval: Interval) -> str:
    unit = "day" if comparison.timed else "block"
    if not comparison.timed and interval.units == interval.rows:
        return f"{interval.rows:,} rows"
    return f"{interval.rows:,} rows of {interval.units:,} {unit}{'' if interval.units == 1 else 's'}"


def _patience(*, comparison: Comparison, interval: Interval, goal: float) -> str:
    """How much data would settle it, if the difference stayed as it is: reach shrinks with the root of the number."""
    away = abs(interval.estimate - goal)
    reach = interval.high - interval.estimate
    wanted = interval.units * (reach / away) ** 2 if away > 0 else math.inf
    unit = "days" if comparison.timed else "rows"
    if not comparison.timed:
        wanted *= interval.rows / interval.units
    if (comparison.timed and wanted > PATIENCE_DAYS) or wanted > 100 * max(interval.rows, 1):
        return "no realistic amount of data would settle it"
    return f"about {math.ceil(wanted):,} {unit} would settle it"
