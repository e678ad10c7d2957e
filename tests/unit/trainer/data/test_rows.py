"""Rows that were read: validated, divided, and coded as RowEncoder codes them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from retrain_trainer.data.matrix import learn_schema, read_samples
from retrain_trainer.data.profile import Profile, profile_table
from retrain_trainer.data.source import open_source
from retrain_trainer.data.split import SplitRejected, split
from retrain_trainer.data.table import Table, Where, open_table
from retrain_trainer.data.validate import validate
from retrain_trainer.errors import SpecError
from retrain_trainer.features import NULL_TEXTS, Feature, FeatureSchema
from retrain_trainer.model.encoder import RowEncoder
from retrain_trainer.spec import PolicySpec, parse_spec

NOW = datetime(2024, 6, 1, tzinfo=UTC)


def a_spec(**sections: Any) -> PolicySpec:
    """A spec over the columns of `rows`; keyword arguments replace or extend sections."""
    whole: dict[str, Any] = {
        "data": {"uri": "pvc://data/a.csv", "timeColumn": "happened"},
        "model": {"target": "late"},
        "validation": {"minRows": 10},
        "registry": {"uri": "pvc://models"},
    }
    for name, fields in sections.items():
        whole[name] = {**whole.get(name, {}), **fields}
    return parse_spec(whole)


def lines(count: int = 100, *, per_day: int = 2) -> list[str]:
    """A line a row: time, number, text, label; the newest is of 31 May 2024."""
    start = datetime(2024, 5, 31, 12, tzinfo=UTC)
    return [
        f"{start - timedelta(hours=24 / per_day * back):%Y-%m-%d %H:%M:%S},{back % 7},{'abc'[back % 3]},"
        f"{'yes' if back % 3 else 'no'}"
        for back in reversed(range(count))
    ]


@contextmanager
def a_table(rows: list[str], spec: PolicySpec, *, header: str = "happened,x,c,late") -> Iterator[tuple[Table, Profile]]:
    """A real file, read and profiled."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "a.csv").write_text("\n".join([header, *rows]) + "\n")
        source = open_source(uri=spec.data.uri, claims={"data": folder})
        with open_table(source=source, memory_limit_bytes=None, threads=1, scratch=folder) as table:
            yield table, profile_table(table=table, spec=spec, now=NOW)


def _future() -> list[str]:
    return [*lines(), "2099-01-01 00:00:00,1,a,yes"]


def _column(place: int, value: str, *, every: int = 1) -> list[str]:
    """Every so manieth row has `value` in one column."""
    changed = []
    for number, line in enumerate(lines()):
        values = line.split(",")
        if number % every == 0:
            values[place] = value
        changed.append(",".join(values))
    return changed


def _rule(**rule: Any) -> dict[str, Any]:
    return {"validation": {"columns": [rule]}}


@pytest.mark.parametrize(
    ("rows", "sections", "reason", "told"),
    [
        pytest.param(lines(), {"model": {"target": "latte"}}, "TargetMissing", "'latte'", id="no such target"),
        pytest.param(lines(), {"data": {"timeColumn": "when"}}, "TimeColumnMissing", "'when'", id="no time column"),
        pytest.param(lines(), {"data": {"timeColumn": "x"}}, "TimeColumnNotTime", "integer", id="a numeric time"),
        pytest.param(
            lines(),
            {"model": {"features": {"include": ["x", "speed"]}}},
            "FeatureMissing",
            "'speed'",
            id="no feature of it",
        ),
        pytest.param(
            lines(),
            {"model": {"features": {"include": ["x", "speed"], "exclude": ["speed", "x"]}}},
            "NoFeatures",
            "have",
            id="included and excluded",
        ),
        pytest.param(lines(), _rule(name="speed"), "ColumnMissing", "'speed'", id="a rule for no column"),
        pytest.param(
            lines(),
            {"evaluation": {"slices": [{"column": "carrier", "min": 0.6}]}},
            "ColumnMissing",
            "'carrier' of spec.evaluation.slices[0].column is not in the data; they have: happened, x",
            id="a slice of no column",
        ),
        pytest.param(lines(), {"model": {"features": {"exclude": ["x", "c"]}}}, "NoFeatures", "have", id="no feature"),
        pytest.param(lines(5), {}, "TooFewRows", "5 rows", id="too few rows"),
        pytest.param(lines(), {"model": {"task": "Regression"}}, "TargetTypeMismatch", "numbers", id="words"),
        pytest.param(_column(3, ""), {}, "TargetAllNull", "no value", id="no label at all"),
        pytest.param(_column(3, "yes"), {}, "OneClass", "two classes", id="one class"),
        pytest.param(_future(), {}, "FutureRows", "1 of 101 rows are later", id="a row of 2099"),
        pytest.param(lines(), {"validation": {"maxAge": "1h"}}, "TooOld", "2024-05-31T12:00:00Z", id="old data"),
        pytest.param(_column(1, "", every=1), {}, "TooManyNulls", "100 of 100 rows have no", id="an empty column"),
        pytest.param(_column(1, "1e999", every=9), {}, "InfiniteValues", "infinite", id="infinite values"),
        pytest.param(lines(), _rule(name="x", max=5), "OutOfRange", "above max 5 (e.g. 6)", id="above max"),
        pytest.param(lines(), _rule(name="x", min=1), "OutOfRange", "below min 1 (e.g. 0)", id="below min"),
        pytest.param(lines(), _rule(name="c", allowed=["a", "b"]), "NotAllowed", "(e.g. c)", id="a value not allowed"),
        pytest.param(lines(), _rule(name="c", pattern="[ab]"), "PatternMismatch", "(e.g. c)", id="against the pattern"),
        pytest.param(lines(), _rule(name="x", unique=True), "NotUnique", "(e.g. 0, 1, 2)", id="a value twice"),
        pytest.param(lines(), _rule(name="c", type="Number"), "TypeMismatch", "Number", id="text for a number"),
        pytest.param(_column(1, "", every=9), _rule(name="x", maxNullFraction=0), "TooManyNulls", "'x'", id="one null"),
    ],
)
def test_data_are_rejected_by_name(rows: list[str], sections: dict[str, Any], reason: str, told: str) -> None:
    spec = a_spec(**sections)
    with a_table(rows, spec) as (table, profile):
        failure = validate(profile=profile, table=table, spec=spec, now=NOW).first_failure
    assert failure is not None
    assert failure.name == reason, failure
    assert told in failure.told


