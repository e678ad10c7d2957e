"""The rows of a source as one DuckDB table: read once, in bounded memory, then asked many times.

DuckDB reads, profiles and splits tens of millions of rows in less memory than any data frame. Text of the data or the
spec never becomes SQL: names are quoted, values are parameters.
"""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Literal

import duckdb

from retrain_trainer.data.source import Source
from retrain_trainer.errors import DataUnavailable

StoredType = Literal["Integer", "Number", "String", "Boolean", "Timestamp", "Other"]

_KINDS: dict[str, StoredType] = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), "Integer"),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"), "Integer"),
    **dict.fromkeys(("FLOAT", "DOUBLE"), "Number"),
    **dict.fromkeys(("VARCHAR", "UUID"), "String"),
    "BOOLEAN": "Boolean",
    **dict.fromkeys(("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), "Timestamp"),
    "TIMESTAMP WITH TIME ZONE": "Timestamp",
}
_DELIMITERS = ",;\t|"
_NULLS = ["", "NA", "N/A", "NaN", "nan", "null", "NULL"]
Parameters = Sequence[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """A condition on rows: SQL with `?`, and its values."""

    sql: str = "true"
    parameters: tuple[Any, ...] = ()

    def __and__(self, other: Where) -> Where:
        return Where(sql=f"({self.sql}) AND ({other.sql})", parameters=self.parameters + other.parameters)


def quoted(name: str) -> str:
    """A column's name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


class Table:
    """The rows of a source. `columns` gives each column's type in the order of the file, `rows` their number.

    A context manager: leaving it frees memory and scratch files.
    """

    def __init__(self, *, connection: duckdb.DuckDBPyConnection, memory_limit_bytes: int | None) -> None:
        self._connection = connection
        self.memory_limit_bytes = memory_limit_bytes
        described = connection.execute("DESCRIBE data").fetchall()
        self.columns: Mapping[str, StoredType] = MappingProxyType({name: _type(kind) for name, kind, *_ in described})
        self.rows = self.count(where=Where())

    def __enter__(self) -> Table:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Frees memory and scratch files."""
        self._connection.close()

    def count(self, *, where: Where) -> int:
        """Number of rows for which `where` holds."""
        [(rows,)] = self.query(f"SELECT count(*) FROM data WHERE {where.sql}", where.parameters)  # noqa: S608
        return int(rows)

    def query(self, sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """The answer to a query on the table `data`. Raises DataUnavailable DataTooLarge where memory runs out."""
        with _out_of_memory():
            answer: list[tuple[Any, ...]] = self._connection.execute(sql, list(parameters)).fetchall()
        return answer

    def arrays(self, sql: str, parameters: Parameters = ()) -> dict[str, Any]:
        """The answer as numpy arrays by column; nulls are masked. Raises as `query` does."""
        with _out_of_memory():
            answer: dict[str, Any] = self._connection.execute(sql, list(parameters)).fetchnumpy()
        return answer


def open_table(
    *,
    source: Source,
    memory_limit_bytes: int | None,
    threads: int,
    scratch: Path,
    text_columns: Collection[str] = (),
) -> Table:
    """Reads all files of a source into one table that may spill to `scratch`.

    Args:
        memory_limit_bytes: of the whole process; DuckDB takes half of it.
        text_columns: columns of CSV files that stay text though every value looks like a number.

    Raises:
        DataUnavailable: DataUnreadable (corrupt, ragged, empty, columns that differ among files; the file is named),
            DataTooLarge.
    """
    configuration: dict[str, Any] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "threads": str(max(1, threads)),
        "temp_directory": str(scratch / "duckdb"),
    }
    if memory_limit_bytes is not None:
        configuration["memory_limit"] = f"{max(64, memory_limit_bytes // 2 // 2**20)}MiB"
    connection = duckdb.connect(":memory:", config=configuration)
    try:
        connection.execute("SET TimeZone = 'UTC'")
        _load(connection, source=source, text_columns=text_columns)
        # From here on no file can be reached any more, whatever an expression says.
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        return Table(connection=connection, memory_limit_bytes=memory_limit_bytes)
    except BaseException:
        connection.close()
        raise


def _type(name: str) -> StoredType:
    return "Number" if name.startswith("DECIMAL") else _KINDS.get(name, "Other")


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def _list(values: Sequence[object]) -> str:
    return "[" + ", ".join(_text(value) for value in values) + "]"


def _csv(source: Source, *, text_columns: Collection[str]) -> str:
    """A strict reader: what does not fit is an error, never a row that is silently dropped or padded."""
    headers = {path: _header(path) for path in source.files}
    first, (names, delimiter) = next(iter(headers.items()))
    for path, (other, _) in headers.items():
        if other != names:
            missing = [name for name in names if name not in other]
            more = [name for name in other if name not in names]
            if missing or more:
                what = f"lacks column {missing[0]!r}" if missing else f"has column {more[0]!r} besides"
                raise _unreadable(path, f"{what}, unlike {first.name!r}")
            raise _unreadable(path, f"has its columns in another order than {first.name!r}")
    # skip and comment are set: left to itself, DuckDB skips whatever stands above the longest row.
    options = f"{_dialect(delimiter)}, sample_size = -1, nullstr = {_list(_NULLS)}"
    texts = [name for name in names if name in text_columns]
    if texts:
        options += ", types = {" + ", ".join(f"{_text(name)}: 'VARCHAR'" for name in texts) + "}"
    return f"read_csv({_list(source.files)}, {options})"


def _dialect(delimiter: str) -> str:
    return (
        f"header = true, delim = {_text(delimiter)}, quote = '\"', escape = '\"', skip = 0, comment = '', "
        "null_padding = false, ignore_errors = false, strict_mode = true"
    )


def _odd_line(connection: duckdb.DuckDBPyConnection, path: Path) -> str | None:
    """What is wrong with the first line that does not fit the header, read as text only; None if all lines fit."""
    names, delimiter = _header(path)
    columns = "{" + ", ".join(f"{_text(name)}: 'VARCHAR'" for name in names) + "}"
    options = f"{_dialect(delimiter)}, auto_detect = false, columns = {columns}"
    try:
        connection.execute(f"SELECT count(*) FROM read_csv({_list([path])}, {options})")  # noqa: S608 - our own text
    except duckdb.Error as error:
        return _told(error)
    return None


def _header(path: Path) -> tuple[list[str], str]:
    """Names and delimiter of a CSV file's first line."""
    try:
        with gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb") as file:
            line = file.readline(1_000_000)
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(path, f"cannot be read: {error}") from None
    if not line.strip():
        raise _unreadable(path, "is empty; its first line must name the columns")
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _unreadable(path, "is not UTF-8; write it in that encoding") from None
    delimiter = max(_DELIMITERS, key=text.count)
    names = next(csv.reader([text], delimiter=delimiter))
    for name in names:
        if not name.strip():
            raise _unreadable(path, "has a column without a name in its first line")
        if names.count(name) > 1:
            raise _unreadable(path, f"names column {name[:60]!r} twice in its first line")
    return names, delimiter


def _load(connection: duckdb.DuckDBPyConnection, *, source: Source, text_columns: Collection[str]) -> None:
    relation = (
        _csv(source, text_columns=text_columns) if source.format == "csv" else f"read_parquet({_list(source.files)})"
    )
    try:
        with _out_of_memory():
            connection.execute(f"CREATE TABLE data AS SELECT * FROM {relation}")  # noqa: S608 - our own text
            # Times become UTC without a zone, so that day boundaries mean the same everywhere.
            for name, kind, *_ in connection.execute("DESCRIBE data").fetchall():
                if _type(kind) == "Timestamp" and kind != "TIMESTAMP":
                    connection.execute(f"ALTER TABLE data ALTER {quoted(name)} TYPE TIMESTAMP")
    except duckdb.Error as error:
        named = [path for path in source.files if str(path) in str(error)]
        path = named[0] if named else source.files[0]
        odd = _odd_line(connection, path) if source.format == "csv" else None
        raise _unreadable(path, odd or _told(error)) from None


def _told(error: duckdb.Error) -> str:
    """The telling lines of DuckDB's message, without its own advice."""
    if "unicode" in str(error).lower():
        return "is not UTF-8; write it in that encoding"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = next((line for line in lines if "Possible" not in line), "")
    telling = ("Expected", "Value", "Error when", "Unterminated")
    detail = next((line for line in lines[1:] if line.startswith(telling)), "")
    told = re.sub(r"'?\"?/\S*/([^/\s\"']+)\"?'?", r"\1", f"{text} {detail}".strip())
    return f"cannot be read: {told}"[:300]


def _unreadable(path: Path, what: str) -> DataUnavailable:
    return DataUnavailable(reason="DataUnreadable", message=f"file {path.name[:60]!r} {what}")


@contextmanager
def _out_of_memory() -> Iterator[None]:
    try:
        yield
    except duckdb.OutOfMemoryException:
        raise DataUnavailable(
            reason="DataTooLarge",
            message="the data do not fit into memory and scratch; raise spec.job.resources.limits.memory or read less",
        ) from None
