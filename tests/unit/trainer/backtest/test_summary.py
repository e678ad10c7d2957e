"""What a policy is said to be worth, from scores whose truth is known."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retrain_trainer.backtest.summary import Marks, summary

NAN = float("nan")


def marks(never: float, policy: float, always: float, **changes: Any) -> Marks:
    """A period of 100 rows in which *always* trains."""
    values: dict[str, Any] = {
        "rows": 100,
        "trained": False,
        "promoted": False,
        "seconds": 0.0,
        "always_trained": True,
        "always_seconds": 1.0,
        **changes,
    }
    return Marks(never=never, policy=policy, always=always, **values)


def aged(count: int = 10, *, policy: float = 0.75) -> list[Marks]:
    """*never* has some 0.6, *always* 0.8; the policy lies between them at `policy`, with a little noise for all."""
    noise = [0.01 * ((7 * place) % 5 - 2) for place in range(count)]
    return [marks(0.6 + each, policy + each, 0.8 + each / 2) for each in noise]


def test_a_policy_between_never_and_always_recovers_its_share() -> None:
    found = summary(aged(), greater_is_better=True)
    assert found.conclusion == "GainAvailable"
    assert found.recovered is not None
    assert found.gain.estimate == pytest.approx(0.2)
    assert found.recovered.estimate == pytest.approx(0.75)
    assert found.recovered.low < 0.75 < found.recovered.high
    assert found.better.estimate == pytest.approx(0.15)


def test_smaller_scores_are_better_where_the_metric_says_so() -> None:
    losses = [marks(0.6, 0.5, 0.4 + 0.001 * place) for place in range(8)]
    found = summary(losses, greater_is_better=False)
    assert found.gain.estimate > 0.19
    assert found.recovered is not None
    assert found.recovered.estimate == pytest.approx(0.51, abs=0.01)
    assert summary(losses, greater_is_better=True).conclusion == "NoGainAvailable"


@pytest.mark.parametrize(
    "periods, conclusion",
    [
        (aged(4), "TooFewPeriods"),
        ([], "TooFewPeriods"),
        ([marks(0.7, 0.7, 0.7 + (-1) ** place * 0.05) for place in range(10)], "NoGainAvailable"),
        ([marks(0.7, 0.7, 0.7) for _ in range(10)], "NoGainAvailable"),
        ([marks(0.8, 0.8, 0.7) for _ in range(10)], "NoGainAvailable"),
        ([*aged(9), *(marks(NAN, NAN, NAN, rows=0) for _ in range(9))], "GainAvailable"),
        ([*aged(4), *(marks(0.6, NAN, 0.8) for _ in range(9))], "TooFewPeriods"),
    ],
    ids=[
        "four periods tell nothing",
        "no period",
        "always is better as often as worse",
        "always is never better",
        "always is worse",
        "periods before the first model do not count",
        "nor do those without a score of the policy",
    ],
)
def test_a_share_is_told_only_where_there_is_a_gain(periods: list[Marks], conclusion: str) -> None:
    found = summary(periods, greater_is_better=True)
    assert found.conclusion == conclusion
    assert (found.recovered is None) == (conclusion != "GainAvailable")


@given(st.lists(st.tuples(st.floats(0.5, 0.6), st.floats(0.7, 0.9), st.integers(1, 500)), min_size=6, max_size=30))
def test_never_itself_recovers_nothing_and_always_all(scores: list[tuple[float, float, int]]) -> None:
    for share in (0.0, 1.0):
        periods = [marks(never, always if share else never, always, rows=rows) for never, always, rows in scores]
        found = summary(periods, greater_is_better=True)
        if found.recovered is not None:
            assert found.recovered.estimate == pytest.approx(share)
            assert found.recovered.low == pytest.approx(share)
            assert math.isfinite(found.recovered.high)


def test_a_period_weighs_what_it_has_rows() -> None:
    found = summary([marks(0.5, 0.5, 0.5, rows=900), marks(0.9, 0.9, 0.9, rows=100)], greater_is_better=True)
    assert found.policy.score == pytest.approx(0.54)
    assert (found.periods, found.rows) == (2, 1000)


def test_costs_are_counted_over_all_periods_and_waste_is_what_was_not_promoted() -> None:
    periods = [
        marks(NAN, NAN, NAN, rows=0, always_trained=False, always_seconds=0.0),
        marks(0.6, 0.6, 0.6, trained=True, promoted=True, seconds=2.0),
        marks(0.6, 0.6, 0.7, trained=True, seconds=3.0),
        marks(0.6, 0.6, 0.7),
    ]
    found = summary(periods, greater_is_better=True)
    assert (found.policy.trainings, found.policy.wasted, found.policy.seconds) == (2, 1, 5.0)
    assert (found.never.trainings, found.never.seconds) == (1, 2.0)
    assert (found.always.trainings, found.always.seconds) == (3, 3.0)
