"""Files of one source that are unlike each other: read as one table where nothing is lost, else refused by name."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path
from typing import Any

import duckdb
import pytest
from retrain_trainer.errors import DataUnavailable

from tests.unit.trainer.data.test_bad_files import opened

#: One row of a column `x` without any value, as pandas and Arrow write it.
EMPTY = b64decode(
    "UEFSMRUAFQwVDCwVAhUAFQYVBhwAAAACAAAAAgAVBBksNQAYBnNjaGVtYRUCABUCJQIYAXhsvAAAABYCGRwZHCYAHBUCGSUGABkYAXgVABYCFjIW"
    "MiYISRwVABUAFQIAAAAWMhYCJggWMhQAACgpcGFycXVldC1jcHAtYXJyb3cgdmVyc2lvbiAxOC4wLjAtU05BUFNIT1QZHBwAAACBAAAAUEFSMQ=="
)


def parquet(folder: Path, **files: str) -> None:
    """Each file holds the answer to a query."""
    for name, sql in files.items():
        duckdb.sql(f"COPY ({sql}) TO '{folder / name}.parquet' (FORMAT parquet)")


def rows(folder: Path, kind: str, **values: int) -> None:
    """Files of one kind with one row of a column `x` each."""
    for name, value in values.items():
        if kind == "csv":
            (folder / f"{name}.csv").write_text(f"x\n{value}\n")
        else:
            parquet(folder, made=f"SELECT {value}::BIGINT AS x")
            (folder / "made.parquet").rename(folder / f"{name}.parquet")


def read(claim: Path, uri: str = "pvc://data/*.parquet", *, order: str = "ALL") -> tuple[dict[str, str], list[Any]]:
    """Columns with their types, and all rows, before and after they are loaded."""
    with opened(claim, uri) as table:
        looked = table.query(f"SELECT * FROM data ORDER BY {order}")
        table.load()
        assert table.query(f"SELECT * FROM data ORDER BY {order}") == looked
        return dict(table.columns), looked


@pytest.mark.parametrize(
    ("first", "second", "kind", "values"),
    [
        pytest.param("1::BIGINT", "2.5::DOUBLE", "Number", [1.0, 2.5], id="decimals after whole numbers"),
        pytest.param("1::TINYINT", "3000000000::BIGINT", "Integer", [1, 3000000000], id="greater whole numbers"),
        pytest.param(
            "-1::BIGINT", "18446744073709551615::UBIGINT", "Integer", [-1, 2**64 - 1], id="whole numbers of either sign"
        ),
        pytest.param("16777217::INTEGER", "0.5::FLOAT", "Number", [0.5, 16777217.0], id="what a FLOAT would round"),
        pytest.param("1.5::DECIMAL(5, 1)", "1.57::DECIMAL(5, 2)", "Number", [1.5, 1.57], id="more decimal places"),
        pytest.param("1.5::DECIMAL(5, 1)", "'NaN'::DOUBLE", "Number", [1.5, None], id="a NaN after decimals"),
        pytest.param("'a'", "'5ec7c1a4-2f7c-4d5c-9c3b-0a6f3f0b9b1e'::UUID", "String", None, id="a UUID after text"),
        pytest.param("[1::INTEGER]", "[2::BIGINT]", "Other", None, id="lists of two widths"),
    ],
)
def test_types_of_parquet_files_are_united_without_loss(
    tmp_path: Path, first: str, second: str, kind: str, values: list[Any] | None
) -> None:
    for a, b in ((first, second), (second, first)):
        parquet(tmp_path, a=f"SELECT {a} AS x, [1] AS y", b=f"SELECT {b} AS x, [1] AS y")
        columns, rows = read(tmp_path, order="x")
        assert columns == {"x": kind, "y": "Other"}
        assert values is None or [row[0] for row in rows] == values


@pytest.mark.parametrize("later", ["TIMESTAMP '2024-01-02 13:45:00'", "TIMESTAMPTZ '2024-01-02 14:45:00+01'"])
def test_a_date_and_a_time_are_both_times(tmp_path: Path, later: str) -> None:
    parquet(tmp_path, a="SELECT DATE '2024-01-01' AS x", b=f"SELECT {later} AS x")
    columns, rows = read(tmp_path)
    assert columns == {"x": "Timestamp"}
    assert [str(row[0]) for row in rows] == ["2024-01-01 00:00:00", "2024-01-02 13:45:00"]


@pytest.mark.parametrize(("name", "kind"), [("a", "String"), ("c", "String")])
def test_a_column_without_values_goes_with_every_type(tmp_path: Path, name: str, kind: str) -> None:
    parquet(tmp_path, b="SELECT 'text' AS x")
    (tmp_path / f"{name}.parquet").write_bytes(EMPTY)
    assert read(tmp_path) == ({"x": kind}, [("text",), (None,)])


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        pytest.param(
            "true AS x", "2 AS x", "'b.parquet' holds column 'x' as INTEGER and 'a.parquet' as BOOLEAN", id="b"
        ),
        pytest.param(
            "2 AS x", "true AS x", "as BOOLEAN and 'a.parquet' as INTEGER; write one type", id="booleans later"
        ),
        pytest.param("'1' AS x", "2.0::DOUBLE AS x", "as DOUBLE and 'a.parquet' as VARCHAR", id="a number after text"),
        pytest.param(
            "'1' AS x", "DATE '2024-01-01' AS x", "as DATE and 'a.parquet' as VARCHAR", id="a date after text"
        ),
        pytest.param("[1] AS x", "['a'] AS x", "as VARCHAR[] and 'a.parquet' as INTEGER[]", id="lists of other things"),
        pytest.param("1 AS x, 3 AS z", "2 AS x", "'b.parquet' lacks column 'z', unlike 'a.parquet'", id="one less"),
        pytest.param(
            "1 AS x", "2 AS x, 5 AS z", "'b.parquet' has column 'z' besides, unlike 'a.parquet'", id="one more"
        ),
        pytest.param("{'a': 1} AS x", "{'a': 1} AS x, 2 AS a", "has column 'a' besides", id="a field is no column"),
    ],
)
def test_parquet_files_that_cannot_be_united_are_named(tmp_path: Path, first: str, second: str, told: str) -> None:
    parquet(tmp_path, a=f"SELECT {first}", b=f"SELECT {second}")
    with pytest.raises(DataUnavailable) as refused:
        read(tmp_path)
    assert (refused.value.reason, refused.value.exit_code) == ("DataUnreadable", 66)
    assert told in refused.value.message


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize(
    "name", ["day[12]", "day?", "day*", "[!x]ay1", "day[1", "day]", "{day1,day2}", "d'ay", "day\\1", "~"]
)
def test_a_name_that_looks_like_a_pattern_is_one_file(tmp_path: Path, name: str, kind: str) -> None:
    rows(tmp_path, kind, **{name: 12, "day1": 1, "day2": 2})
    (tmp_path / "x").mkdir()
    rows(tmp_path / "x", kind, **{name: 3})
    assert read(tmp_path, f"pvc://data/*.{kind}")[1] == [(1,), (2,), (12,)]
    assert read(tmp_path, f"pvc://data/x/*.{kind}")[1] == [(3,)]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_folders_give_no_columns(tmp_path: Path, kind: str) -> None:
    claim = tmp_path / "run=7"
    for year in (2013, 2014):
        folder = claim / f"year={year}" / "x=9"
        folder.mkdir(parents=True)
        rows(folder, kind, a=year)
    assert read(claim, f"pvc://data/**/*.{kind}") == ({"x": "Integer"}, [(2013,), (2014,)])


@pytest.mark.parametrize("place", [0, 14])
@pytest.mark.parametrize(
    ("usual", "odd", "kind"),
    [
        pytest.param("1", "1.7", "Number", id="decimals"),
        pytest.param("1", "abc", "String", id="text"),
        pytest.param("1", "99999999999999999999", "Integer", id="a number beyond 64 bits"),
        pytest.param("1", "true", "String", id="true"),
        pytest.param("true", "1", "String", id="a number beside true and false"),
        pytest.param("2024-01-01", "2024-01-02 13:00:00", "Timestamp", id="a time beside dates"),
        pytest.param("2024-01-01 13:00:00", "2024-01-02", "Timestamp", id="a date beside times"),
        pytest.param("", "7", "Integer", id="the only number"),
        pytest.param("", "true", "Boolean", id="the only truth"),
        pytest.param("7", "", "Integer", id="nothing"),
    ],
)
def test_every_csv_file_has_a_say_in_the_types(tmp_path: Path, usual: str, odd: str, kind: str, place: int) -> None:
    values = [odd if number == place else usual for number in range(15)]
    for number, value in enumerate(values):
        (tmp_path / f"{number:02}.csv").write_text(f"x,y\n{value},1\n")
    with opened(tmp_path, "pvc://data/*.csv", time_column="x" if kind == "Timestamp" else None) as table:
        assert dict(table.columns) == {"x": kind, "y": "Integer"}
        assert table.query("SELECT count(*), count(x) FROM data") == [(15, sum(value != "" for value in values))]
        assert kind != "Number" or table.query("SELECT max(x) FROM data") == [(1.7,)]


def test_columns_of_parquet_may_change_places_and_capitals(tmp_path: Path) -> None:
    parquet(tmp_path, a="SELECT 1 AS Speed, 3 AS z", b="SELECT 4 AS z, 2.5::DOUBLE AS speed")
    assert read(tmp_path) == ({"Speed": "Number", "z": "Integer"}, [(1.0, 3), (2.5, 4)])
