"""A blackout lasts as long as it says, on the days too on which the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st
from retrain_trainer.spec import Blackout

BERLIN = "Europe/Berlin"
#: At 01:00 UTC the clocks of Berlin go from 03:00 back to 02:00 in autumn, and from 02:00 on to 03:00 in spring.
AUTUMN = datetime(2026, 10, 25, tzinfo=UTC)
SPRING = datetime(2026, 3, 29, tzinfo=UTC)

TABLE = {
    "on the day of the longer night it begins once, at the first 02:30": ("30 2 * * *", 60, AUTUMN, (30, 90)),
    "and lasts two hours, where it says so": ("30 2 * * *", 120, AUTUMN, (30, 150)),
    "one that begins before the change ends when its time is over": ("30 1 * * *", 120, AUTUMN, (-30, 90)),
    "on the day of the shorter night it begins when the clocks have gone on": ("30 2 * * *", 60, SPRING, (60, 120)),
    "one that goes over the gap lasts as long": ("30 1 * * *", 120, SPRING, (30, 150)),
    "one of a whole day is a day": ("0 0 25 10 *", 24 * 60, AUTUMN, (-120, 22 * 60)),
}


@pytest.mark.parametrize(("start", "minutes", "midnight", "lies"), TABLE.values(), ids=TABLE)
def test_when_it_begins_and_ends(start: str, minutes: int, midnight: datetime, lies: tuple[int, int]) -> None:
    blackout = Blackout(start=start, duration=timedelta(minutes=minutes), zone=BERLIN)
    first, end = (midnight + timedelta(minutes=minute) for minute in lies)
    for minute in range(-180, 24 * 60, 5):
        now = midnight + timedelta(minutes=minute)
        if first <= now < end:
            assert blackout.end(now=now) == end, f"{now:%H:%M}"
        elif now < first or now < end + timedelta(hours=12):
            assert blackout.end(now=now) is None, f"{now:%H:%M}"


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from([BERLIN, "America/New_York", "Africa/Casablanca", "Etc/UTC"]),
    start=st.sampled_from(["30 2 * * *", "0 3 * * *", "*/30 1-3 * * *", "15 * * * *", "0 0 * * 0"]),
    hours=st.sampled_from([1, 5, 30, 200]),
    now=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_it_is_the_newest_of_all_that_have_begun(zone: str, start: str, hours: int, now: datetime) -> None:
    duration = timedelta(hours=hours)
    begun = []
    for time in CronSim(start, (now - duration - timedelta(hours=4)).astimezone(ZoneInfo(zone))):
        if (moment := time.astimezone(UTC)) > now:
            break
        begun.append(moment + duration)
    expected = max((end for end in begun if end > now), default=None)
    assert Blackout(start=start, duration=duration, zone=zone).end(now=now) == expected


def test_one_that_begins_every_minute_of_a_year_is_found_at_once() -> None:
    blackout = Blackout(start="* * * * *", duration=timedelta(days=366))
    assert blackout.end(now=AUTUMN) == AUTUMN + timedelta(days=366)
