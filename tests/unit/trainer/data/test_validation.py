"""What validation finds beside the rules of single values: schema, labels, duplicates, severity, and what it tells."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from retrain_trainer.data.labels import label_shift, learn_labels
from retrain_trainer.data.matrix import learn_schema
from retrain_trainer.data.profile import profile_table
from retrain_trainer.data.report import Check, ValidationReport
from retrain_trainer.data.source import open_source
from retrain_trainer.data.table import Table, Where, open_table
from retrain_trainer.data.validate import validate
from retrain_trainer.errors import DataUnavailable, SpecError
from retrain_trainer.learned import LabelShares, Learned, Reference
from retrain_trainer.spec import PolicySpec, parse_spec

from tests.unit.trainer.data.test_rows import NOW, a_spec, a_table, lines

HEADER = "happened,x,c,late"


def a_reference(spec: PolicySpec, rows: list[str], *, header: str = HEADER) -> Reference:
    """What a champion trained on these rows knows; it was trained until a day before the newest one."""
    with a_table(rows, spec, header=header) as (table, profile):
        schema = learn_schema(table=table, profile=profile, spec=spec, where=Where())
        labels = learn_labels(table=table, target=spec.model.target, task=profile.task, where=Where())
        return Reference(
            schema=schema,
            classes=tuple(profile.classes or ()),
            learned=Learned(columns=dict(table.columns), empty=(), labels=labels),
            since=None,
        )


def report_of(
    rows: list[str], spec: PolicySpec, *, header: str = HEADER, reference: Reference | None = None
) -> ValidationReport:
    with a_table(rows, spec, header=header) as (table, _):
        profile = profile_table(table=table, spec=spec, now=NOW, reference=reference)
        return validate(profile=profile, table=table, spec=spec, now=NOW, reference=reference)


def reasons(checks: tuple[Check, ...]) -> list[tuple[str, str | None]]:
    return [(check.name, check.column) for check in checks]


def test_every_failure_is_told_and_the_first_gives_the_reason() -> None:
    spec = a_spec(validation={"columns": [{"name": "x", "max": 3}, {"name": "c", "allowed": ["a"]}], "minRows": 1000})
    report = report_of(lines(), spec)
    assert reasons(report.failures) == [("TooFewRows", None), ("OutOfRange", "x"), ("NotAllowed", "c")]
    assert report.message == "100 rows; spec.validation.minRows asks for 1,000; and 2 more failed checks"
    stored = json.loads(json.dumps(report.to_json(now=NOW)))
    failed = {check["name"]: check for check in stored["checks"] if not check["passed"]}
    assert failed["OutOfRange"] == {
        "name": "OutOfRange",
        "column": "x",
        "severity": "Error",
        "passed": False,
        "count": 42,
        "fraction": 0.42,
        "bound": "max 3",
        "examples": ["4", "5", "6"],
        "message": "column 'x': 42 of 100 rows are above max 3",
    }
    assert (stored["failed"], stored["warned"], stored["passed"]) == (3, 0, False)
    table = "\n".join(report.lines())
    assert "3 failed" in table
    assert all(name in table for name in ("TooFewRows", "OutOfRange", "NotAllowed", "42.00%"))


def test_a_line_break_in_a_value_forges_no_line_of_the_log() -> None:
    rows = [*lines(), '2024-05-31 12:00:00,1,"x\nvalidation: 0 failed",yes']
    report = report_of(rows, a_spec(validation={"columns": [{"name": "c", "allowed": ["a", "b", "c"]}]}))
    assert reasons(report.failures) == [("NotAllowed", "c")]
    assert all("\n" not in line for line in report.lines())
    assert len(report.lines()) == 3


def test_sound_rows_are_asked_twice_everything_at_once_and_then_the_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = [
        {"name": "x", "min": 0, "max": 9, "unique": False},
        {"name": "c", "allowed": ["a", "b", "c"], "pattern": "."},
    ]
    spec = a_spec(validation={"columns": rules, "maxDuplicateFraction": 1, "maxLabelShift": 1, "maxAge": "9d"})
    known = a_reference(spec, lines())
    asked: list[str] = []
    with a_table(lines(), spec) as (table, _):
        query = table.query

        def counted(sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
            asked.append(sql)
            return query(sql, parameters)

        monkeypatch.setattr(table, "query", counted)
        profile = profile_table(table=table, spec=spec, now=NOW, reference=known)
        report = validate(profile=profile, table=table, spec=spec, now=NOW, reference=known)
    assert report.passed
    assert len(report.checks) > 20
    assert len(asked) == 2


def test_a_warning_is_told_and_rejects_nothing() -> None:
    rule = {"name": "x", "max": 3, "severity": "Warning"}
    gone = {"name": "speed", "severity": "Warning"}
    report = report_of(lines(), a_spec(validation={"columns": [rule, gone]}))
    assert report.passed
    assert reasons(report.warnings) == [("ColumnMissing", "speed"), ("OutOfRange", "x")]
    assert "2 warnings: column 'speed'" in report.message
    assert "Warning" in "\n".join(report.lines())


@pytest.mark.parametrize(("bound", "passed"), [(0.4, True), (0.3, False), (0, False), (None, True)])
def test_rows_that_repeat_another_one_have_a_bound(bound: float | None, passed: bool) -> None:
    rows = [*lines(60), *lines(40)]  # the same 40 rows again
    report = report_of(rows, a_spec(validation={"maxDuplicateFraction": bound}))
    assert report.passed is passed
    if not passed:
        assert "40 of 100 rows repeat another row" in report.message


def test_columns_that_the_spec_does_not_use_make_no_row_different() -> None:
    rows = [f"{line},{number}" for number, line in enumerate([*lines(60), *lines(40)])]
    spec = a_spec(validation={"maxDuplicateFraction": 0}, model={"features": {"exclude": ["id"]}})
    assert reasons(report_of(rows, spec, header=f"{HEADER},id").failures) == [("DuplicateRows", None)]
    used = a_spec(validation={"maxDuplicateFraction": 0})
    assert report_of(rows, used, header=f"{HEADER},id").passed


@pytest.mark.parametrize(
    ("change", "header", "found"),
    [
        pytest.param(lambda row: row, HEADER, [], id="the same columns"),
        pytest.param(lambda row: [row[0], *row[2:]], "happened,c,late", [("ColumnMissing", "x")], id="one is missing"),
        pytest.param(
            lambda row: [row[0], f"n{row[1]}", *row[2:]], HEADER, [("TypeMismatch", "x")], id="numbers became texts"
        ),
        pytest.param(
            lambda row: [row[0], "", *row[2:]], HEADER, [("TooManyNulls", "x"), ("ColumnEmpty", "x")], id="one is empty"
        ),
        pytest.param(
            lambda row: [*row[:3], "maybe" if row[1] == "0" else row[3]], HEADER, [("TypeMismatch", "late")], id="maybe"
        ),
        pytest.param(lambda row: [*row[:1], f"{row[1]}.5", *row[2:]], HEADER, [], id="whole numbers became decimals"),
        pytest.param(lambda row: [*row, "9"], f"{HEADER},more", [], id="one more column"),
    ],
)
def test_without_rules_the_champion_s_data_are_the_rule(
    change: Any, header: str, found: list[tuple[str, str | None]]
) -> None:
    spec = a_spec()
    rows = [",".join(change(line.split(","))) for line in lines()]
    report = report_of(rows, spec, header=header, reference=a_reference(spec, lines()))
    assert reasons(report.failures) == found


def test_a_column_that_was_empty_before_may_stay_so() -> None:
    spec = a_spec(validation={"maxNullFraction": 1})
    known = a_reference(spec, lines())
    rows = [",".join([line.split(",")[0], "", *line.split(",")[2:]]) for line in lines()]
    assert reasons(report_of(rows, spec, reference=known).failures) == [("ColumnEmpty", "x")]
    assert known.learned is not None
    learned = Learned(columns=known.learned.columns, empty=("x",), labels=known.learned.labels)
    before = Reference(schema=known.schema, classes=known.classes, learned=learned, since=None)
    assert report_of(rows, spec, reference=before).passed


def test_an_unseen_class_is_a_warning_that_names_target_and_class() -> None:
    spec = a_spec(model={"target": "c"})
    rows = [*lines(99), "2024-05-31 13:00:00,1,maybe,yes"]
    report = report_of(rows, spec, reference=a_reference(spec, lines()))
    assert report.passed
    assert "'c': 1 of 100 labelled rows are of a class" in report.message
    assert "(e.g. maybe)" in report.message


@pytest.mark.parametrize(("share", "passed"), [(3, True), (6, False)])
def test_a_shift_of_the_classes_shares_has_a_bound(share: int, passed: bool) -> None:
    spec = a_spec(validation={"maxLabelShift": 0.1})
    known = a_reference(spec, lines(600))  # two thirds are `yes`
    rows = [f"{','.join(line.split(',')[:3])},{'yes' if n % share else 'no'}" for n, line in enumerate(lines(600))]
    report = report_of(rows, spec, reference=known)
    assert report.passed is passed
    if not passed:
        assert "differ by 0.15" in report.message  # 1/6, less what chance gives for 600 rows


def test_only_newly_delivered_labels_count_where_rows_have_times() -> None:
    spec = a_spec(validation={"maxLabelShift": 0.2})
    known = a_reference(spec, lines(600))
    turned = [f"{','.join(line.split(',')[:3])},no" if n >= 480 else line for n, line in enumerate(lines(600))]
    newest = datetime(2024, 5, 31, 12, tzinfo=UTC)
    at = {
        days: Reference(
            schema=known.schema, classes=known.classes, learned=known.learned, since=newest - timedelta(days=days)
        )
        for days in (60, 300, 10)
    }
    assert reasons(report_of(turned, spec, reference=at[60]).failures) == [("LabelShift", "late")]
    assert report_of(turned, spec, reference=at[300]).passed
    assert report_of(turned, spec, reference=at[10]).passed, "20 labels say nothing"


def test_numbers_shift_by_tenths() -> None:
    spec = a_spec(model={"target": "y", "task": "Regression"}, validation={"maxLabelShift": 0.1})
    header = "happened,x,c,y"
    rows = [f"{','.join(line.split(',')[:3])},{n * 0.5}" for n, line in enumerate(lines(600))]
    known = a_reference(spec, rows, header=header)
    assert known.learned is not None
    assert sum(known.learned.labels.counts) == 600
    assert len(known.learned.labels.edges) == 9
    assert report_of(rows, spec, header=header, reference=known).passed
    moved = [f"{','.join(line.split(',')[:3])},{n * 0.5 + 100}" for n, line in enumerate(lines(600))]
    assert reasons(report_of(moved, spec, header=header, reference=known).failures) == [("LabelShift", "y")]


@given(counts=st.lists(st.tuples(st.integers(0, 999), st.integers(0, 999)), min_size=1, max_size=9))
def test_the_shift_is_a_share_and_zero_for_equal_shares(counts: list[tuple[int, int]]) -> None:
    before, after = [first + 1 for first, _ in counts], [second + 1 for _, second in counts]
    assert 0 <= label_shift(before=before, after=after) < 1
    assert label_shift(before=before, after=[3 * count for count in before]) == 0
    assert label_shift(before=before, after=after) == pytest.approx(label_shift(before=before[::-1], after=after[::-1]))


CANARY = "c4n4ry"


@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([f"{line.rpartition(',')[0]},{CANARY}" for line in lines()], id="one class"),
        pytest.param([line.replace(",a,", f",{CANARY},") for line in lines()], id="a value not allowed"),
        pytest.param([*lines(99), f"2024-05-31 13:00:00,1,a,{CANARY}"], id="an unseen class"),
        pytest.param([*lines(99), f"2024-05-31 13:00:00,{CANARY},a,yes"], id="a word among numbers"),
        pytest.param([*lines(99), f"{CANARY},1,a,yes"], id="a word among times"),
    ],
)
def test_values_are_quoted_only_if_the_spec_allows_it(rows: list[str], shown: bool) -> None:
    rule = {"name": "c", "allowed": ["a", "b", "c"]}
    spec = a_spec(validation={"showExamples": shown, "columns": [rule]})
    report = report_of(rows, spec, reference=a_reference(a_spec(), lines()))
    told = report.message + "\n".join(report.lines()) + json.dumps(report.to_json(now=NOW))
    assert report.failures or report.warnings
    assert (CANARY in told) is shown


def test_lines_that_cannot_be_read_are_not_quoted_either(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"x,y\n1,2\n{CANARY},{CANARY},{CANARY}\n")
    source = open_source(uri="pvc://data/a.csv", claims={"data": tmp_path})
    for shown in (True, False):
        with pytest.raises(DataUnavailable) as refused:
            open_table(source=source, memory_limit_bytes=None, threads=1, scratch=tmp_path, show_values=shown).close()
        assert "Line: 3" in refused.value.message
        assert CANARY not in refused.value.message if not shown else True


def opened(folder: Path, name: str, **limits: Any) -> Table:
    source = open_source(uri=f"pvc://data/{name}", claims={"data": folder})
    return open_table(source=source, threads=1, scratch=folder, **{"memory_limit_bytes": None, **limits})


@pytest.mark.parametrize("first", ["inf", "-Infinity", "+inf"])
def test_a_column_of_numbers_stays_one_when_it_begins_with_infinity(tmp_path: Path, first: str) -> None:
    (tmp_path / "a.csv").write_text(f"x,y\n{first},a\n" + "1,b\n" * 3000)
    with opened(tmp_path, "a.csv") as table:
        assert dict(table.columns) == {"x": "Number", "y": "String"}
        assert table.query("SELECT count_if(isinf(x)) FROM data") == [(1,)]
    with opened(tmp_path, "a.csv", text_columns=["x"]) as table:
        assert table.columns["x"] == "String"


@pytest.mark.parametrize("written", ["NaN", "nan", "NAN", "Nan", "-nan", "+NaN", "NA", "null", ""])
def test_no_number_is_a_missing_value_however_it_is_written(tmp_path: Path, written: str) -> None:
    (tmp_path / "a.csv").write_text(f"x,y\n1.5,a\n{written},b\n" + "2,c\n" * 3000)
    with opened(tmp_path, "a.csv") as table:
        assert dict(table.columns) == {"x": "Number", "y": "String"}
        assert table.query("SELECT count(*), count(x), max(x) FROM data") == [(3002, 3001, 2.0)]


def test_dates_and_times_may_be_mixed_in_the_time_column(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("t,y\n2024-01-01,1\n2024-01-01T02:00:00+02:00,2\n2024-01-01 00:00:00,3\n")
    with opened(tmp_path, "a.csv", time_column="t") as table:
        assert table.columns["t"] == "Timestamp"
        assert table.query("SELECT DISTINCT t FROM data") == [(datetime(2024, 1, 1),)]  # noqa: DTZ001


@pytest.mark.parametrize(
    ("times", "newest"),
    [
        pytest.param(["01/02/2013", "03/04/2013"], None, id="no day above 12 tells which number is the month"),
        pytest.param(["1.2.2013", "3.4.2013"], None, id="with dots"),
        pytest.param(["01/02/2013 10:00:00 PM"], None, id="with a time of day"),
        pytest.param(["01/02/2013", "13/04/2013"], datetime(2013, 4, 13), id="a day above 12 in front"),  # noqa: DTZ001
        pytest.param(["01/02/2013", "04/13/2013"], datetime(2013, 4, 13), id="a day above 12 behind"),  # noqa: DTZ001
        pytest.param(["01/01/2013", "02/02/2013"], datetime(2013, 2, 2), id="either reading is the same"),  # noqa: DTZ001
        pytest.param(["2013-02-01", "2013-04-03"], datetime(2013, 4, 3), id="year, month, day"),  # noqa: DTZ001
        pytest.param(["2013/02/01"], datetime(2013, 2, 1), id="year, month, day with slashes"),  # noqa: DTZ001
    ],
)
def test_times_that_can_be_read_in_two_ways_are_refused(
    tmp_path: Path, times: list[str], newest: datetime | None
) -> None:
    (tmp_path / "a.csv").write_text("y,t\n1,\n1,NA\n" + "".join(f"1,{time}\n" for time in times))
    (tmp_path / "b.csv").write_text("y,t\n1,\n")
    if newest is not None:
        with opened(tmp_path, "*.csv", time_column="t") as table:
            assert table.query("SELECT max(t) FROM data") == [(newest,)]
        return
    for shown in (True, False):
        with pytest.raises(
            DataUnavailable, match="either day first or month first; write them as 2013-02-01"
        ) as refused:
            opened(tmp_path, "*.csv", time_column="t", show_values=shown)
        assert (times[0] in refused.value.message, refused.value.reason) == (shown, "DataUnreadable")
    with opened(tmp_path, "*.csv") as table:
        assert table.columns["t"] == "Timestamp"


def test_nan_and_zones_of_parquet_are_read_as_those_of_csv(tmp_path: Path) -> None:
    sql = "SELECT 'NaN'::DOUBLE AS x, TIMESTAMPTZ '2024-01-01 02:00:00+02' AS t, DATE '2024-01-01' AS d"
    duckdb.sql(f"COPY ({sql}) TO '{tmp_path / 'a.parquet'}'")
    with opened(tmp_path, "a.parquet") as table:
        for _ in range(2):
            [row] = table.query("SELECT x, t, d FROM data")
            assert row == (None, datetime(2024, 1, 1), datetime(2024, 1, 1))  # noqa: DTZ001
            table.load()


def test_a_uuid_is_a_text(tmp_path: Path) -> None:
    duckdb.sql(f"COPY (SELECT uuid() AS id, range % 2 AS late FROM range(200)) TO '{tmp_path / 'a.parquet'}'")
    whole = {"data": {"uri": "pvc://data/a.parquet"}, "model": {"target": "late"}, "registry": {"uri": "pvc://models"}}
    spec = parse_spec(
        {**whole, "validation": {"columns": [{"name": "id", "type": "String", "pattern": "[0-9a-f-]{36}"}]}}
    )
    with opened(tmp_path, "a.parquet") as table:
        profile = profile_table(table=table, spec=spec, now=NOW)
        assert profile.columns["id"].mean_length == 36
        assert validate(profile=profile, table=table, spec=spec, now=NOW).passed


def test_parquet_is_looked_at_where_it_lies_until_it_is_loaded(tmp_path: Path) -> None:
    duckdb.sql(f"COPY (SELECT range AS x FROM range(1000)) TO '{tmp_path / 'a.parquet'}'")
    with opened(tmp_path, "a.parquet") as table:
        with pytest.raises(DataUnavailable):
            table.query(f"SELECT * FROM read_csv('{tmp_path / 'a.csv'}')")
        table.load()
        (tmp_path / "a.parquet").unlink()
        assert table.query("SELECT count(*), max(rowid) FROM data") == [(1000, 999)]


def _rewritten(path: Path) -> None:
    duckdb.sql(f"COPY (SELECT range AS x FROM range(1000, 2000)) TO '{path}'")


def _replaced(path: Path) -> None:
    duckdb.sql(f"COPY (SELECT range AS x FROM range(1000, 2000)) TO '{path.parent / 'made'}' (FORMAT parquet)")
    (path.parent / "made").rename(path)


@pytest.mark.parametrize("change", [_rewritten, _replaced, Path.unlink])
def test_parquet_that_was_changed_since_it_was_looked_at_is_not_loaded(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    for name in ("a.parquet", "b.parquet"):
        duckdb.sql(f"COPY (SELECT range AS x FROM range(1000)) TO '{tmp_path / name}'")
    with opened(tmp_path, "*.parquet") as table:
        change(tmp_path / "b.parquet")
        with pytest.raises(
            DataUnavailable, match=r"'b\.parquet' was changed while it was read; the next run"
        ) as refused:
            table.load()
    assert refused.value.reason == "DataUnreadable"


@pytest.mark.parametrize(
    ("second", "told"),
    [
        pytest.param("SELECT 1 AS a, 'x' AS c", "'b.parquet'", id="other columns"),
        pytest.param("SELECT 1 AS a, 'x' AS b", "'b.parquet'", id="another type"),
    ],
)
def test_a_parquet_file_unlike_the_first_is_named(tmp_path: Path, second: str, told: str) -> None:
    duckdb.sql(f"COPY (SELECT 1 AS a, 2 AS b) TO '{tmp_path / 'a.parquet'}'")
    duckdb.sql(f"COPY ({second}) TO '{tmp_path / 'b.parquet'}'")
    with pytest.raises(DataUnavailable) as refused, opened(tmp_path, "*.parquet") as table:
        table.query("SELECT max(b) FROM data")
    assert (refused.value.reason, told in refused.value.message) == ("DataUnreadable", True), refused.value.message


SMALL = {"memory_limit_bytes": 2**27, "scratch_limit_bytes": 2**20}


def test_parquet_that_cannot_fit_is_refused_by_its_footer(tmp_path: Path) -> None:
    columns = ", ".join(f"1::BIGINT AS c{number}" for number in range(9))
    duckdb.sql(f"COPY (SELECT {columns} FROM range(2000000)) TO '{tmp_path / 'a.parquet'}' (ROW_GROUP_SIZE 500000)")
    assert (tmp_path / "a.parquet").stat().st_size < 2**18
    with pytest.raises(DataUnavailable, match=r"2,000,000 rows of about 72 bytes need 137\.3 MiB") as refused:
        opened(tmp_path, "a.parquet", **SMALL)
    assert refused.value.reason == "DataTooLarge"
    assert "64.0 MiB of memory and 1.0 MiB of scratch" in refused.value.message


def test_texts_that_are_stored_once_are_counted_before_rows_are_loaded(tmp_path: Path) -> None:
    duckdb.sql(f"COPY (SELECT repeat('x', 100000) AS c FROM range(20000)) TO '{tmp_path / 'a.parquet'}'")
    spec = parse_spec(
        {"data": {"uri": "pvc://data/a.parquet"}, "model": {"target": "y"}, "registry": {"uri": "pvc://models"}}
    )
    with opened(tmp_path, "a.parquet", **SMALL) as table:
        profile = profile_table(table=table, spec=spec, now=NOW)
        with pytest.raises(DataUnavailable, match="20,000 rows of about 100,016 bytes") as refused:
            table.load(text_bytes=profile.text_bytes)
    assert refused.value.reason == "DataTooLarge"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"maxDuplicateFraction": 2}, "spec.validation.maxDuplicateFraction"),
        ({"maxLabelShift": -0.1}, "spec.validation.maxLabelShift"),
        ({"maxLabelShift": "0.1"}, "spec.validation.maxLabelShift"),
        ({"showExamples": "no"}, "spec.validation.showExamples"),
        ({"columns": [{"name": "x", "severity": "Info"}]}, "spec.validation.columns[0].severity"),
        ({"columns": [{"name": "x"}, {"name": "x"}]}, "'x' twice"),
        ({"columns": [{"name": "x", "min": 2, "max": 1}]}, "'x': min must not be above max"),
    ],
)
def test_a_bad_field_is_refused_by_name(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(SpecError) as refused:
        a_spec(validation=fields)
    assert named in refused.value.message


def test_what_was_learned_survives_the_manifest() -> None:
    learned = Learned(columns={"x": "Integer"}, empty=("c",), labels=LabelShares(counts=(1, 2), edges=(0.5,)))
    body = {"columns": {"x": "Integer"}, "empty": ["c"], "labels": {"counts": [1, 2], "classes": [], "edges": [0.5]}}
    assert Learned.from_json(body) == learned
    assert Learned.from_json(None) is None
