"""Text and times of the data or the spec as SQL takes them: identifiers and literals quoted, times in UTC."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path


def quoted(name: str) -> str:
    """A column's name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """A value's text as an SQL literal."""
    return "'" + str(value).replace("'", "''") + "'"


def listed(values: Sequence[object]) -> str:
    """Texts as an SQL list."""
    return "[" + ", ".join(literal(value) for value in values) + "]"


def exact(path: Path) -> str:
    """A file's name as DuckDB takes it, which reads `*`, `?` and `[` as wildcards unless they stand in brackets."""
    return re.sub(r"[*?\[]", r"[\g<0>]", str(path))


def naive(moment: datetime) -> datetime:
    """An aware time as the table holds times: in UTC, without a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None)
