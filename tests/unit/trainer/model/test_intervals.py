"""Intervals keep their word: checked against simulation, against recomputation, and for what they refuse.

The simulations make days, not rows, the thing that repeats: rows of one day share a day's luck. The true difference is
zero, the worst case of "not better", so a challenger may pass in at most 5 % of comparisons (P5). These are guards,
made to run in seconds: their floors of power were set with the figures in view. The evidence is `python -m bench.gate`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from retrain_trainer.features import Samples
from retrain_trainer.model.intervals import blocks_of, difference_interval, jackknife, resemblance, score_interval
from retrain_trainer.model.measures import auc_values
from retrain_trainer.model.metrics import resolve_metric
from retrain_trainer.model.prediction import Prediction
from scipy.stats import t as student

from tests.unit.trainer.model.builders import two_class

MAE = resolve_metric(name="mean_absolute_error", task="Regression", positive_class=None, classes=())
RMSE = resolve_metric(name="root_mean_squared_error", task="Regression", positive_class=None, classes=())
AUC = resolve_metric(name="roc_auc", task="Classification", positive_class=None, classes=("no", "yes"))

#: (generator, days, unequal, gain) → (promoted, refused an interval).
Compare = Callable[..., tuple[bool, bool]]

DAYS = (5, 7, 14, 28, 60)
#: For each number of days: 1,500 a metric and kind of day, 6,000 in all.
COMPARISONS = 300


def day_of_rows(draw: np.random.Generator, days: int, rows: int, *, unequal: bool) -> NDArray[np.int64]:
    """Day of each row: all alike, or of three sizes as with weekends and holidays."""
    weight = draw.choice([0.3, 1.0, 1.5], days) if unequal else np.ones(days)
    return np.repeat(np.arange(days), np.maximum(1, (rows * weight / weight.mean()).astype(int)))


def mean_differences(draw: np.random.Generator, days: int, *, unequal: bool, gain: float = 0.0) -> tuple[bool, bool]:
    """One comparison of two models by a mean: (promoted, refused an interval)."""
    day = day_of_rows(draw, days, 40, unequal=unequal)
    loss = gain + draw.normal(0, 1, days)[day] + draw.normal(0, 2, len(day))
    sums = np.stack([np.bincount(day, weights=loss), np.bincount(day)], axis=1)
    both = np.vstack([sums.sum(axis=0), sums.sum(axis=0) - sums])
    interval = jackknife(values=both[:, 0] / both[:, 1], block=day, confidence=0.95)
    return interval.low > 0, interval.problem is not None


def auc_differences(draw: np.random.Generator, days: int, *, unequal: bool, gain: float = 0.0) -> tuple[bool, bool]:
    """One comparison of two models by AUC; base rate, skill and level differ from day to day and model to model."""
    day = day_of_rows(draw, days, 60, unequal=unequal)
    positive = draw.random(len(day)) < 1 / (1 + np.exp(1 + draw.normal(0, 0.7, days)))[day]
    if positive.all() or not positive.any():
        return False, True
    areas = [
        auc_values(
            positive=positive,
            score=(1 + better + draw.normal(0, 0.5, days))[day] * positive
            + draw.normal(0, 0.5, days)[day]
            + draw.normal(0, 1, len(day)),
            block=day,
            blocks=days,
        )
        for better in (gain, 0.0)
    ]
    interval = jackknife(values=areas[0] - areas[1], block=day, confidence=0.95)
    return interval.low > 0, interval.problem is not None


@pytest.mark.parametrize("unequal", [pytest.param(False, id="equal days"), pytest.param(True, id="unequal days")])
@pytest.mark.parametrize("compare", [mean_differences, auc_differences], ids=["a mean", "AUC"])
def test_a_challenger_that_is_no_better_passes_in_at_most_one_of_twenty_comparisons(
    compare: Compare, unequal: bool
) -> None:
    draw = np.random.default_rng(20260101)
    promoted = {days: sum(compare(draw, days, unequal=unequal)[0] for _ in range(COMPARISONS)) for days in DAYS}
    error = np.sqrt(0.05 * 0.95 / (COMPARISONS * len(DAYS)))
    assert sum(promoted.values()) / (COMPARISONS * len(DAYS)) <= 0.05 + 2 * error, promoted
    # No number of days may hide behind the others: three standard errors, since there are five of them.
    assert max(promoted.values()) / COMPARISONS <= 0.05 + 3 * error * np.sqrt(len(DAYS)), promoted


@pytest.mark.parametrize(
    ("compare", "gain", "days", "at_least"),
    [
        pytest.param(mean_differences, 1.0, 14, 0.75, id="a mean, one standard deviation of a day, 14 days"),
        pytest.param(mean_differences, 0.5, 60, 0.9, id="a mean, half of it, 60 days"),
        pytest.param(auc_differences, 0.6, 28, 0.75, id="AUC, 28 days"),
        pytest.param(auc_differences, 0.6, 60, 0.9, id="AUC, 60 days"),
    ],
)
def test_a_challenger_that_is_better_is_seen(compare: Compare, gain: float, days: int, at_least: float) -> None:
    draw = np.random.default_rng(7)
    seen = [compare(draw, days, unequal=True, gain=gain)[0] for _ in range(150)]
    assert np.mean(seen) >= at_least


def daily(draw: np.random.Generator, days: int, *, correlation: float, gain: float = 0.0) -> bool:
    """One comparison by a mean whose daily differences follow a first-order autoregression: promoted?"""
    level = draw.normal(size=days)
    for day in range(1, days):
        level[day] = correlation * level[day - 1] + np.sqrt(1 - correlation**2) * level[day]
    block = np.repeat(np.arange(days), 5)
    loss = gain + level[block] + draw.normal(0, 0.5, len(block))
    sums = np.stack([np.bincount(block, weights=loss), np.bincount(block)], axis=1)
    both = np.vstack([sums.sum(axis=0), sums.sum(axis=0) - sums])
    return jackknife(values=both[:, 0] / both[:, 1], block=block, confidence=0.95, in_time=True).low > 0


@pytest.mark.parametrize("days", [7, 14, 28, 60])
@pytest.mark.parametrize("correlation", [0.0, 0.3])
def test_days_that_resemble_each_other_promote_no_more_often(days: int, correlation: float) -> None:
    # A coarse guard (3 standard errors of 800); the evidence is `python -m bench.gate` with thousands a cell.
    draw = np.random.default_rng(11)
    promoted = np.mean([daily(draw, days, correlation=correlation) for _ in range(800)])
    assert promoted <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 800)


def test_without_allowing_for_it_they_would() -> None:
    draw, promoted = np.random.default_rng(11), 0
    for _ in range(800):
        level = draw.normal(size=28)
        for day in range(1, 28):
            level[day] = 0.5 * level[day - 1] + np.sqrt(0.75) * level[day]
        values = np.concatenate([[level.mean()], (level.sum() - level) / 27])
        promoted += jackknife(values=values, block=np.arange(28), confidence=0.95).low > 0
    assert promoted / 800 > 0.12


@pytest.mark.parametrize(("true", "days"), [(0.0, 14), (0.3, 28), (0.5, 60)])
def test_the_resemblance_of_days_is_found_without_much_bias(true: float, days: int) -> None:
    draw, found = np.random.default_rng(5), []
    for _ in range(600):
        level = draw.normal(size=days)
        for day in range(1, days):
            level[day] = true * level[day - 1] + np.sqrt(1 - true**2) * level[day]
        found.append(resemblance(level))
    # Negative estimates count as 0, so that the mean lies above a truth of 0.
    assert np.median(found) == pytest.approx(true, abs=0.06)


@pytest.mark.parametrize(
    ("days", "found"), [(6, "the mean is taken: it looks like resemblance"), (14, "none"), (28, "none")]
)
def test_a_difference_that_grows_is_no_resemblance_of_days(days: int, found: str) -> None:
    draw = np.random.default_rng(6)
    grown = [resemblance(draw.normal(size=days) + np.linspace(0, 4, days)) for _ in range(400)]
    assert bool(np.median(grown) < 0.1) is (found == "none")


def test_a_straight_line_alone_leaves_nothing_that_could_resemble() -> None:
    assert resemblance(np.linspace(1, 2, 14)) == 0


def test_days_that_alternate_or_do_not_differ_are_independent() -> None:
    assert resemblance(np.array([1.0, -1.0] * 7)) == 0
    assert resemblance(np.zeros(7)) == 0


def paired_values(rows: int, seed: int) -> tuple[Samples, Prediction, Prediction]:
    draw = np.random.default_rng(seed)
    y = draw.normal(size=rows)
    unit = np.arange(rows, dtype=np.int64)
    challenger, champion = (Prediction(values=y + draw.normal(0, scale, rows)) for scale in (0.8, 1.0))
    return Samples(X=np.zeros((rows, 1)), y=y, unit=unit), challenger, champion


def test_rows_that_are_their_own_unit_give_the_ordinary_paired_t_interval() -> None:
    samples, challenger, champion = paired_values(rows=700, seed=3)
    interval = difference_interval(
        metric=MAE, samples=samples, challenger=challenger, champion=champion, confidence=0.95
    )
    gain = MAE.per_row(y=samples.y, prediction=champion) - MAE.per_row(y=samples.y, prediction=challenger)
    reach = student.ppf(0.95, df=699) * gain.std(ddof=1) / np.sqrt(700)
    assert interval.estimate == pytest.approx(gain.mean(), abs=1e-12)
    assert interval.low == pytest.approx(gain.mean() - reach, abs=1e-12)
    assert interval.high == pytest.approx(gain.mean() + reach, abs=1e-12)
    assert interval.units == interval.rows == 700


def test_equal_days_give_the_cluster_robust_interval() -> None:
    draw = np.random.default_rng(4)
    y, day = draw.normal(size=600), np.repeat(np.arange(20), 30)
    prediction = Prediction(values=y + draw.normal(size=600))
    samples = Samples(X=np.zeros((600, 1)), y=y, unit=day)
    interval = score_interval(metric=MAE, samples=samples, prediction=prediction, confidence=0.9)
    by_day = np.bincount(day, weights=np.abs(y - (prediction.values if prediction.values is not None else y))) / 30
    error = by_day.std(ddof=1) / np.sqrt(20)
    assert interval.standard_error == pytest.approx(error, abs=1e-12)
    assert interval.high - interval.estimate == pytest.approx(student.ppf(0.9, df=19) * error, abs=1e-12)


def test_metrics_that_are_no_mean_use_blocks_of_rows_where_there_are_no_days() -> None:
    samples, challenger, champion = paired_values(rows=700, seed=3)
    interval = difference_interval(
        metric=RMSE, samples=samples, challenger=challenger, champion=champion, confidence=0.95
    )
    assert (interval.units, interval.rows) == (50, 700)
    assert 0 < interval.low < interval.estimate < interval.high


@given(st.integers(1, 900), st.booleans())
@settings(deadline=None, max_examples=50)
def test_blocks_never_split_a_unit_and_none_is_empty(units: int, mean: bool) -> None:
    unit = np.repeat(np.random.default_rng(units).permutation(units) * 3, 2)
    block, blocks = blocks_of(unit=unit, mean=mean)
    assert set(block) == set(range(blocks))
    assert (block[::2] == block[1::2]).all()
    assert blocks == (50 if not mean and units > 400 else units)


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=40)
def test_swapping_the_models_mirrors_the_interval(seed: int) -> None:
    draw = np.random.default_rng(seed)
    y = draw.choice(np.array(["no", "yes"], dtype=object), 80)
    samples = Samples(X=np.zeros((80, 1)), y=y, unit=np.arange(80) % 8)
    one, other = (two_class(positive=draw.random(80)) for _ in range(2))
    there = difference_interval(metric=AUC, samples=samples, challenger=one, champion=other, confidence=0.95)
    back = difference_interval(metric=AUC, samples=samples, challenger=other, champion=one, confidence=0.95)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=1e-15)
    assert there.low <= there.estimate <= there.high


def test_an_error_that_falls_is_an_improvement() -> None:
    samples, challenger, champion = paired_values(rows=700, seed=3)
    assert (
        difference_interval(
            metric=MAE, samples=samples, challenger=challenger, champion=champion, confidence=0.95
        ).estimate
        > 0
    )


@pytest.mark.parametrize(
    ("unit", "y", "min_rows", "problem"),
    [
        pytest.param(np.repeat([0, 1, 2, 3], 25), np.tile(["no", "yes"], 50), 1, "TooFewUnits", id="four days"),
        pytest.param(
            np.repeat(range(5), [96, 1, 1, 1, 1]), np.tile(["no", "yes"], 50), 1, "TooFewUnits", id="one day is all"
        ),
        pytest.param(np.repeat(range(10), 10), np.tile(["no", "yes"], 50), 101, "TooFewRows", id="too few rows"),
        pytest.param(
            np.repeat(range(10), 10), np.repeat(["no", "yes"], [90, 10]), 1, "Undefined", id="a class on one day only"
        ),
        pytest.param(np.repeat(range(10), 10), np.repeat(["no"], 100), 1, "Undefined", id="one class"),
        pytest.param(np.repeat(range(10), 10), np.tile(["no", "yes"], 50), 100, None, id="enough"),
    ],
)
def test_what_settles_nothing_has_no_bounds(
    unit: NDArray[np.int64], y: NDArray[np.str_], min_rows: int, problem: str | None
) -> None:
    samples = Samples(X=np.zeros((100, 1)), y=y.astype(object), unit=unit)
    prediction = two_class(positive=np.random.default_rng(0).random(100))
    interval = score_interval(metric=AUC, samples=samples, prediction=prediction, confidence=0.95, min_rows=min_rows)
    assert interval.problem == problem
    assert np.isfinite(interval.low) == np.isfinite(interval.high) == (problem is None)


def test_no_rows_are_too_few() -> None:
    empty = Samples(X=np.zeros((0, 1)), y=np.array([], dtype=object), unit=np.array([], dtype=np.int64))
    interval = score_interval(metric=AUC, samples=empty, prediction=two_class(positive=np.array([])), confidence=0.95)
    assert (interval.problem, interval.rows, interval.units) == ("TooFewRows", 0, 0)


def test_thirty_thousand_rows_of_28_days_are_compared_by_auc_in_half_a_second() -> None:
    draw = np.random.default_rng(0)
    y = np.where(draw.random(30_000) < 0.25, "yes", "no").astype(object)
    samples = Samples(X=np.zeros((30_000, 1)), y=y, unit=np.sort(draw.integers(0, 28, 30_000)))
    one, other = (two_class(positive=draw.random(30_000)) for _ in range(2))
    started = time.process_time()
    difference_interval(metric=AUC, samples=samples, challenger=one, champion=other, confidence=0.95)
    assert time.process_time() - started < 0.5
