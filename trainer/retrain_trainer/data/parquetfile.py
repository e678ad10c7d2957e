"""Parquet files, read as one table: each file has types of its own, and none of them may be lost on the way.

Left to itself DuckDB casts every file to the types of the first one (2.5 becomes 2 where that holds whole numbers), and
drops the columns that the first one lacks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import duckdb

from retrain_trainer.data.kinds import kind_of
from retrain_trainer.data.names import exact, listed, literal
from retrain_trainer.data.trouble import unreadable

#: The type of a column without any value, as pandas and Arrow write it: it goes with every other.
_EMPTY = '"NULL"'

#: Types inside lists and structures that another one holds without loss.
_WIDE = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER"), "BIGINT"),
    "FLOAT": "DOUBLE",
}
_NARROW = re.compile(rf"\b({'|'.join(_WIDE)})\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """Columns with their types, and the first file that has exactly these."""

    path: Path
    types: Mapping[str, str]


def parquet_relation(connection: duckdb.DuckDBPyConnection, *, files: Sequence[Path]) -> str:
    """The FROM clause that reads the files. DataUnreadable where their columns differ, or types cannot be united."""
    first, *others = _layouts(connection, files=files)
    types = {name: {kind: first.path} for name, kind in first.types.items()}
    folded = {name.casefold(): name for name in types}  # SQL knows no capitals
    for other in others:
        there = {name.casefold(): name for name in other.types}
        if missing := [name for key, name in folded.items() if key not in there]:
            raise unreadable(other.path, f"lacks column {missing[0][:60]!r}, unlike {first.path.name[:60]!r}")
        if more := [name for key, name in there.items() if key not in folded]:
            raise unreadable(other.path, f"has column {more[0][:60]!r} besides, unlike {first.path.name[:60]!r}")
        for name, kind in other.types.items():
            types[folded[name.casefold()]].setdefault(kind, other.path)
    options = ", hive_partitioning = false"  # a folder `year=2013` is no column
    if any(len(kinds) > 1 for kinds in types.values()):
        columns = [
            f"{literal(name)}: {{name: {literal(name)}, type: {literal(_united(name, kinds))}, default_value: NULL}}"
            for name, kinds in types.items()
        ]
        options += f", schema = MAP {{{', '.join(columns)}}}"
    return f"read_parquet({listed([exact(path) for path in files])}{options})"


def _layouts(connection: duckdb.DuckDBPyConnection, *, files: Sequence[Path]) -> list[_Layout]:
    """The layouts that there are, few even of thousands of files; that of the first file first."""
    rows = connection.execute(
        "SELECT min(file_name), fields FROM (SELECT file_name, "
        "list((name, duckdb_type, coalesce(num_children, 0)) ORDER BY column_id) AS fields "
        "FROM parquet_schema(?) GROUP BY file_name) GROUP BY fields",
        [[exact(path) for path in files]],
    ).fetchall()
    place = {str(path): number for number, path in enumerate(files)}
    found = sorted((place[name], _columns(fields)) for name, fields in rows)
    return [_Layout(path=files[number], types=dict(columns)) for number, columns in found]


def _columns(fields: Sequence[tuple[str, str, int]]) -> list[tuple[str, str]]:
    """Columns and their types of a footer, which lists each column in front of the fields inside it."""
    columns, inside = [], 0
    for name, kind, children in islice(fields, 1, None):  # the first is the table itself
        if not inside:
            columns.append((name, kind))
        inside += children - (1 if inside else 0)
    return columns


def _united(name: str, kinds: Mapping[str, Path]) -> str:
    """The type that holds every value of these, each with a file that has it."""
    given = {kind: path for kind, path in kinds.items() if kind != _EMPTY} or dict(kinds)
    if len(given) == 1:
        return next(iter(given))
    families = {kind: kind_of(kind) for kind in given}
    if set(families.values()) == {"Integer"}:
        return "HUGEINT" if "UBIGINT" in given else "BIGINT"
    if set(families.values()) <= {"Integer", "Number"}:
        return "DOUBLE"
    if set(families.values()) == {"Timestamp"}:
        return "TIMESTAMP"
    if set(families.values()) == {"String"}:
        return "VARCHAR"
    wide = {_NARROW.sub(lambda found: _WIDE[found[0]], kind) for kind in given}
    if set(families.values()) == {"Other"} and len(wide) == 1:
        return wide.pop()  # lists of whole numbers of two widths
    (one, path), *others = given.items()
    other, where = next((item for item in others if families[item[0]] != families[one]), others[0])
    raise unreadable(
        where, f"holds column {name[:60]!r} as {other[:60]} and {path.name[:60]!r} as {one[:60]}; write one type"
    )
