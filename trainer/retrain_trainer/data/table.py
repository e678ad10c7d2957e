"""The rows of a source as one DuckDB relation `data`: looked at in bounded memory, loaded only if they are sound.

DuckDB reads, profiles and splits tens of millions of rows in less memory than any data frame. Text of the data or the
spec never becomes SQL: names are quoted, values are parameters.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

import duckdb

from retrain_trainer.data import csvfile
from retrain_trainer.data.budget import Room, check_parquet, check_rows, check_texts, room_for, width_of
from retrain_trainer.data.kinds import StoredType, kind_of
from retrain_trainer.data.names import exact, listed, literal, naive, quoted
from retrain_trainer.data.parquetfile import parquet_relation
from retrain_trainer.data.source import Source
from retrain_trainer.data.trouble import explained, first_named, told, unreadable
from retrain_trainer.errors import SpecError

__all__ = ["Parameters", "StoredType", "Table", "Where", "naive", "open_table", "quoted"]

Parameters = Sequence[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """A condition on rows: SQL with `?`, and its values."""

    sql: str = "true"
    parameters: tuple[Any, ...] = ()

    def __and__(self, other: Where) -> Where:
        return Where(sql=f"({self.sql}) AND ({other.sql})", parameters=self.parameters + other.parameters)


class Table:
    """The rows of a source. `columns` gives each column's type in the order of the file, `rows` their number.

    Parquet files are read anew by every query until `load` is called; CSV files are loaded from the beginning. A
    context manager: leaving it frees memory and scratch files.
    """

    def __init__(
        self,
        *,
        connection: duckdb.DuckDBPyConnection,
        memory_limit_bytes: int | None,
        room: Room,
        unloaded: Source | None = None,
        show_values: bool = True,
    ) -> None:
        self._connection = connection
        self._room = room
        self._unloaded = unloaded
        self._show_values = show_values
        self.memory_limit_bytes = memory_limit_bytes
        described = connection.execute("DESCRIBE data").fetchall()
        self.columns: Mapping[str, StoredType] = MappingProxyType({name: kind_of(kind) for name, kind, *_ in described})
        self._width = sum(width_of(kind) for _, kind, *_ in described)
        self.rows = self.count(where=Where())

    def __enter__(self) -> Table:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _files(self) -> tuple[Path, ...]:
        return () if self._unloaded is None else self._unloaded.files

    def close(self) -> None:
        """Frees memory and scratch files."""
        self._connection.close()

    def load(self, *, text_bytes: float = 0) -> None:
        """Keeps the rows, so that every later query is cheap and the files may change. `text_bytes`: known bytes of
        all texts. Raises DataUnavailable DataTooLarge, before reading where the numbers tell, and DataUnreadable where
        a file is another than the one that was looked at.
        """
        if self._unloaded is None:
            return
        check_rows(rows=self.rows, width=self._width + text_bytes / max(1, self.rows), room=self._room)
        try:
            self.query("CREATE TABLE loaded AS SELECT * FROM data")
        finally:
            if (path := self._unloaded.changed()) is not None:  # what was validated must be what is learned from
                raise unreadable(path, "was changed while it was read; the next run reads it anew")
        self.query("DROP VIEW data")
        self.query("ALTER TABLE loaded RENAME TO data")
        self._unloaded = None

    def check_pattern(self, pattern: str | None) -> None:
        """SpecError InvalidSpec if a pattern is no regular expression (RE2)."""
        try:
            if pattern is not None:
                self._connection.execute("SELECT regexp_full_match('', ?)", [pattern])
        except duckdb.InvalidInputException as error:
            raise SpecError(
                reason="InvalidSpec",
                message=f"spec.validation.columns[].pattern: {pattern!r} is no regular expression: {error}"[:250],
            ) from None

    def count(self, *, where: Where) -> int:
        """Number of rows for which `where` holds."""
        [(rows,)] = self.query(f"SELECT count(*) FROM data WHERE {where.sql}", where.parameters)  # noqa: S608
        return int(rows)

    def query(self, sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """The answer to a query on `data`. Raises DataUnavailable DataTooLarge where memory or scratch runs out, and
        DataUnreadable where a file that is not loaded turns out to be broken.
        """
        with explained(room=str(self._room), files=self._files, show_values=self._show_values):
            answer: list[tuple[Any, ...]] = self._connection.execute(sql, list(parameters)).fetchall()
        return answer

    def export(self, sql: str, parameters: Parameters = (), *, path: Path) -> None:
        """Writes the answer to a query as Parquet, below the folder that the table was opened with as `exports`."""
        with explained(room=str(self._room), files=self._files, show_values=self._show_values):
            self._connection.execute(f"COPY ({sql}) TO {literal(str(path))} (FORMAT parquet)", list(parameters))

    def arrays(self, sql: str, parameters: Parameters = ()) -> dict[str, Any]:
        """The answer as numpy arrays by column; nulls are masked. Raises as `query` does."""
        with explained(room=str(self._room), files=self._files, show_values=self._show_values):
            answer: dict[str, Any] = self._connection.execute(sql, list(parameters)).fetchnumpy()
        return answer


def open_table(
    *,
    source: Source,
    memory_limit_bytes: int | None,
    threads: int,
    scratch: Path,
    scratch_limit_bytes: int | None = None,
    text_columns: Collection[str] = (),
    time_column: str | None = None,
    show_values: bool = True,
    exports: Path | None = None,
) -> Table:
    """Opens all files of a source as one table that may spill to `scratch`.

    Args:
        memory_limit_bytes: of the whole process; DuckDB takes half of it.
        scratch_limit_bytes: of the folder `scratch`; None: what its file system has free.
        text_columns: columns of CSV files that stay text though every value looks like a number.
        time_column: of CSV files; dates and times may be mixed in it.
        show_values: may errors quote values of the data?
        exports: the only folder that `Table.export` may write to; None: nothing can be written.

    Raises:
        DataUnavailable: DataUnreadable (corrupt, ragged, empty, columns that differ among files; the file is named),
            DataTooLarge, before reading where file sizes and footers tell.
    """
    room = room_for(memory_limit_bytes=memory_limit_bytes, scratch=scratch, scratch_limit_bytes=scratch_limit_bytes)
    configuration: dict[str, Any] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "threads": str(max(1, threads)),
        "temp_directory": str(scratch / "duckdb"),
        "max_temp_directory_size": f"{room.scratch // 2**20}MiB",
        "memory_limit": f"{room.memory // 2**20}MiB",
    }
    connection = duckdb.connect(":memory:", config=configuration)
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")  # it would stand in the midst of the answer on stdout
        if source.format == "csv":
            check_texts(files=source.files, room=room)
            with explained(room=str(room)):
                _read_csv(
                    connection,
                    files=source.files,
                    text_columns=text_columns,
                    time_column=time_column,
                    show_values=show_values,
                )
        else:
            with explained(room=str(room), files=source.files, show_values=show_values):
                relation = parquet_relation(connection, files=source.files)
                check_parquet(connection, files=source.files, relation=relation, room=room)
                _view_parquet(connection, relation=relation)
            connection.execute(f"SET allowed_paths = {listed([*source.files, *map(exact, source.files)])}")
        # From here on no other file can be reached any more, whatever an expression says.
        if exports is not None:
            connection.execute(f"SET allowed_directories = {listed([exports])}")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        return Table(
            connection=connection,
            memory_limit_bytes=memory_limit_bytes,
            room=room,
            unloaded=source if source.format == "parquet" else None,
            show_values=show_values,
        )
    except BaseException:
        connection.close()
        raise


def _read_csv(
    connection: duckdb.DuckDBPyConnection,
    *,
    files: Sequence[Path],
    text_columns: Collection[str],
    time_column: str | None,
    show_values: bool,
) -> None:
    try:
        relation = csvfile.csv_relation(files, text_columns=text_columns)
        connection.execute(f"CREATE TABLE data AS SELECT * FROM {relation}")  # noqa: S608 - our own text
        csvfile.settle_types(connection, text_columns=text_columns, time_column=time_column)
        csvfile.settle_nans(connection)
        kinds = {name: kind_of(kind) for name, kind, *_ in connection.execute("DESCRIBE data").fetchall()}
        if time_column is not None and kinds.get(time_column) == "Timestamp":
            csvfile.check_times(connection, files=files, column=time_column, show_values=show_values)
        # Times become UTC without a zone, so that day boundaries mean the same everywhere.
        for name, kind, *_ in connection.execute("DESCRIBE data").fetchall():
            if kind_of(kind) == "Timestamp" and kind != "TIMESTAMP":
                connection.execute(f"ALTER TABLE data ALTER {quoted(name)} TYPE TIMESTAMP")
    except duckdb.Error as error:
        if isinstance(error, duckdb.OutOfMemoryException) or "No space left" in str(error):
            raise
        path = first_named(error, files)
        odd = csvfile.odd_line(connection, path, show_values=show_values)
        raise unreadable(path, odd or told(error, show_values=show_values)) from None


def _view_parquet(connection: duckdb.DuckDBPyConnection, *, relation: str) -> None:
    """Times in UTC without a zone, NaN as null and UUIDs as text, as they are read from CSV. Texts stay what they are:
    Parquet has nulls of its own, and `NA` or an empty text is a value.
    """
    columns = []
    for name, kind, *_ in connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall():  # noqa: S608
        column = quoted(name)
        if kind_of(kind) == "Timestamp" and kind != "TIMESTAMP":
            column = f"CAST({column} AS TIMESTAMP) AS {column}"
        elif kind == "UUID":
            column = f"CAST({column} AS VARCHAR) AS {column}"
        elif kind in ("FLOAT", "DOUBLE"):
            column = f"nullif({column}, CAST({literal('NaN')} AS {kind})) AS {column}"
        columns.append(column)
    connection.execute(f"CREATE VIEW data AS SELECT {', '.join(columns)} FROM {relation}")  # noqa: S608
