"""The gate's three answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from retrain_trainer.features import Samples
from retrain_trainer.model.evaluate import constant_prediction
from retrain_trainer.model.gate import Comparison, Verdict, compare, judge, judge_first
from retrain_trainer.model.intervals import Interval
from retrain_trainer.model.metrics import resolve_metric
from retrain_trainer.model.prediction import Prediction
from retrain_trainer.spec import PromotionSpec

from tests.unit.trainer.model.builders import two_class


def interval(low: float, high: float, problem: str | None = None, units: int = 28) -> Interval:
    return Interval(
        estimate=(low + high) / 2,
        low=low,
        high=high,
        standard_error=(high - low) / 3.4,
        confidence=0.95,
        units=units,
        rows=1000,
        problem=problem,  # type: ignore[arg-type]
    )


SKILLED = interval(0.1, 0.3)
NONE = Interval(
    estimate=0.2, low=-np.inf, high=np.inf, standard_error=np.inf, confidence=0.95, units=3, rows=900, problem=None
)


def comparison(
    difference: Interval | None, skill: Interval = SKILLED, *, score: float = 0.7, greater: bool = True
) -> Comparison:
    return Comparison(
        metric="roc_auc" if greater else "mean_absolute_error",
        greater_is_better=greater,
        challenger=score,
        champion=None if difference is None else 0.65,
        constant=0.5,
        difference=difference,
        skill=skill,
        timed=True,
    )


@pytest.mark.parametrize(
    ("difference", "skill", "goal", "verdict", "reason", "part"),
    [
        pytest.param(
            interval(0.01, 0.09), SKILLED, 0, "Better", "ClearlyBetter", "at least 0.01 with 0.95", id="clear"
        ),
        pytest.param(
            interval(0.01, 0.09), SKILLED, 0.02, "Inconclusive", "NotSettled", "days would", id="not by enough"
        ),
        pytest.param(interval(-0.05, 0.0), SKILLED, 0, "NotBetter", "NotAboveMinImprovement", "at most 0", id="on it"),
        pytest.param(interval(-0.02, 0.05), SKILLED, 0, "Inconclusive", "NotSettled", "153 days", id="open"),
        pytest.param(interval(-0.05, 0.051), SKILLED, 0, "Inconclusive", "NotSettled", "no realistic", id="never"),
        pytest.param(interval(0.01, 0.09), interval(-0.3, 0.1), 0, "NotBetter", "NoSkill", "constant", id="no skill"),
        pytest.param(
            interval(0.01, 0.09), interval(np.nan, np.nan), 0, "NotBetter", "NoSkill", "constant", id="skill unknown"
        ),
        pytest.param(
            replace(NONE, problem="TooFewUnits"), SKILLED, 0, "Inconclusive", "TooFewUnits", "3 days", id="3 days"
        ),
        pytest.param(
            replace(NONE, problem="TooFewRows"), SKILLED, 0, "Inconclusive", "TooFewRows", "minRows", id="few rows"
        ),
        pytest.param(
            replace(NONE, problem="Undefined", estimate=np.nan),
            SKILLED,
            0,
            "Inconclusive",
            "Undefined",
            "900",
            id="nan",
        ),
    ],
)
def test_a_challenger_against_a_champion(
    difference: Interval, skill: Interval, goal: float, verdict: str, reason: str, part: str
) -> None:
    judged = judge(comparison=comparison(difference, skill), promotion=PromotionSpec(min_improvement=goal))
    assert (judged.verdict, judged.reason) == (verdict, reason)
    assert part in judged.message
    check_message(judged)


@pytest.mark.parametrize(
    ("score", "greater", "skill", "min_score", "threshold", "verdict", "reason"),
    [
        pytest.param(0.7, True, SKILLED, None, None, "Better", "FirstModel", id="skill is enough without a threshold"),
        pytest.param(0.7, True, SKILLED, None, 0.7, "Better", "FirstModel", id="on the threshold"),
        pytest.param(0.7, True, SKILLED, None, 0.71, "NotBetter", "BelowMinScore", id="below the threshold"),
        pytest.param(0.7, True, SKILLED, 0.6, 0.71, "Better", "FirstModel", id="minScore goes before the threshold"),
        pytest.param(9.0, False, SKILLED, None, 10.0, "Better", "FirstModel", id="an error below its threshold"),
        pytest.param(11.0, False, SKILLED, None, 10.0, "NotBetter", "BelowMinScore", id="an error above it"),
        pytest.param(0.7, True, interval(-0.1, 0.3), None, 0.5, "NotBetter", "NoSkill", id="skill not shown"),
        pytest.param(0.7, True, interval(-0.3, -0.1), None, 0.9, "NotBetter", "NoSkill", id="worse than a constant"),
        pytest.param(
            0.7, True, replace(NONE, problem="TooFewUnits"), None, None, "Inconclusive", "TooFewUnits", id="3 days"
        ),
        pytest.param(float("nan"), True, SKILLED, None, 0.5, "NotBetter", "BelowMinScore", id="an undefined score"),
    ],
)
def test_a_first_model(
    score: float,
    greater: bool,
    skill: Interval,
    min_score: float | None,
    threshold: float | None,
    verdict: str,
    reason: str,
) -> None:
    judged = judge_first(
        comparison=comparison(None, skill, score=score, greater=greater),
        promotion=PromotionSpec(min_score=min_score),
        threshold=threshold,
    )
    assert (judged.verdict, judged.reason) == (verdict, reason)
    check_message(judged)


def check_message(judged: Verdict) -> None:
    """Fits the status (256 characters), and no number in it is infinite or missing."""
    assert 0 < len(judged.message) <= 256
    for number in (judged.difference, judged.low, judged.high):
        assert number is None or np.isfinite(number)


@given(
    st.floats(-1, 1),
    st.floats(0, 1),
    st.floats(-1, 1),
    st.floats(0, 0.5),
    st.sampled_from([None, "TooFewUnits", "TooFewRows", "Undefined"]),
)
def test_nothing_is_better_unless_its_lower_bound_is(
    low: float, width: float, skill: float, goal: float, problem: str | None
) -> None:
    difference = interval(low, low + width, problem)
    judged = judge(
        comparison=comparison(difference, interval(skill, skill)), promotion=PromotionSpec(min_improvement=goal)
    )
    assert (judged.verdict == "Better") == (problem is None and low > goal and skill > 0)


def test_without_a_champion_there_is_nothing_to_judge() -> None:
    with pytest.raises(ValueError, match="judge_first"):
        judge(comparison=comparison(None), promotion=PromotionSpec())


def scored(seed: int, skill: float, y: np.ndarray[tuple[int], np.dtype[np.object_]]) -> Prediction:
    noise = np.random.default_rng(seed).normal(size=len(y))
    return two_class(positive=1 / (1 + np.exp(-skill * (y == "yes") - noise)))


@pytest.mark.parametrize(
    ("challenger", "champion", "verdict"),
    [
        pytest.param(3.0, 1.0, "Better", id="much better"),
        pytest.param(1.0, 3.0, "NotBetter", id="much worse"),
        pytest.param(1.0, 1.0, "Inconclusive", id="alike"),
    ],
)
@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "balanced_accuracy", "f1"])
def test_real_predictions_are_compared_in_the_right_direction(
    metric: str, challenger: float, champion: float, verdict: str
) -> None:
    y = np.random.default_rng(1).choice(np.array(["no", "yes"], dtype=object), 1200)
    resolved = resolve_metric(name=metric, task="Classification", positive_class=None, classes=("no", "yes"))
    compared = compare(
        metric=resolved,
        samples=Samples(X=np.zeros((1200, 1)), y=y, unit=np.arange(1200) // 60),
        challenger=scored(2, challenger, y),
        champion=scored(5, champion, y),
        constant=constant_prediction(metric=resolved, training_y=y, rows=1200),
        confidence=0.95,
        min_rows=500,
        timed=True,
    )
    judged = judge(comparison=compared, promotion=PromotionSpec())
    assert judged.verdict == verdict, judged.message
    assert "1,200 rows of 20 days" in judged.message


def test_a_model_that_repeats_the_champion_is_not_better() -> None:
    y = np.random.default_rng(1).choice(np.array(["no", "yes"], dtype=object), 600)
    resolved = resolve_metric(name="roc_auc", task="Classification", positive_class=None, classes=("no", "yes"))
    same = scored(2, 2.0, y)
    compared = compare(
        metric=resolved,
        samples=Samples(X=np.zeros((600, 1)), y=y, unit=np.arange(600)),
        challenger=same,
        champion=same,
        constant=constant_prediction(metric=resolved, training_y=y, rows=600),
        confidence=0.95,
        min_rows=500,
        timed=False,
    )
    judged = judge(comparison=compared, promotion=PromotionSpec())
    assert (judged.verdict, judged.reason) == ("NotBetter", "NotAboveMinImprovement")
