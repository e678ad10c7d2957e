"""When the checks of a back-test take place, and which rows each is held against. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from retrain_trainer.errors import SpecError

#: Without --from the first check comes after this share of the time that the rows span: a model needs a history.
HISTORY_SHARE = 0.2

#: Fewer checks give nothing to compare; --set needs as many in each half.
MIN_CHECKS = 2
MAX_CHECKS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A check at `start`, which sees rows up to it; its model is held against rows after it, up to `end`. UTC."""

    start: datetime
    end: datetime


def periods(
    *,
    time_min: datetime,
    time_max: datetime,
    every: timedelta,
    begin: datetime | None = None,
    until: datetime | None = None,
    halves: bool = False,
) -> tuple[Period, ...]:
    """The checks from `begin` to `until` (default: after a fifth of the rows' time, at midnight; the newest row).

    The last period ends with `until`, however short it is. `halves`: there must be enough checks for two halves.

    Raises SpecError `InvalidBacktest`: no row lies in that time, or the checks would be too few or too many.
    """
    if every <= timedelta(0):
        raise _invalid("--every must be longer than nothing; write for instance 7d")
    first = begin or _midnight_after(time_min + HISTORY_SHARE * (time_max - time_min))
    last = min(until or time_max, time_max)
    rows = f"the rows lie between {_shown(time_min)} and {_shown(time_max)}"
    if first < time_min:
        raise _invalid(f"--from {_shown(first)} is before any row: {rows}")
    if first >= last:
        raise _invalid(f"between --from {_shown(first)} and --until {_shown(last)} nothing can be scored: {rows}")
    span, wanted = last - first, MIN_CHECKS * (2 if halves else 1)
    checks = -(-span // every)
    if checks < wanted:
        raise _invalid(
            f"--every {_length(every)} gives {checks} check{'' if checks == 1 else 's'} from {_shown(first)} to "
            f"{_shown(last)}; {wanted} are needed{' for two halves' if halves else ''}: choose at most "
            f"{_length(span / wanted)}, or an earlier --from ({rows})"
        )
    if checks > MAX_CHECKS:
        raise _invalid(
            f"--every {_length(every)} gives {checks:,} checks from {_shown(first)} to {_shown(last)}, and a back-test "
            f"makes at most {MAX_CHECKS:,}; choose a longer one, or a later --from"
        )
    starts = [first + index * every for index in range(checks)]
    return tuple(Period(start=start, end=min(start + every, last)) for start in starts)


def _midnight_after(time: datetime) -> datetime:
    midnight = time.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if midnight == time else midnight + timedelta(days=1)


def _shown(time: datetime) -> str:
    return f"{time:%Y-%m-%d}" if time == time.replace(hour=0, minute=0, second=0, microsecond=0) else f"{time:%FT%TZ}"


def _length(span: timedelta) -> str:
    """In the largest unit that it holds, rounded down: 41d, 7h."""
    for unit, seconds in (("d", 86400), ("h", 3600), ("m", 60)):
        if span.total_seconds() >= seconds:
            return f"{int(span.total_seconds() // seconds)}{unit}"
    return f"{int(span.total_seconds())}s"


def _invalid(message: str) -> SpecError:
    return SpecError(reason="InvalidBacktest", message=message)
