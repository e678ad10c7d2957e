"""Times as documents and messages write them."""

from __future__ import annotations

from datetime import UTC, datetime


def time_text(time: datetime | None) -> str | None:
    """RFC 3339 in UTC with Z, whole seconds unless there are microseconds."""
    return None if time is None else time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parsed_time(text: str | None) -> datetime | None:
    """The aware time of `time_text`. ValueError for anything else."""
    if text is None:
        return None
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return time.astimezone(UTC)
