"""Times are read without ever raising, and written as the API writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retrain_operator.api.times import format_time, parse_time

from tests.builders import NOON

READ = {
    "UTC": ("2026-03-04T12:00:00Z", NOON),
    "an offset": ("2026-03-04T13:00:00+01:00", NOON),
    "no zone means UTC": ("2026-03-04T12:00:00", NOON),
    "fractions": ("2026-03-04T12:00:00.5Z", NOON + timedelta(seconds=0.5)),
    "no time": ("noon", None),
    "no text": (12, None),
    "before all years": ("0001-01-01T00:00:00+10:00", None),
    "after all years": ("9999-12-31T23:59:59-10:00", None),
}


@pytest.mark.parametrize(("text", "moment"), READ.values(), ids=READ)
def test_read(text: object, moment: datetime | None) -> None:
    assert parse_time(text) == moment


def test_written_in_utc_and_whole_seconds() -> None:
    east = timezone(timedelta(hours=2))
    assert format_time(datetime(2026, 3, 4, 14, 0, 0, 999999, tzinfo=east)) == "2026-03-04T12:00:00Z"


@given(st.datetimes(timezones=st.just(UTC)))
def test_what_is_written_is_read_again(moment: datetime) -> None:
    assert parse_time(format_time(moment)) == moment.replace(microsecond=0)


@given(st.text())
def test_any_text_is_a_time_or_none(text: str) -> None:
    parse_time(text)
