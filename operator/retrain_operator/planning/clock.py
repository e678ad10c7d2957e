"""When a schedule fires on real clocks: time zones, and the hours that clock changes skip or repeat.

As Kubernetes does (robfig/cron): a slot in the hour that is skipped does not run that day, a slot in the hour that
comes twice runs twice (kubernetes/kubernetes#121594). The first is silent there; here it is a condition.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from retrain_operator.planning.cron import Cron, ScheduleError

#: How far ahead clock changes are looked for.
HORIZON = timedelta(days=366)


@lru_cache(maxsize=256)
def find_zone(name: str) -> ZoneInfo:
    """The IANA zone. Raises ScheduleError naming spec.timeZone."""
    try:
        if name != "Local":
            return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        pass
    raise ScheduleError(f"{name!r} is no IANA time zone; write one such as Etc/UTC, Europe/Berlin or America/New_York")


def next_slot(*, cron: Cron, zone: ZoneInfo, after: datetime) -> datetime | None:
    """The first slot later than `after` (aware), in UTC; None if none comes within the search of cronsim (50 years)."""
    best: tuple[datetime, datetime] | None = None
    # Three hours back: no clock change is larger, and a repeated hour lies before the wall clock of `after`.
    for wall in cron.slots(after=after.astimezone(zone).replace(tzinfo=None) - timedelta(hours=3)):
        if best is not None and wall > best[0] + timedelta(hours=3):
            break
        for moment in _moments(wall=wall, zone=zone):
            if moment > after and (best is None or moment < best[1]):
                best = (best[0] if best else wall, moment)
    return best[1] if best else None


def _moments(*, wall: datetime, zone: ZoneInfo) -> list[datetime]:
    """The moments, in UTC, at which clocks of `zone` show `wall`: none, one or two."""
    moments = []
    for fold in (0, 1):
        moment = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == wall and moment not in moments:
            moments.append(moment)
    return moments


def shortest_interval(*, cron: Cron) -> timedelta:
    """The shortest time between two of the next slots of a schedule, on a clock that never changes."""
    slots = cron.slots(after=datetime(2024, 1, 1))  # noqa: DTZ001 - wall-clock time on purpose
    previous, shortest = next(slots), timedelta.max
    for _, slot in zip(range(100), slots, strict=False):
        shortest = min(shortest, slot - previous)
        previous = slot
    return shortest


def ambiguous_slot(*, cron: Cron, zone: ZoneInfo, now: datetime) -> str | None:
    """A sentence on the next slot that a clock change skips or repeats within a year; None if there is none.

    A schedule of every hour loses and doubles nothing that anybody could mean otherwise.
    """
    if cron.every_hour:
        return None
    return _ambiguous(cron, zone, now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0))


@lru_cache(maxsize=4096)
def _ambiguous(cron: Cron, zone: ZoneInfo, day: datetime) -> str | None:
    for change, before, after in _clock_changes(zone, day):
        # On the wall clock of before: [change, change + shift) is skipped, [change - shift, change) comes twice.
        wall = (change + before).replace(tzinfo=None)
        shift = after - before
        start, end = (wall, wall + shift) if shift > timedelta(0) else (wall + shift, wall)
        slot = next(cron.slots(after=start - timedelta(minutes=1)), None)
        if slot is not None and slot < end:
            what = "does not exist, so the run is skipped" if shift > timedelta(0) else "comes twice, so it runs twice"
            return f"on {slot:%Y-%m-%d} in {zone.key} the time {slot:%H:%M} {what}; another hour or Etc/UTC avoids it"
    return None


@lru_cache(maxsize=512)
def _clock_changes(zone: ZoneInfo, day: datetime) -> tuple[tuple[datetime, timedelta, timedelta], ...]:
    """Clock changes within HORIZON of `day` (UTC): moment, offset before, offset after."""
    changes = []
    step = timedelta(days=1)
    moment = day
    while moment < day + HORIZON:
        before, after = _offset(moment, zone), _offset(moment + step, zone)
        if before != after:
            low, high = moment, moment + step
            while high - low > timedelta(minutes=1):
                middle = low + (high - low) / 2
                low, high = (middle, high) if _offset(middle, zone) == before else (low, middle)
            changes.append((high.replace(second=0, microsecond=0), before, after))
        moment += step
    return tuple(changes)


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)
