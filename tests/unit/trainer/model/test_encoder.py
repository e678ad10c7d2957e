"""Rows by name become the matrix that a model knows, whatever form they come in."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retrain_trainer.features import Feature, FeatureSchema
from retrain_trainer.model.encoder import RowEncoder, encode_feature
from sklearn.base import clone

from tests.unit.trainer.model.builders import SCHEMA

ROW = {"load": 1.5, "depot": "west", "express": True, "sent": datetime(2026, 3, 1, 23, 30, tzinfo=UTC), "unused": "x"}
CODED = [1.5, 2.0, 1.0, 3.0, 7.0, 23.0]
ONE_ROW: dict[str, Any] = {key: [value] for key, value in ROW.items()}
NULLS = dict.fromkeys(ROW)


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([ROW, NULLS], id="a list of dicts"),
        pytest.param({key: [value, None] for key, value in ROW.items()}, id="a dict of columns"),
        pytest.param({key: np.array([value, None], dtype=object) for key, value in ROW.items()}, id="object arrays"),
        pytest.param(pd.DataFrame([ROW, NULLS]), id="a pandas frame"),
        pytest.param(pd.DataFrame([ROW, NULLS]).convert_dtypes(), id="a pandas frame with nullable types"),
        pytest.param(pd.DataFrame([ROW, NULLS])[["sent", "express", "depot", "load"]], id="columns in another order"),
        pytest.param([{**ROW, "sent": "2026-03-01T23:30:00Z"}, NULLS], id="times as text"),
        pytest.param([{**ROW, "sent": "2026-03-02T01:30:00+02:00"}, NULLS], id="times of another zone"),
        pytest.param([{**ROW, "sent": np.datetime64("2026-03-01T23:30")}, NULLS], id="numpy times"),
        pytest.param([{**ROW, "load": Decimal("1.5"), "express": 1}, NULLS], id="decimals and 0/1"),
        pytest.param([ROW, dict.fromkeys(ROW, float("nan"))], id="NaN instead of null"),
    ],
)
def test_every_form_of_rows_gives_the_same_matrix(rows: Any) -> None:
    matrix = RowEncoder(SCHEMA).transform(rows)
    assert matrix.dtype == np.float64
    np.testing.assert_array_equal(matrix, [CODED, [np.nan] * 6])


def test_a_masked_array_is_missing_and_never_zero() -> None:
    schema = FeatureSchema(features=(Feature(name="n", kind="numeric"),))
    matrix = RowEncoder(schema).transform({"n": np.ma.masked_array([1, 2], mask=[False, True])})
    np.testing.assert_array_equal(matrix, [[1.0], [np.nan]])


def test_a_ready_matrix_passes_through_unchanged() -> None:
    matrix = np.arange(12, dtype=np.float64).reshape(2, 6)
    assert RowEncoder(SCHEMA).transform(matrix) is matrix


@pytest.mark.parametrize(
    ("value", "code"),
    [
        pytest.param("north", 0.0, id="the first category"),
        pytest.param("east", 3.0, id="a category never seen is other"),
        pytest.param("", np.nan, id="empty text is missing, as in CSV"),
        pytest.param("NA", np.nan, id="so is NA"),
        pytest.param("na", 3.0, id="na is a value"),
        pytest.param(1.5, 3.0, id="a number is a value"),
        pytest.param(None, np.nan, id="null is missing"),
        pytest.param(pd.NA, np.nan, id="pandas' NA is missing"),
    ],
)
def test_codes_of_categories(value: Any, code: float) -> None:
    coded = encode_feature(SCHEMA.features[1], np.array([value], dtype=object))[0]
    np.testing.assert_array_equal(coded, [code])


@pytest.mark.parametrize(
    ("value", "code"),
    [
        pytest.param(7, 0.0, id="a whole number by its digits"),
        pytest.param(7.0, 0.0, id="a whole number with decimals too"),
        pytest.param(Decimal("7.00"), 0.0, id="and one of a database"),
        pytest.param(True, 1.0, id="true by its name"),
        pytest.param(8.0, 2.0, id="a category that was written with decimals"),
        pytest.param(8, 2.0, id="and is given without"),
        pytest.param("NA", 3.0, id="NA, where that is a category"),
        pytest.param(7.5, 4.0, id="another number"),
        pytest.param(1e300, 4.0, id="a number whose digits nobody writes"),
        pytest.param(float("inf"), 4.0, id="infinity"),
        pytest.param("7.0", 4.0, id="another text"),
    ],
)
def test_categories_that_are_no_text(value: Any, code: float) -> None:
    feature = Feature(name="c", kind="categorical", categories=("7", "true", "8.0", "NA"))
    np.testing.assert_array_equal(encode_feature(feature, np.array([value], dtype=object))[0], [code])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        pytest.param({"load": [1]}, "column 'depot' is missing", id="a missing column"),
        pytest.param([ROW, {"load": 1}], "column 'depot' is missing in row 1", id="a missing key in one row"),
        pytest.param(
            {key: [value] * (1 + (key == "load")) for key, value in ROW.items()}, "differ in length", id="lengths"
        ),
        pytest.param([{**ROW, "load": "1.5"}], "column 'load' needs numbers; got '1.5'", id="text for a number"),
        pytest.param([{**ROW, "load": []}], "column 'load' needs numbers", id="a list for a number"),
        pytest.param([{**ROW, "express": 2}], "column 'express' is true or false", id="2 for true or false"),
        pytest.param([{**ROW, "sent": "tomorrow"}], "column 'sent' needs times", id="words for a time"),
        pytest.param([{**ROW, "sent": 5}], "column 'sent' needs times", id="a number for a time"),
        pytest.param(np.zeros((2, 5)), "6 columns in this order", id="a matrix of another width"),
        pytest.param(np.array([["a"] * 6]), "matrix of numbers", id="a matrix of text"),
        pytest.param(["a"], "row 0 is a str", id="a list of text"),
        pytest.param("a", "rows cannot be a str", id="text"),
        pytest.param({**ONE_ROW, "load": 5}, "must be a list of values", id="one value for a column"),
        pytest.param({**ONE_ROW, "load": np.zeros((1, 1))}, "one value per row", id="a matrix as column"),
    ],
)
def test_wrong_rows_are_refused_by_name(rows: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        RowEncoder(SCHEMA).transform(rows)


@given(
    st.datetimes(
        min_value=datetime(1902, 1, 1),  # noqa: DTZ001
        max_value=datetime(2200, 1, 1),  # noqa: DTZ001
        timezones=st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours))),
    )
)
@settings(deadline=None, max_examples=60)
def test_parts_of_a_time_are_those_of_utc(value: datetime) -> None:
    utc = value.astimezone(UTC)
    expected = [[utc.month], [utc.isoweekday()], [utc.hour]]
    feature = Feature(name="t", kind="datetime")
    assert [list(part) for part in encode_feature(feature, np.array([value], dtype=object))] == expected
    naive = np.array([utc.replace(tzinfo=None)], dtype="datetime64[ns]")
    assert [list(part) for part in encode_feature(feature, naive)] == expected


def test_a_date_is_its_midnight() -> None:
    parts = encode_feature(Feature(name="t", kind="datetime"), np.array([date(2026, 3, 2)], dtype=object))
    assert [float(part[0]) for part in parts] == [3.0, 1.0, 0.0]


def test_it_is_a_transformer_like_any_other() -> None:
    encoder = RowEncoder(SCHEMA)
    copy = clone(encoder.fit([ROW]))
    assert copy.schema == SCHEMA
    assert list(encoder.get_feature_names_out()) == list(SCHEMA.matrix_columns)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '{"features": [["a", "evil", []]], "excluded": []}',
        '{"features": [[1, "numeric", []]], "excluded": []}',
        '{"features": [["a", "categorical", [1]]], "excluded": []}',
        '{"features": [], "excluded": [[1]]}',
        "no json",
    ],
)
def test_a_saved_state_that_is_no_schema_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not readable"):
        RowEncoder.__new__(RowEncoder).__setstate__({"schema": text})
