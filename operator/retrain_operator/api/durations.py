"""Durations as policies write them: `30s`, `5m`, `2h`, `7d`, `1w`."""

from __future__ import annotations

import re
from datetime import timedelta

_PATTERN = re.compile(r"([0-9]{1,9})([smhdw])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_duration(text: object) -> timedelta | None:
    """None for anything that is no duration (views are total: nothing here may raise)."""
    found = _PATTERN.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    try:
        return timedelta(**{_UNITS[found[2]]: int(found[1])})
    except OverflowError:  # more than 2.7 million years
        return None
