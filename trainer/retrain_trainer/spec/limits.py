"""`spec.limits`: what holds training back. Monitoring goes on meanwhile; a person's `train` request passes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from retrain_trainer.errors import SpecError
from retrain_trainer.spec.reading import Reader

#: No clock is put on or back by more than this.
_LARGEST_CHANGE = timedelta(hours=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """At most `count` trainings in any time of length `per`."""

    count: int
    per: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Blackout:
    """From each time that `start` (five-field cron, in `zone`) names, for `duration`."""

    start: str
    duration: timedelta
    zone: str = "Etc/UTC"

    def end(self, *, now: datetime) -> datetime | None:
        """When the blackout ends in which `now` (aware) lies; None outside of all."""
        # Backwards from later than now: in a repeated hour the wall clock alone does not tell what has begun.
        later = (now + _LARGEST_CHANGE).astimezone(ZoneInfo(self.zone))
        begins = (begin.astimezone(UTC) for begin in CronSim(self.start, later, reverse=True))
        last = next((begin for begin in begins if begin <= now), None)
        return last + self.duration if last is not None and last + self.duration > now else None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsSpec:
    """cooldown: after any training. stop_after_failures: failed runs in a row, until an edit or a `train` request."""

    cooldown: timedelta | None = None
    max_trainings: Budget | None = None
    blackouts: tuple[Blackout, ...] = ()
    stop_after_failures: int = 5


def read_limits(reader: Reader, *, zone: str) -> LimitsSpec:
    """`zone`: spec.timeZone. Raises SpecError naming the field."""
    parsed = LimitsSpec(
        cooldown=reader.duration("cooldown"),
        max_trainings=_budget(reader.section("maxTrainings")) if reader.has("maxTrainings") else None,
        blackouts=tuple(_blackout(section, zone=zone) for section in reader.sections("blackouts")),
        stop_after_failures=reader.integer("stopAfterFailures", default=5, low=1),
    )
    reader.finish()
    return parsed


def _budget(reader: Reader) -> Budget:
    count, per = reader.integer("count", default=0), reader.duration("per")
    reader.finish()
    if count < 1 or not per:
        raise SpecError(
            reason="InvalidSpec",
            message="spec.limits.maxTrainings needs count (1 or more) and per, for instance {count: 4, per: 30d}",
        )
    return Budget(count=count, per=per)


def _blackout(reader: Reader, *, zone: str) -> Blackout:
    start, duration = reader.required_text("start"), reader.duration("duration")
    reader.finish()
    try:
        if len(start.split()) != 5:
            raise CronSimError("five fields are needed")
        CronSim(start, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise SpecError(
            reason="InvalidSpec",
            message=f"{reader.path}.start: {start[:60]!r} is no cron expression ({error}); write five fields such as "
            "0 8 * * 1-5",
        ) from error
    if not duration or duration > timedelta(days=366):
        raise SpecError(
            reason="InvalidSpec", message=f"{reader.path}.duration is required: a time of at most 366d, such as 12h"
        )
    return Blackout(start=start, duration=duration, zone=zone)
