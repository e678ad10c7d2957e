"""Five-field cron as Kubernetes reads it, with errors that say what to write instead.

Kubernetes refuses a bad schedule only when the CronJob is written, in the words of its parser; some schedules it takes
and never fires (30 February). People see our sentence instead, and what worked goes on. Times are computed by
cronsim from explicit lists of numbers: its own reading of `*/2` as "every day" in the day-or-weekday rule differs from
the one of Kubernetes (robfig/cron), an explicit list does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Final

from cronsim import CronSim, CronSimError

from retrain_operator.api.names import short_digest

_MONTHS = {name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_WEEKDAYS = {name: number for number, name in enumerate("sun mon tue wed thu fri sat".split())}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    name: str
    low: int
    high: int
    names: dict[str, int]
    hash_high: int


_FIELDS: Final = (
    _Field(name="minute", low=0, high=59, names={}, hash_high=59),
    _Field(name="hour", low=0, high=23, names={}, hash_high=23),
    _Field(name="day of month", low=1, high=31, names={}, hash_high=28),
    _Field(name="month", low=1, high=12, names=_MONTHS, hash_high=12),
    _Field(name="weekday", low=0, high=6, names=_WEEKDAYS, hash_high=6),
)

_MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}

_PART = re.compile(r"^(\*|\?|[a-z0-9]+)(?:-([a-z0-9]+))?(?:/([0-9]+))?$")


class ScheduleError(ValueError):
    """A schedule that cannot be; the message says what is wrong and what to write instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """A readable schedule. `text` is what a CronJob takes: as written, with every `H` replaced by its value."""

    text: str
    expanded: str
    every_hour: bool

    def slots(self, *, after: datetime) -> Iterator[datetime]:
        """Wall-clock slots later than `after`; naive times in, naive times out (planning.clock adds the zone)."""
        yield from CronSim(self.expanded, after)


def parse_cron(*, text: str, seed: str) -> Cron:
    """Reads `text`; `seed` (the policy's UID) makes the value of each `H` stable.

    Raises:
        ScheduleError: what is wrong, and what to write instead.
    """
    written = " ".join(text.split())
    if not written:
        raise ScheduleError("the schedule is empty; leave spec.schedule out to run by triggers and requests only")
    if "TZ=" in written.upper():
        raise ScheduleError(f"{written!r} carries a time zone; put the zone in spec.timeZone")
    if written.startswith("@"):
        if written not in _MACROS:
            known = ", ".join(name for name in _MACROS if name not in ("@midnight", "@annually"))
            hint = "; for an interval write a step such as */15 * * * *" if written.startswith("@every") else ""
            raise ScheduleError(f"{written!r} is not one of {known}{hint}")
        fields = _MACROS[written].split()
    else:
        fields = _hashed(fields=written.split(), written=written, seed=seed)
        written = " ".join(fields)
    expanded = []
    for index, field in enumerate(_FIELDS):
        values = _values(field=field, text=fields[index].lower(), fields=fields, index=index)
        expanded.append("*" if values is None else ",".join(str(value) for value in sorted(values)))
    cron = Cron(text=written, expanded=" ".join(expanded), every_hour=expanded[1] == "*")
    try:
        next(cron.slots(after=datetime(2024, 1, 1)))  # noqa: DTZ001 - wall-clock time on purpose
    except (StopIteration, CronSimError):
        raise ScheduleError(f"{written!r} never comes: no month of the schedule has such a day") from None
    return cron


def _hashed(*, fields: list[str], written: str, seed: str) -> list[str]:
    if len(fields) == 6:
        raise ScheduleError(
            f"{written!r} has six fields; Kubernetes takes five (minute, hour, day of month, month, weekday): "
            f"without seconds it is {' '.join(fields[1:])!r}"
        )
    if len(fields) != 5:
        raise ScheduleError(
            f"{written!r} has {len(fields)} field{'s' if len(fields) > 1 else ''}; write five: minute, hour, "
            "day of month, month, weekday, such as 0 0 * * 0"
        )
    return [
        str(field.low + int(short_digest(seed, field.name), 16) % (field.hash_high - field.low + 1))
        if text == "H"
        else text
        for field, text in zip(_FIELDS, fields, strict=True)
    ]


def _values(*, field: _Field, text: str, fields: list[str], index: int) -> set[int] | None:
    """The numbers of one field, or None for every one of them."""
    values: set[int] = set()
    everything = False
    for part in text.split(","):
        match = _PART.match(part)
        if match is None:
            raise ScheduleError(
                f"{field.name} {text!r} cannot be read; write numbers, ranges (1-5), lists (1,3), steps (*/2)"
            )
        first, last, step_text = match.groups()
        step = int(step_text) if step_text is not None else 1
        if step == 0:
            raise ScheduleError(f"{field.name} {text!r} has a step of 0; write 1 or more")
        if first in ("*", "?"):
            if last is not None:
                raise ScheduleError(f"{field.name} {text!r}: a range cannot start with {first}")
            low, high = field.low, field.high
            everything = everything or step == 1
        else:
            low = _number(field=field, text=first, fields=fields, index=index)
            high = _number(field=field, text=last, fields=fields, index=index) if last is not None else low
            if last is None and step_text is not None:
                high = field.high
        if low > high:
            raise ScheduleError(f"{field.name} {text!r}: the range runs backwards; write {high}-{low} or two ranges")
        values.update(range(low, high + 1, step))
    return None if everything else values


def _number(*, field: _Field, text: str, fields: list[str], index: int) -> int:
    if text in field.names:
        return field.names[text]
    if not text.isdigit() or len(text) > 4:
        known = f" or a name such as {next(iter(field.names)).upper()}" if field.names else ""
        raise ScheduleError(f"{field.name} {text!r} is not a number from {field.low} to {field.high}{known}")
    number = int(text)
    if field.low <= number <= field.high:
        return number
    raise ScheduleError(
        f"{field.name} {number} is not in {field.low}-{field.high}{_hint(fields=fields, index=index, number=number)}"
    )


def _hint(*, fields: list[str], index: int, number: int) -> str:
    """What the writer most likely meant."""
    name = _FIELDS[index].name
    if name == "hour" and number == 24 and fields[1] == "24":
        return f"; midnight is hour 0: write {' '.join([fields[0], '0', *fields[2:]])!r}"
    if name == "weekday" and number == 7:
        return "; Sunday is weekday 0"
    if name in ("day of month", "month") and number == 0:
        return f"; for every {name.split()[0]} write *, for the first one 1"
    for one, other in combinations(range(5), 2):
        if index in (one, other):
            swapped = list(fields)
            swapped[one], swapped[other] = swapped[other], swapped[one]
            if _readable(swapped):
                return f"; {_FIELDS[one].name} and {_FIELDS[other].name} may be swapped: {' '.join(swapped)!r}"
    return ""


def _readable(fields: list[str]) -> bool:
    try:
        for index, field in enumerate(_FIELDS):
            for part in fields[index].lower().split(","):
                match = _PART.match(part)
                if match is None:
                    return False
                for text in match.groups()[:2]:
                    if text is None or text in ("*", "?") or text in field.names:
                        continue
                    if not text.isdigit() or not field.low <= int(text) <= field.high:
                        return False
    except ValueError:
        return False
    return True
