"""What goes wrong while rows are read, as sentences that name the file and, where it may be told, the value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from retrain_trainer.errors import DataUnavailable

#: Beginnings of the lines of DuckDB's messages that say what is wrong; the others are its own advice.
_TELLING = ("Expected", "Value", "Error when", "Unterminated", "Maximum line size")
#: Of these, what holds no value of the data.
_SAFE = ("Expected", "Unterminated", "Maximum line size")


def unreadable(path: Path, what: str) -> DataUnavailable:
    """DataUnreadable naming the file."""
    return DataUnavailable(reason="DataUnreadable", message=f"file {path.name[:60]!r} {what}")


def told(error: duckdb.Error, *, show_values: bool = True) -> str:
    """The telling lines of DuckDB's message, without its own advice, and on wish without any value of the data."""
    text = str(error)
    if re.search(r"invalid unicode|not utf-8 encoded|not valid utf-?8", text, re.IGNORECASE):
        return "is not UTF-8; write it in that encoding"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    first = next((line for line in lines if "Possible" not in line), "")
    detail = next((line for line in lines[1:] if line.startswith(_TELLING)), "")
    if not show_values:
        # What stands in front of the first value: `CSV Error on Line: 12`, `Conversion Error`.
        place = re.search(r"CSV Error on Line: \d+", first)
        first = place[0] if place else first.partition(":")[0]
        detail = detail if detail.startswith(_SAFE) else ""
    shown = re.sub(r"(?<![^\s\"'(\[])'?\"?/\S*/([^/\s\"']+)\"?'?", r"\1", f"{first} {detail}".strip())
    return f"cannot be read: {shown}"[:300]


def first_named(error: duckdb.Error, files: Sequence[Path]) -> Path:
    """The file that an error speaks of first; the first of all where it names none."""
    text = str(error)
    places = [(text.find(str(path)), -len(str(path)), path) for path in files]  # `a.csv` is found in `a.csv.gz` too
    return min((found for found in places if found[0] >= 0), default=(0, 0, files[0]))[2]


@contextmanager
def explained(*, room: str, files: Sequence[Path] = (), show_values: bool = True) -> Iterator[None]:
    """DuckDB's errors as DataUnavailable: DataTooLarge where memory or scratch ran out, else DataUnreadable if `files`
    are being read. `room`: in words, how much there is.
    """
    try:
        yield
    except duckdb.OutOfMemoryException:
        raise too_large(f"the rows do not fit into {room}") from None
    except duckdb.IOException as error:
        if "No space left" in str(error):
            raise too_large(f"scratch is full ({room})") from None
        if not files:
            raise
        raise unreadable(first_named(error, files), told(error, show_values=show_values)) from None
    except (duckdb.Error, MemoryError) as error:
        if not files:
            raise
        if isinstance(error, MemoryError):
            raise too_large(f"the rows do not fit into {room}") from None
        raise unreadable(first_named(error, files), told(error, show_values=show_values)) from None


def too_large(what: str) -> DataUnavailable:
    """DataTooLarge, with what to do about it."""
    return DataUnavailable(
        reason="DataTooLarge",
        message=f"{what}; raise spec.job.resources.limits.memory, or deliver fewer rows or columns",
    )
