"""CSV files, read strictly: what does not fit is an error that names file and line, never a row dropped or padded."""

from __future__ import annotations

import csv
import gzip
import re
import unicodedata
import zlib
from collections.abc import Collection, Sequence
from functools import partial
from io import BufferedReader
from pathlib import Path

import duckdb

from retrain_trainer.data.names import exact, listed, literal, quoted
from retrain_trainer.data.trouble import told, unreadable
from retrain_trainer.errors import DataUnavailable
from retrain_trainer.features import NULL_TEXTS

_DELIMITERS = ",;\t|"
#: What DuckDB cuts off around the name of a column: every space of Unicode, and no tab.
_SPACES = "".join(chr(code) for code in range(0x3001) if unicodedata.category(chr(code)) == "Zs")
#: Bytes of one line: more is a quote that was never closed, or no table.
MAX_LINE_BYTES = 2_000_000
#: Rows that are looked at before a whole column is.
_GLANCE = 1000


def csv_relation(files: Sequence[Path], *, text_columns: Collection[str]) -> str:
    """The FROM clause that reads the files. DataUnreadable where a header is bad or the headers differ."""
    headers = {path: header(path) for path in files}
    first, (names, delimiter) = next(iter(headers.items()))
    for path, (other, _) in headers.items():
        if other != names:
            missing = [name for name in names if name not in other]
            more = [name for name in other if name not in names]
            if missing or more:
                what = f"lacks column {missing[0]!r}" if missing else f"has column {more[0]!r} besides"
                raise unreadable(path, f"{what}, unlike {first.name!r}")
            raise unreadable(path, f"has its columns in another order than {first.name!r}")
    options = f"{_dialect(delimiter)}, sample_size = -1, files_to_sniff = -1, nullstr = {listed(NULL_TEXTS)}"
    texts = [name for name in names if name in text_columns]
    if texts:
        options += ", types = {" + ", ".join(f"{literal(name)}: 'VARCHAR'" for name in texts) + "}"
    return f"read_csv({listed([exact(path) for path in files])}, {options})"


def _dialect(delimiter: str) -> str:
    # skip and comment are set: left to itself, DuckDB skips whatever stands above the longest row. Nor is a folder a
    # column, whatever it is called: `year=2013` would even take the place of the column `year` in the file.
    return (
        f"header = true, delim = {literal(delimiter)}, quote = '\"', escape = '\"', skip = 0, comment = '', "
        f"null_padding = false, ignore_errors = false, strict_mode = true, max_line_size = {MAX_LINE_BYTES}, "
        "hive_partitioning = false"
    )


def odd_line(connection: duckdb.DuckDBPyConnection, path: Path, *, show_values: bool) -> str | None:
    """What is wrong with the first line that does not fit the header, read as text only; None if all lines fit."""
    try:
        connection.execute(f"SELECT count(*) FROM {_texts([path])}")  # noqa: S608 - our own text
    except duckdb.Error as error:
        mixed = _mixed_ends(path) if "state machine" in str(error) else None
        return mixed or told(error, show_values=show_values)
    return None


def _texts(files: Sequence[Path]) -> str:
    """The FROM clause that reads the files as texts only."""
    names, delimiter = header(files[0])
    columns = "{" + ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names) + "}"
    options = f"{_dialect(delimiter)}, auto_detect = false, columns = {columns}"
    return f"read_csv({listed([exact(path) for path in files])}, {options})"


def _mixed_ends(path: Path) -> str | None:
    """Where a file changes from the line ends of Windows to those of Unix, or back; None if it never does.

    DuckDB reads a file of either kind, and says nothing of use about one of both.
    """
    with _unpacked(path) as file:
        first = file.readline(MAX_LINE_BYTES).endswith(b"\r\n")
        for number, line in enumerate(iter(partial(file.readline, MAX_LINE_BYTES), b""), 2):
            if line.endswith(b"\n") and line.endswith(b"\r\n") != first:
                one, other = ("CRLF", "LF") if first else ("LF", "CRLF")
                return f"ends its lines in {one} and line {number:,} in {other}; write one of them"
    return None


def _unpacked(path: Path) -> gzip.GzipFile | BufferedReader:
    return gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb")


