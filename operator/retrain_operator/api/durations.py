"""Durations as policies write them: `30s`, `5m`, `2h`, `7d`, `1w`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

#: Longer than the calendar; what is longer still counts as this, so that twice of it can be reckoned with.
LONGEST: Final = timedelta(days=100_000_000)

#: As many digits as the CRD takes, with the unit twelve characters.
_PATTERN = re.compile(r"([0-9]{1,11})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_MOST = LONGEST // timedelta(seconds=1)


def parse_duration(text: object) -> timedelta | None:
    """None for anything that is no duration (views are total: nothing here may raise)."""
    found = _PATTERN.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    return timedelta(seconds=min(int(found[1]) * _SECONDS[found[2]], _MOST))
