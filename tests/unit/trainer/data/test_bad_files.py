"""Files that cannot be read, each with a sentence that names the file and what is wrong."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from retrain_trainer.claims import parse_uri
from retrain_trainer.data.source import open_source
from retrain_trainer.data.table import Table, open_table
from retrain_trainer.errors import DataUnavailable, SpecError

GOOD = "happened,x,late\n2024-01-01 00:00:00,1,yes\n2024-01-02 00:00:00,2,no\n"


def opened(claim: Path, uri: str = "pvc://data/in/*.csv*", **options: Any) -> Table:
    """The table of a claim's files."""
    source = open_source(uri=uri, claims={"data": claim})
    return open_table(source=source, memory_limit_bytes=2**29, threads=1, scratch=claim, **options)


def _write(name: str, content: bytes | str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    return write


def _two(first: str, second: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "a.csv").write_text(first)
        (folder / "b.csv").write_text(second)

    return write


def _dangling(folder: Path) -> None:
    (folder / "a.csv").symlink_to(folder / "gone.csv")


def _outside(folder: Path) -> None:
    secret = folder.parent.parent / "secret.csv"
    secret.write_text(GOOD)
    (folder / "a.csv").symlink_to(secret)


def _nothing(folder: Path) -> None:
    (folder / "notes.txt").write_text("x")


@pytest.mark.parametrize(
    ("make", "reason", "told"),
    [
        pytest.param(_nothing, "DataMissing", "notes.txt", id="no file matches, and the message says what is there"),
        pytest.param(_write("a.csv", ""), "DataUnreadable", "is empty", id="an empty file"),
        pytest.param(
            _write("a.csv", "x,x\n1,2\n"), "DataUnreadable", "names column 'x' twice", id="a column named twice"
        ),
        pytest.param(
            _write("a.csv", "Speed,y,speed\n1,2,3\n"),
            "DataUnreadable",
            "names column 'Speed' twice",
            id="a column named twice, once with a capital",
        ),
        pytest.param(
            _write("a.csv", "x, x\n1,2\n"), "DataUnreadable", "names column 'x' twice", id="once with a space"
        ),
        pytest.param(
            _write("a.csv", 'a,b\n1,"x" y\n'), "DataUnreadable", "cannot be read", id="text after a closing quote"
        ),
        pytest.param(_write("a.csv", "x,,y\n1,2,3\n"), "DataUnreadable", "without a name", id="a nameless column"),
        pytest.param(_write("a.csv", b"x,y\n1,caf\xe9\n"), "DataUnreadable", "UTF-8", id="another encoding"),
        pytest.param(_write("a.csv", b"caf\xe9,y\n1,2\n"), "DataUnreadable", "UTF-8", id="its header too"),
        pytest.param(
            _write("a.csv", "x,y\n" + "1,2\n" * 50 + "1\n"),
            "DataUnreadable",
            "Expected",
            id="too few values",
        ),
        pytest.param(
            _write("a.csv", "x,y\n" + "1,2\n" * 50 + "1,2,3\n"), "DataUnreadable", "Expected", id="one with too many"
        ),
        pytest.param(
            _write("a.csv", "x,y\r\n1,2\n3,4\r\n"),
            "DataUnreadable",
            "'a.csv' ends its lines in CRLF and line 2 in LF; write one of them",
            id="line ends of Windows, then of Unix",
        ),
        pytest.param(
            _two(GOOD, "happened,x,late\n" + "2024-01-01,1,no\n" * 40000 + "2024-01-01,1,no\r\n" * 2),
            "DataUnreadable",
            "'b.csv' ends its lines in LF and line 40,002 in CRLF",
            id="of Unix, then of Windows, far down in the second file",
        ),
        pytest.param(
            _write("a.csv.gz", gzip.compress(b"x,y\r\n1,2\n")), "DataUnreadable", "and line 2 in LF", id="and in a gzip"
        ),
        pytest.param(
            _two("x,t\n1,13/04/2013\n", "x,t\n1,04/13/2013\n"),
            "DataUnreadable",
            "convert string \"04/13/2013\" to 'DATE'",
            id="a date of another kind",
        ),
        pytest.param(_two(GOOD, "happened,x\n1,2\n"), "DataUnreadable", "lacks column 'late'", id="a file lacks one"),
        pytest.param(_two("x,y\n1,2\n", "x,y,z\n1,2,3\n"), "DataUnreadable", "'z' besides", id="a file has one more"),
        pytest.param(_two("x,y\n1,2\n", "y,x\n1,2\n"), "DataUnreadable", "another order", id="columns change places"),
        pytest.param(_dangling, "DataUnreadable", "leads nowhere", id="a dangling link"),
        pytest.param(_outside, "DataUnreadable", "out of the claim", id="a link out of the claim"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, make: Callable[[Path], None], reason: str, told: str) -> None:
    folder = tmp_path / "claim" / "in"
    folder.mkdir(parents=True)
    make(folder)
    with pytest.raises(DataUnavailable) as refused:
        opened(tmp_path / "claim")
    assert (refused.value.reason, refused.value.exit_code) == (reason, 66)
    assert told in refused.value.message


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("a.csv.gz", gzip.compress(GOOD.encode() * 999)[:200], id="a truncated gzip"),
        pytest.param("a.csv.gz", GOOD.encode(), id="a gzip that is none"),
        pytest.param("a.parquet", b"PAR1 and then nothing", id="a corrupt Parquet file"),
    ],
)
def test_a_broken_container_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataUnavailable) as refused:
        opened(tmp_path, f"pvc://data/{name}")
    assert refused.value.reason == "DataUnreadable"
    assert repr(name) in refused.value.message