def header(path: Path) -> tuple[list[str], str]:
    """Names and delimiter of a CSV file's first line. DataUnreadable where there is none that can be used."""
    try:
        with _unpacked(path) as file:
            line = file.readline(MAX_LINE_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, f"cannot be read: {error}") from None
    if not line.strip():
        raise unreadable(path, "is empty; its first line must name the columns")
    if len(line) >= MAX_LINE_BYTES:
        raise unreadable(path, f"has a first line of more than {MAX_LINE_BYTES:,} bytes; is it a CSV file?")
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise unreadable(path, "is not UTF-8; write it in that encoding")
    delimiter = max(_DELIMITERS, key=re.sub(r'"[^"]*"', "", text).count)
    try:
        names = [name.strip(_SPACES) for name in next(csv.reader([text], delimiter=delimiter))]
    except csv.Error as error:
        raise unreadable(path, f"has a first line that cannot be read: {error}") from None
    folded = [name.casefold() for name in names]  # SQL knows no capitals: `Speed` and `speed` are one column
    for name in names:
        if not name.strip():
            raise unreadable(path, "has a column without a name in its first line")
        if folded.count(name.casefold()) > 1:
            raise unreadable(path, f"names column {name[:60]!r} twice in its first line")
    return names, delimiter


def check_times(
    connection: duckdb.DuckDBPyConnection, *, files: Sequence[Path], column: str, show_values: bool
) -> None:
    """DataUnreadable if the times of the table `data` are written such as 01/02/2013, and none tells the month.

    DuckDB takes the day to be in front until a day above 12 stands behind it; then every older row would move.
    """
    name = quoted(column)
    asked = f"bool_and(day({name}) <= 12) AND bool_or(day({name}) <> month({name}))"
    [(open_question,)] = connection.execute(f"SELECT {asked} FROM data").fetchall()  # noqa: S608 - the name is quoted
    if not open_question:
        return
    first = f"SELECT {name} FROM {_texts(files)} WHERE {name} <> ALL ({listed(NULL_TEXTS)}) LIMIT 1"  # noqa: S608
    [(text,)] = connection.execute(first).fetchall() or [("",)]
    if re.match(r"\s*\d{1,2}[-/.]\d{1,2}[-/.]\d", text):
        such = f", such as {text[:30]!r}," if show_values else ""
        raise DataUnavailable(
            reason="DataUnreadable",
            message=f"the times of column {column[:60]!r}{such} can be read either day first or month first; write "
            "them as 2013-02-01",
        )


def settle_nans(connection: duckdb.DuckDBPyConnection) -> None:
    """Numbers of the table `data` that are none, such as `NAN` and `-nan`, become null as every missing value."""
    described = connection.execute("DESCRIBE data").fetchall()
    columns = [quoted(name) for name, kind, *_ in described if kind in ("FLOAT", "DOUBLE")]
    if not columns:
        return
    asked = ", ".join(f"coalesce(bool_or(isnan({column})), false)" for column in columns)
    [found] = connection.execute(f"SELECT {asked} FROM data").fetchall()  # noqa: S608 - names are quoted
    for column, some in zip(columns, found, strict=True):
        if some:
            connection.execute(f"UPDATE data SET {column} = NULL WHERE isnan({column})")  # noqa: S608


def settle_types(
    connection: duckdb.DuckDBPyConnection, *, text_columns: Collection[str], time_column: str | None
) -> None:
    """Columns of the table `data` that were taken for text though every value is a number (`inf` in front of whole
    numbers), or a time (dates and times mixed; the time column only), get the type they have.
    """
    for name, kind, *_ in connection.execute("DESCRIBE data").fetchall():
        if kind != "VARCHAR" or name in text_columns:
            continue
        for wanted in ("DOUBLE", "TIMESTAMP WITH TIME ZONE") if name == time_column else ("DOUBLE",):
            fits = f"bool_and(TRY_CAST({quoted(name)} AS {wanted}) IS NOT NULL) FILTER ({quoted(name)} IS NOT NULL)"
            glance = f"SELECT {fits} FROM (SELECT {quoted(name)} FROM data LIMIT {_GLANCE})"  # noqa: S608
            [(some,)] = connection.execute(glance).fetchall()
            [(every,)] = connection.execute(f"SELECT {fits} FROM data").fetchall() if some is not False else [(False,)]  # noqa: S608
            if every:
                connection.execute(f"ALTER TABLE data ALTER {quoted(name)} TYPE {wanted}")
                break
