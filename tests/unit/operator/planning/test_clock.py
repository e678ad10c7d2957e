"""Slots on real clocks: skipped hours do not run, repeated hours run twice, and both are announced."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retrain_operator.planning.clock import ambiguous_slot, find_zone, next_slot, shortest_interval
from retrain_operator.planning.cron import ScheduleError, parse_cron
from retrain_operator.planning.problem import SpecProblem
from retrain_operator.planning.schedule import read_schedule


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# As robfig/cron, the parser inside the CronJob controller, does it.
SLOTS = {
    "UTC": ("0 0 * * 0", "Etc/UTC", "2026-03-04T12:00", ["2026-03-08T00:00", "2026-03-15T00:00"]),
    "a slot at the very moment is past": ("0 12 * * *", "Etc/UTC", "2026-03-04T12:00", ["2026-03-05T12:00"]),
    "winter and summer time": (
        "0 4 * * *",
        "Europe/Berlin",
        "2026-03-28T00:00",
        ["2026-03-28T03:00", "2026-03-29T02:00"],
    ),
    "the skipped hour does not run": (
        "30 2 * * *",
        "Europe/Berlin",
        "2026-03-28T00:00",
        ["2026-03-28T01:30", "2026-03-30T00:30"],
    ),
    "the repeated hour runs twice": (
        "30 2 * * *",
        "Europe/Berlin",
        "2026-10-24T12:00",
        ["2026-10-25T00:30", "2026-10-25T01:30", "2026-10-26T01:30"],
    ),
    "inside the repeated hour the second one comes next": (
        "30 2 * * *",
        "Europe/Berlin",
        "2026-10-25T00:45",
        ["2026-10-25T01:30"],
    ),
    "every hour runs every hour through a change": (
        "0 * * * *",
        "America/New_York",
        "2026-11-01T04:30",
        ["2026-11-01T05:00", "2026-11-01T06:00", "2026-11-01T07:00"],
    ),
    "a change of half an hour": (
        "45 1 * * *",
        "Australia/Lord_Howe",
        "2026-04-04T00:00",
        ["2026-04-04T14:45", "2026-04-04T15:15"],
    ),
    "29 February waits for a leap year": ("0 0 29 2 *", "Etc/UTC", "2026-03-04T12:00", ["2028-02-29T00:00"]),
}


@pytest.mark.parametrize(("text", "zone", "after", "slots"), SLOTS.values(), ids=SLOTS)
def test_next_slots(text: str, zone: str, after: str, slots: list[str]) -> None:
    cron, moment = parse_cron(text=text, seed="u"), utc(after)
    for slot in slots:
        found = next_slot(cron=cron, zone=find_zone(zone), after=moment)
        assert found == utc(slot)
        moment = found


AMBIGUOUS = {
    "in the skipped hour": (
        "30 2 * * *",
        "Europe/Berlin",
        "2026-03-04",
        "2026-03-29 in Europe/Berlin the time 02:30 does",
    ),
    "in the repeated hour": (
        "15 2 * * *",
        "Europe/Berlin",
        "2026-04-04",
        "2026-10-25 in Europe/Berlin the time 02:15 com",
    ),
    "at the first moment that is skipped": ("0 2 * * *", "America/New_York", "2026-01-01", "2026-03-08"),
    "at the first moment that is repeated": ("0 1 * * *", "America/New_York", "2026-04-01", "2026-11-01"),
    "the change is today": ("30 2 * * *", "Europe/Berlin", "2026-03-29", "2026-03-29"),
    "every two hours": ("0 */2 * * *", "Europe/Berlin", "2026-03-04", "2026-03-29"),
    "south of the equator": ("30 2 * * *", "Australia/Sydney", "2026-03-04", "2026-04-05"),
}

CLEAR = {
    "UTC": ("30 2 * * *", "Etc/UTC"),
    "a zone without changes": ("30 2 * * *", "Asia/Tokyo"),
    "another hour": ("30 4 * * *", "Europe/Berlin"),
    "the hour after the change": ("0 3 * * *", "Europe/Berlin"),
    "every hour": ("30 * * * *", "Europe/Berlin"),
    "another day of the week": ("30 2 * * 3", "Europe/Berlin"),
}


@pytest.mark.parametrize(("text", "zone", "now", "words"), AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_ambiguous(text: str, zone: str, now: str, words: str) -> None:
    sentence = ambiguous_slot(cron=parse_cron(text=text, seed="u"), zone=find_zone(zone), now=utc(now))
    assert sentence is not None
    assert words in sentence


@pytest.mark.parametrize(("text", "zone"), CLEAR.values(), ids=CLEAR)
def test_not_ambiguous(text: str, zone: str) -> None:
    now = utc("2026-03-04T12:00")
    assert ambiguous_slot(cron=parse_cron(text=text, seed="u"), zone=find_zone(zone), now=now) is None


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["30 2 * * *", "*/20 1-3 * * *", "0 * * * *", "H 0 * * 0", "0 0 29 2 *"]),
    st.sampled_from(["Etc/UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds are naive
)
def test_the_next_slot_is_later_and_none_lies_between(text: str, zone: str, after: datetime) -> None:
    cron, place = parse_cron(text=text, seed="u"), find_zone(zone)
    slot = next_slot(cron=cron, zone=place, after=after)
    assert slot is not None
    assert slot > after
    assert next_slot(cron=cron, zone=place, after=slot - timedelta(seconds=1)) == slot
    between = after + (slot - after) / 2
    assert next_slot(cron=cron, zone=place, after=between) == slot


@pytest.mark.parametrize("name", ["Europe/Atlantis", "Local", "", "../etc/passwd", "/etc/localtime", "Europe", "CET\0"])
def test_what_is_no_zone_is_named(name: str) -> None:
    with pytest.raises(ScheduleError, match="Europe/Berlin"):
        find_zone(name)


INTERVALS = {"* * * * *": 60, "*/15 * * * *": 900, "59 * * * *": 3600, "0,59 * * * *": 60, "0 0 * * 0": 604800}


@pytest.mark.parametrize(("text", "seconds"), INTERVALS.items())
def test_shortest_interval(text: str, seconds: int) -> None:
    assert shortest_interval(cron=parse_cron(text=text, seed="u")) == timedelta(seconds=seconds)


def test_a_schedule_below_the_administrators_interval_is_refused() -> None:
    with pytest.raises(SpecProblem) as caught:
        read_schedule(text="*/5 * * * *", time_zone="Etc/UTC", seed="u", minimum_interval_seconds=900)
    assert caught.value.reason == "ScheduleTooFrequent"
    assert "every 300 s" in caught.value.message