def test_good_data_pass_and_columns_that_are_not_used_reject_nothing() -> None:
    spec = a_spec(model={"features": {"exclude": ["c"]}})
    with a_table(_column(2, ""), spec) as (table, profile):
        assert validate(profile=profile, table=table, spec=spec, now=NOW).passed


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    count=st.integers(60, 400),
    per_day=st.sampled_from([1, 2, 8]),
    gap=st.sampled_from([0, 3]),
    window=st.sampled_from([None, 20]),
    holdout=st.sampled_from([{}, {"fraction": 0.3}, {"window": "7d"}]),
    trained=st.integers(0, 40),
)
def test_no_row_both_trains_and_judges(
    count: int, per_day: int, gap: int, window: int | None, holdout: dict[str, Any], trained: int
) -> None:
    data: dict[str, Any] = {"holdout": {**holdout, "gap": f"{gap}d"}}
    if window is not None:
        data["window"] = f"{window}d"
    spec = a_spec(data=data, validation={"minRows": 1})
    until = NOW - timedelta(days=trained)
    with a_table(lines(count, per_day=per_day), spec) as (table, profile):
        try:
            made = split(table=table, profile=profile, spec=spec, salt="s", champion_trained_until=until)
        except SplitRejected:
            return
        ends = {}
        for name in ("train", "holdout", "comparison"):
            where = getattr(made, name)
            sql = f"SELECT min(happened), max(happened) FROM data WHERE {where.sql}"
            [ends[name]] = table.query(sql, where.parameters)
    assert made.holdout_start is not None
    start = made.holdout_start.replace(tzinfo=None)
    assert start == start.replace(hour=0, minute=0)
    assert ends["train"][1] < start - timedelta(days=gap)
    assert ends["holdout"][0] >= start
    if ends["comparison"][0] is not None:
        assert ends["comparison"][0] > until.replace(tzinfo=None)
    if window is not None:
        assert ends["train"][0] >= start - timedelta(days=gap + window)


@pytest.mark.parametrize(
    ("features", "seen"),
    [
        pytest.param({}, ("x", "c"), id="all usable ones"),
        pytest.param({"include": ["c"]}, ("c",), id="exactly those included"),
        pytest.param({"exclude": ["c"]}, ("x",), id="never those excluded"),
        pytest.param({"include": ["x", "c"], "exclude": ["c"]}, ("x",), id="never those excluded, though included"),
        pytest.param({"include": ["x", "happened"], "exclude": ["happened"]}, ("x",), id="not even the time column"),
        pytest.param({"include": ["x", "x"]}, ("x",), id="once, though included twice"),
    ],
)
def test_which_columns_a_model_sees(features: dict[str, Any], seen: tuple[str, ...]) -> None:
    spec = a_spec(model={"features": features})
    with a_table(lines(), spec) as (table, profile):
        schema = learn_schema(table=table, profile=profile, spec=spec, where=Where())
    assert tuple(feature.name for feature in schema.features) == seen
    assert {excluded.name for excluded in schema.excluded} == {"happened", "x", "c", "late"} - set(seen)


def test_a_model_never_sees_what_it_predicts() -> None:
    spec = a_spec(model={"features": {"include": ["x", "late"]}})
    with (
        pytest.raises(SpecError, match=r"spec\.model\.features\.include names the target 'late'"),
        a_table(lines(), spec),
    ):
        pass


