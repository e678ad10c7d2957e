"""When checks take place."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retrain_trainer.backtest.periods import MAX_CHECKS, periods
from retrain_trainer.errors import SpecError

START, END = datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 4, 11, tzinfo=UTC)  # a hundred days
DAY = timedelta(days=1)


def test_the_first_check_comes_after_a_fifth_of_the_time_and_the_last_period_ends_with_the_rows() -> None:
    made = periods(time_min=START, time_max=END, every=7 * DAY)
    assert (made[0].start, made[-1].end) == (datetime(2013, 1, 21, tzinfo=UTC), END)
    assert len(made) == 12


@given(every=st.integers(1, 39), begin=st.integers(0, 20))
def test_periods_follow_each_other_without_a_gap(every: int, begin: int) -> None:
    made = periods(time_min=START, time_max=END, every=every * DAY, begin=START + begin * DAY)
    assert all(before.end == after.start for before, after in itertools.pairwise(made))
    assert all(timedelta(0) < period.end - period.start <= every * DAY for period in made)
    assert (made[0].start, made[-1].end) == (START + begin * DAY, END)


@pytest.mark.parametrize(
    "asked, named",
    [
        ({"every": timedelta(0)}, "--every must be longer than nothing"),
        (
            {"every": 90 * DAY},
            "--every 90d gives 1 check from 2013-01-21 to 2013-04-11; 2 are needed: choose at most 40d",
        ),
        ({"every": 40 * DAY, "halves": True}, "4 are needed for two halves: choose at most 20d"),
        ({"every": timedelta(seconds=60)}, f"a back-test makes at most {MAX_CHECKS:,}"),
        ({"begin": START - DAY}, "--from 2012-12-31 is before any row: the rows lie between 2013-01-01 and 2013-04-11"),
        ({"begin": END}, "between --from 2013-04-11 and --until 2013-04-11 nothing can be scored"),
        ({"until": START}, "between --from 2013-01-21 and --until 2013-01-01 nothing can be scored"),
    ],
    ids=[
        "no time",
        "too long",
        "too long for halves",
        "too short",
        "before the rows",
        "after the rows",
        "until before",
    ],
)
def test_times_that_give_no_back_test_are_explained(asked: dict[str, Any], named: str) -> None:
    with pytest.raises(SpecError) as told:
        periods(**{"time_min": START, "time_max": END, "every": 7 * DAY, **asked})
    assert told.value.reason == "InvalidBacktest"
    assert named in told.value.message
