"""Is the schedule of a policy one that can run, when does it fire next, and what should people know about it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from retrain_operator.api import reasons
from retrain_operator.planning.clock import ambiguous_slot, find_zone, next_slot, shortest_interval
from retrain_operator.planning.cron import Cron, ScheduleError, parse_cron
from retrain_operator.planning.problem import SpecProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A schedule that can run."""

    cron: Cron
    zone: ZoneInfo

    def next(self, *, after: datetime) -> datetime | None:
        """First slot later than `after`, UTC."""
        return next_slot(cron=self.cron, zone=self.zone, after=after)

    def ambiguity(self, *, now: datetime) -> str | None:
        """A sentence on the next slot that a clock change skips or repeats."""
        return ambiguous_slot(cron=self.cron, zone=self.zone, now=now)


@lru_cache(maxsize=16384)
def read_schedule(*, text: str, time_zone: str, seed: str, minimum_interval_seconds: int) -> Schedule:
    """The schedule of a policy; `seed` (its UID) gives each `H` its value.

    Raises:
        SpecProblem: InvalidSchedule, InvalidTimeZone or ScheduleTooFrequent, naming the field and the remedy.
    """
    try:
        cron = parse_cron(text=text, seed=seed)
    except ScheduleError as error:
        raise SpecProblem(reason=reasons.INVALID_SCHEDULE, message=f"spec.schedule: {error}") from None
    zone = check_zone(time_zone)
    shortest = shortest_interval(cron=cron).total_seconds()
    if shortest < minimum_interval_seconds:
        raise SpecProblem(
            reason=reasons.SCHEDULE_TOO_FREQUENT,
            message=f"spec.schedule: {text!r} fires every {shortest:.0f} s; the administrator allows one run in "
            f"{minimum_interval_seconds} s or more",
        )
    return Schedule(cron=cron, zone=zone)


def check_zone(name: str) -> ZoneInfo:
    """The zone of a policy: of its blackouts too, so also without a schedule.

    Raises:
        SpecProblem: InvalidTimeZone, naming the field and the remedy.
    """
    try:
        return find_zone(name)
    except ScheduleError as error:
        raise SpecProblem(reason=reasons.INVALID_TIME_ZONE, message=f"spec.timeZone: {error}") from None


def check_blackouts(*, starts: Sequence[str]) -> None:
    """Can the trainer read every `start` of `spec.limits.blackouts`? The run would tell only when it is due.

    Raises:
        SpecProblem: InvalidSchedule, naming the field and the remedy.
    """
    for index, text in enumerate(starts):
        where = f"spec.limits.blackouts[{index}].start"
        try:
            cron = parse_cron(text=text, seed="")
        except ScheduleError as error:
            raise SpecProblem(reason=reasons.INVALID_SCHEDULE, message=f"{where}: {error}") from None
        if cron.text != " ".join(text.split()):
            raise SpecProblem(
                reason=reasons.INVALID_SCHEDULE, message=f"{where}: {text!r}: H has no meaning here; write a number"
            )
