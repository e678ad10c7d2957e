"""Schedules are read as Kubernetes reads them, and refused in words that say what to write instead."""

from __future__ import annotations

from datetime import datetime
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retrain_operator.planning.cron import ScheduleError, parse_cron

READ = {
    "every Sunday": ("0 0 * * 0", "0 0 * * 0"),
    "names of days": ("0 0 * * MON-fri", "0 0 * * 1,2,3,4,5"),
    "names of months": ("0 0 1 JAN,jul *", "0 0 1 1,7 *"),
    "steps are explicit lists": ("*/15 * * * *", "0,15,30,45 * * * *"),
    "a step of one is every": ("*/1 * * * *", "* * * * *"),
    "a step from a number goes to the end": ("50/4 * * * *", "50,54,58 * * * *"),
    "a step in a range": ("0-10/5 * * * *", "0,5,10 * * * *"),
    "a question mark is every": ("0 0 ? * 1", "0 0 * * 1"),
    "lists": ("5,1,3 * * * *", "1,3,5 * * * *"),
    "spaces and tabs": ("  0\t0  * * 0 ", "0 0 * * 0"),
    "@daily": ("@daily", "0 0 * * *"),
    "@yearly": ("@yearly", "0 0 1 1 *"),
    "29 February": ("0 0 29 2 *", "0 0 29 2 *"),
}


@pytest.mark.parametrize(("text", "expanded"), READ.values(), ids=READ)
def test_read(text: str, expanded: str) -> None:
    assert parse_cron(text=text, seed="u").expanded == expanded


REFUSED = {
    "hour 24": ("0 24 * * *", "write '0 0 * * *'"),
    "swapped minute and hour": ("2 30 * * *", "minute and hour may be swapped: '30 2 * * *'"),
    "six fields": ("0 0 0 * * 0", "without seconds it is '0 0 * * 0'"),
    "four fields": ("0 0 * *", "4 fields; write five"),
    "one field": ("daily", "1 field; write five"),
    "nothing": ("   ", "leave spec.schedule out"),
    "@every": ("@every 5m", "*/15 * * * *"),
    "@reboot": ("@reboot", "@hourly, @daily, @weekly"),
    "a macro in capitals": ("@Daily", "@daily"),
    "TZ=": ("TZ=UTC 0 0 * * *", "spec.timeZone"),
    "CRON_TZ=": ("CRON_TZ=Europe/Berlin 0 0 * * *", "spec.timeZone"),
    "weekday 7": ("0 0 * * 7", "Sunday is weekday 0"),
    "day 0": ("0 0 0 * *", "for the first one 1"),
    "month 0": ("0 0 1 0 *", "for the first one 1"),
    "minute 60": ("60 * * * *", "minute 60 is not in 0-59"),
    "30 February": ("0 0 30 2 *", "never comes"),
    "31 April and June": ("0 0 31 4,6 *", "never comes"),
    "a range backwards": ("0 5-1 * * *", "runs backwards"),
    "a step of 0": ("*/0 * * * *", "step of 0"),
    "the last day": ("0 0 L * *", "not a number from 1 to 31"),
    "a comma too many": ("0, 0 * * *", "cannot be read"),
    "a range from a star": ("*-5 * * * *", "a range cannot start"),
    "digits of another script": ("٣ * * * *", "cannot be read"),
}


@pytest.mark.parametrize(("text", "hint"), REFUSED.values(), ids=REFUSED)
def test_refused_with_a_hint(text: str, hint: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        parse_cron(text=text, seed="u")
    assert hint in str(caught.value)


def test_h_is_stable_for_a_policy_and_spreads_policies() -> None:
    texts = [parse_cron(text="H 2 * * 0", seed=f"policy-{number}").text for number in range(500)]
    assert texts == [parse_cron(text="H 2 * * 0", seed=f"policy-{number}").text for number in range(500)]
    assert len(set(texts)) > 50
    assert all("H" not in text for text in texts)


def test_h_in_the_day_is_a_day_that_every_month_has() -> None:
    days = {int(parse_cron(text="0 0 H * *", seed=str(number)).text.split()[2]) for number in range(500)}
    assert days == set(range(1, 29))


STAR_DAYS = {
    "a list of days or a weekday": ("0 0 1,15 * 1", [1, 5, 12, 15]),
    "a step is no star: every other day or Monday": ("0 0 */2 * 1", [1, 3, 5, 7]),
    "a star: Mondays only": ("0 0 * * 1", [5, 12, 19, 26]),
    "1-31 is no star: every day": ("0 0 1-31 * 1", [1, 2, 3, 4]),
}


@pytest.mark.parametrize(("text", "days"), STAR_DAYS.values(), ids=STAR_DAYS)
def test_day_and_weekday_as_kubernetes_takes_them(text: str, days: list[int]) -> None:
    # January 2026 begins on a Thursday.
    slots = parse_cron(text=text, seed="u").slots(after=datetime(2025, 12, 31, 12))  # noqa: DTZ001 - wall clock
    assert [slot.day for slot in islice(slots, 4)] == days


@given(
    st.one_of(st.text(max_size=30), st.lists(st.text(alphabet="*?0123456789,-/H@LWmonFEB ", max_size=6)).map(" ".join))
)
def test_any_text_is_a_schedule_or_an_error_with_words(text: str) -> None:
    try:
        cron = parse_cron(text=text, seed="u")
    except ScheduleError as error:
        words = str(error)
        assert len(words) > 10
    else:
        # What was accepted is read again as the same, which is what a CronJob gets.
        assert parse_cron(text=cron.text, seed="another").expanded == cron.expanded