def test_of_two_names_that_begin_alike_the_right_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"x,y\n1,2\n1,2,3\n"))
    with pytest.raises(DataUnavailable, match=r"'a\.csv\.gz' cannot be read: .*Line: 3"):
        opened(tmp_path, "pvc://data/*")


def test_csv_gzip_and_parquet_give_the_same_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(GOOD.encode()))
    duckdb.sql(f"COPY (SELECT * FROM read_csv('{tmp_path / 'a.csv'}')) TO '{tmp_path / 'c.parquet'}'")
    seen = []
    for name in ("a.csv", "b.csv.gz", "c.parquet"):
        with opened(tmp_path, f"pvc://data/{name}") as table:
            seen.append((dict(table.columns), table.query("SELECT * FROM data")))
    assert seen[0] == seen[1] == seen[2]
    assert seen[0][0] == {"happened": "Timestamp", "x": "Integer", "late": "Boolean"}


@pytest.mark.parametrize(
    ("head", "separator", "names"),
    [
        pytest.param("x;y", ";", ["x", "y"], id="a semicolon separates too"),
        pytest.param('"Weight, kg";"Height, cm";x', ";", ["Weight, kg", "Height, cm", "x"], id="not what is quoted"),
        pytest.param('id;"price, net, EUR"', ";", ["id", "price, net, EUR"], id="even if there is more of it"),
        pytest.param('"a ""x;y;z""",b', ",", ['a "x;y;z"', "b"], id="nor what is quoted twice"),
        pytest.param("a, b,c ,\td,  e  f ", ",", ["a", "b", "c", "\td", "e  f"], id="spaces around names are none"),
        pytest.param('" a","b ",\u00a0c\u2003', ",", ["a", "b", "c"], id="of every kind, and in quotes"),
    ],
)
def test_the_first_line_names_the_columns(tmp_path: Path, head: str, separator: str, names: list[str]) -> None:
    (tmp_path / "a.csv").write_text(f"{head}\n" + separator.join(str(number) for number in range(len(names))) + "\n")
    (tmp_path / "b.csv").write_text((tmp_path / "a.csv").read_text())
    with opened(tmp_path, "pvc://data/*.csv") as table:
        assert dict(table.columns) == dict.fromkeys(names, "Integer")
        assert table.query("SELECT DISTINCT * FROM data") == [tuple(range(len(names)))]
    with opened(tmp_path, "pvc://data/*.csv", text_columns=names) as table:
        assert dict(table.columns) == dict.fromkeys(names, "String")


def test_no_file_can_be_reached_once_the_rows_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    with opened(tmp_path, "pvc://data/a.csv") as table, pytest.raises(duckdb.PermissionException):
        table.query(f"SELECT * FROM read_csv('{tmp_path / 'a.csv'}')")


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("s3://bucket/x.csv", "pvc://<claim>/<path>"),
        ("pvc://user:secret@data/x.csv", "user, password or port"),
        ("pvc://data/../x.csv", ".."),
        ("pvc://data/a//b.csv", "//"),
        ("pvc://data/%2e%2e/x.csv", "%"),
        ("pvc://data/a\\b.csv", "backslash"),
        ("pvc:///x.csv", "name of a PersistentVolumeClaim"),
        ("pvc://Data/x.csv", "name of a PersistentVolumeClaim"),
    ],
)
def test_a_bad_uri_is_refused_with_its_field(uri: str, told: str) -> None:
    with pytest.raises(SpecError) as refused:
        parse_uri(uri=uri)
    assert (refused.value.reason, refused.value.exit_code) == ("InvalidURI", 64)
    assert refused.value.message.startswith("spec.data.uri: ")
    assert told in refused.value.message


def test_two_stars_within_a_name_are_as_good_as_one(tmp_path: Path) -> None:
    for name in ("a1b.csv", "a/b.csv", "ab.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x\n1\n")
    for pattern in ("a**b.csv", "**a***b.csv**"):
        found = open_source(uri=f"pvc://data/{pattern}", claims={"data": tmp_path})
        assert [path.name for path in found.files] == ["a1b.csv"]
    found = open_source(uri="pvc://data/**/b.csv", claims={"data": tmp_path})
    assert [path.parent.name for path in found.files] == ["a"]