def test_without_a_time_column_a_row_stays_on_its_side() -> None:
    spec = parse_spec(
        {"data": {"uri": "pvc://data/a.csv"}, "model": {"target": "late"}, "registry": {"uri": "pvc://models"}}
    )
    sides = []
    for rows in (lines(600), lines(900)):
        with a_table(rows, spec) as (table, profile):
            made = split(table=table, profile=profile, spec=spec, salt="s")
            held = table.query(f"SELECT happened FROM data WHERE {made.holdout.sql}", made.holdout.parameters)
            kept = table.query(f"SELECT happened FROM data WHERE {made.train.sql}", made.train.parameters)
            sides.append((set(held), set(kept)))
    (held_before, kept_before), (held_after, kept_after) = sides
    assert held_before <= held_after
    assert kept_before <= kept_after
    assert 0.15 < len(held_after) / 900 < 0.25


@settings(max_examples=25, deadline=None)
@given(
    values=st.lists(
        st.tuples(
            st.one_of(st.none(), st.integers(-9, 9)),
            st.one_of(st.none(), st.sampled_from(["a", "b", "é", 'x"y'])),
            st.one_of(st.none(), st.datetimes(datetime(1999, 1, 1), datetime(2030, 1, 1))),  # noqa: DTZ001
        ),
        min_size=12,
        max_size=40,
    )
)
def test_codes_made_in_sql_are_those_of_the_row_encoder(values: list[tuple[Any, Any, Any]]) -> None:
    spec = parse_spec(
        {
            "data": {"uri": "pvc://data/a.csv"},
            "model": {"target": "late", "features": {"include": ["x", "c", "t"]}},
            "registry": {"uri": "pvc://models"},
        }
    )
    rows = [
        f"{'' if x is None else x},"
        + ("" if c is None else '"' + c.replace('"', '""') + '"')
        + f",{'' if t is None else t.replace(microsecond=0).isoformat(sep=' ')},{'yes' if number % 2 else 'no'}"
        for number, (x, c, t) in enumerate(values)
    ]
    # One row of each kind of value fixes the types, whatever was drawn.
    rows += ["1,a,2001-02-03 04:05:06,yes", "2,b,2001-02-03 04:05:06,no"]
    with a_table(rows, spec, header="x,c,t,late") as (table, profile):
        schema = learn_schema(table=table, profile=profile, spec=spec, where=Where(sql="rowid % 3 > 0"))
        samples = read_samples(
            table=table, schema=schema, target="late", task="Classification", time_column=None, where=Where()
        )
        read = table.query("SELECT x, c, t FROM data")
    columns = {name: [row[place] for row in read] for place, name in enumerate("xct")}
    # Without a time column rows come in an order of their own: the same rows, whichever.
    np.testing.assert_array_equal(_sorted(samples.X), _sorted(RowEncoder(schema).transform(columns)))


def _sorted(matrix: Any) -> Any:
    return matrix[np.lexsort(np.nan_to_num(matrix, nan=-99.0).T)]


@pytest.mark.parametrize(
    "known", [pytest.param((), id="no category of theirs"), pytest.param(("NA", ""), id="some are")]
)
def test_texts_that_stand_for_a_missing_value_are_coded_as_the_row_encoder_does(
    known: tuple[str, ...], tmp_path: Path
) -> None:
    texts = [*NULL_TEXTS, "a", "other", None]
    values = ", ".join("(NULL, 1)" if text is None else f"('{text}', 1)" for text in texts)
    duckdb.sql(f"COPY (SELECT * FROM (VALUES {values}) AS t(c, late)) TO '{tmp_path / 'a.parquet'}' (FORMAT parquet)")
    source = open_source(uri="pvc://data/a.parquet", claims={"data": tmp_path})
    schema = FeatureSchema(features=(Feature(name="c", kind="categorical", categories=("a", *known)),))
    with open_table(source=source, memory_limit_bytes=None, threads=1, scratch=tmp_path) as table:
        table.load()
        samples = read_samples(
            table=table, schema=schema, target="late", task="Classification", time_column=None, where=Where()
        )
    coded = RowEncoder(schema).transform({"c": texts})
    np.testing.assert_array_equal(_sorted(samples.X), _sorted(coded))
    assert np.isnan(coded).sum() == len(texts) - 2 - len(known)


@pytest.mark.parametrize("name", ["rowid", "RowID"])
def test_a_column_may_be_called_rowid_and_says_nothing_of_the_order(name: str) -> None:
    spec = a_spec()
    made = [
        f"2024-05-{1 + number // 100:02d} 00:00:00,7,{number},{'yes' if number % 3 else 'no'}" for number in range(900)
    ]
    read = []
    for rows in (made, random.Random(1).sample(made, len(made))):
        with a_table(rows, spec, header=f"happened,{name},x,late") as (table, profile):
            schema = learn_schema(table=table, profile=profile, spec=spec, where=Where())
            read.append(
                read_samples(
                    table=table,
                    schema=schema,
                    target="late",
                    task="Classification",
                    time_column="happened",
                    where=Where(),
                )
            )
    np.testing.assert_array_equal(read[0].X, read[1].X)
    np.testing.assert_array_equal(read[0].y, read[1].y)
    assert list(read[0].unit) == sorted(read[0].unit)
