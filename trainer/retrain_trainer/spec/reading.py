"""Reads one mapping of a spec, field by field, with errors that name field, value and remedy."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from retrain_trainer.errors import SpecError

Scalar = str | int | float | bool | None

_DURATION = re.compile(r"([0-9]+)(s|m|h|d|w)")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
#: Longer than any data; and no date that it is added to or taken from leaves the calendar.
_LONGEST = timedelta(days=36525)


def parse_duration(*, text: str, path: str) -> timedelta:
    """`90d` → 90 days. Raises SpecError naming `path` for anything else, and above 100 years."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise SpecError(
            reason="InvalidSpec",
            message=f"{path}: {text[:60]!r} is no duration; write a whole number and s, m, h, d or w",
        )
    digits = match[1].lstrip("0") or "0"
    if len(digits) > 12 or int(digits) * _UNITS[match[2]] > _LONGEST.total_seconds():
        raise SpecError(
            reason="InvalidSpec",
            message=f"{path}: {text[:60]!r} is more than 100 years; write {_LONGEST.days}d or less",
        )
    return timedelta(seconds=int(digits) * _UNITS[match[2]])


class Reader:
    """One mapping of the spec: remembers what was read, and refuses what nobody asked for."""

    def __init__(self, *, value: Any, path: str) -> None:
        if value is None:
            value = {}
        if not isinstance(value, Mapping):
            raise _wrong(path=path, value=value, wanted="a mapping")
        self._value = value
        self._path = path
        self._seen: set[str] = set()

    def _get(self, name: str) -> Any:
        self._seen.add(name)
        return self._value.get(name)

    @property
    def path(self) -> str:
        """Where in the policy this mapping stands, for messages."""
        return self._path

    def has(self, name: str) -> bool:
        """Was the field named, and not as null?"""
        self._seen.add(name)
        return self._value.get(name) is not None

    def section(self, name: str) -> Reader:
        return Reader(value=self._get(name), path=f"{self._path}.{name}")

    def sections(self, name: str) -> list[Reader]:
        value = self._get(name) or []
        if not isinstance(value, list):
            raise _wrong(path=f"{self._path}.{name}", value=value, wanted="a list")
        return [Reader(value=item, path=f"{self._path}.{name}[{index}]") for index, item in enumerate(value)]

    def text(self, name: str) -> str | None:
        value = self._get(name)
        if value is not None and not isinstance(value, str):
            raise _wrong(path=f"{self._path}.{name}", value=value, wanted="text (put it in quotes)")
        return value

    def required_text(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise SpecError(reason="InvalidSpec", message=f"{self._path}.{name} is required and must not be empty")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._get(name) or []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise _wrong(path=f"{self._path}.{name}", value=value, wanted="a list of texts (put each in quotes)")
        return tuple(value)

    def number(self, name: str, *, low: float = float("-inf"), high: float = float("inf")) -> float | None:
        value = self._get(name)
        if value is None:
            return None
        if not _is_finite(value) or not low <= value <= high:
            bounds = "" if (low, high) == (float("-inf"), float("inf")) else f" from {low:g} to {high:g}"
            raise _wrong(path=f"{self._path}.{name}", value=value, wanted=f"a number{bounds}")
        return float(value)

    def integer(self, name: str, *, default: int, low: int = 0, high: int = 2**53 - 1) -> int:
        """`high`: unless a field has its own bound, the largest whole number that JSON hands on unchanged."""
        value = self._get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            most = "" if high == 2**53 - 1 else f", {high} or less"
            raise _wrong(path=f"{self._path}.{name}", value=value, wanted=f"a whole number, {low} or more{most}")
        return value

    def optional_integer(self, name: str, *, low: int = 0) -> int | None:
        return self.integer(name, default=low, low=low) if self.has(name) else None

    def flag(self, name: str, *, default: bool) -> bool:
        value = self._get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise _wrong(path=f"{self._path}.{name}", value=value, wanted="true or false")
        return value

    def duration(self, name: str) -> timedelta | None:
        value = self.text(name)
        return None if value is None else parse_duration(text=value, path=f"{self._path}.{name}")

    def choice(self, name: str, choices: tuple[str, ...]) -> Any:
        value = self.text(name)
        if value is not None and value not in choices:
            raise _wrong(path=f"{self._path}.{name}", value=value, wanted="one of " + ", ".join(choices))
        return value

    def scalars(self, name: str) -> dict[str, Scalar]:
        value = self._get(name) or {}
        if not isinstance(value, Mapping):
            raise _wrong(path=f"{self._path}.{name}", value=value, wanted="a mapping")
        for key, item in value.items():
            path = f"{self._path}.{name}.{key}"
            if not isinstance(key, str):
                raise SpecError(reason="InvalidSpec", message=f"{path}: {key!r} is no name; put it in quotes")
            if not isinstance(item, str | bool | None) and not _is_finite(item):
                raise _wrong(path=path, value=item, wanted="text, a number, true, false or null")
        return dict(value)

    def finish(self, *, ignore: tuple[str, ...] = ()) -> None:
        unknown = sorted(set(self._value) - self._seen - set(ignore), key=str)
        if unknown:
            known = ", ".join(sorted(self._seen | set(ignore)))
            raise SpecError(
                reason="InvalidSpec", message=f"{self._path}.{unknown[0]} is not a field; the fields here are: {known}"
            )


def _wrong(*, path: str, value: Any, wanted: str) -> SpecError:
    return SpecError(reason="InvalidSpec", message=f"{path}: {shown(value)} is not valid; write {wanted}")


def shown(value: Any) -> str:
    """A value as messages repeat it, not at any length."""
    try:
        text = repr(value)
    except ValueError:  # a number of more digits than Python writes
        return "a number of thousands of digits"
    return text if len(text) <= 80 else f"{text[:79]}…"


def _is_finite(value: Any) -> bool:
    """A number that a float can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
