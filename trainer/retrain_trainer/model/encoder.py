"""Rows by name → the matrix a model was trained on.

It is the first step of every pipeline, so that whoever serves a model gives rows as they have them and cannot get
order, types or categories wrong. Training and scoring skip it: `data.matrix` codes rows in SQL, and a ready matrix
passes through unchanged.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from retrain_trainer.features import (
    MAX_CATEGORIES,
    MAX_WHOLE,
    NULL_TEXTS,
    Exclusion,
    Feature,
    FeatureKind,
    FeatureSchema,
)

Floats = NDArray[np.float64]


class RowEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A scikit-learn transformer that codes rows by a `FeatureSchema`; it learns nothing.

    Rows may be a mapping of columns, a sequence of mappings (one per row), any data frame (`.columns`, `frame[name]`),
    or a ready float matrix of shape (rows, matrix columns). Columns the model does not use are ignored.
    """

    def __init__(self, schema: FeatureSchema) -> None:
        self.schema = schema

    def fit(self, X: Any, y: Any = None) -> RowEncoder:  # noqa: ARG002
        """Nothing to learn."""
        return self

    def transform(self, X: Any) -> Floats:
        """float64, shape (rows, matrix columns), NaN where missing.

        Raises ValueError naming the column when one is missing or holds a value of the wrong type.
        """
        if isinstance(X, np.ndarray):
            return self._ready(X)
        columns = {feature.name: _column(X, feature.name) for feature in self.schema.features}
        if len({len(values) for values in columns.values()}) > 1:
            raise ValueError("columns differ in length: " + ", ".join(f"{k[:60]} {len(v)}" for k, v in columns.items()))
        parts = [part for feature in self.schema.features for part in encode_feature(feature, columns[feature.name])]
        return np.column_stack(parts) if parts else np.empty((0, 0))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:  # noqa: ARG002
        """Names of the matrix columns, shape (matrix columns,)."""
        return np.array(self.schema.matrix_columns, dtype=object)

    def _ready(self, X: NDArray[Any]) -> Floats:
        width = len(self.schema.matrix_columns)
        if X.ndim != 2 or X.shape[1] != width or X.dtype.kind not in "fiu":
            raise ValueError(
                f"an array must be a matrix of numbers with {width} columns in this order: "
                f"{', '.join(self.schema.matrix_columns)[:200]}; got shape {X.shape} of {X.dtype}. "
                "Rows by name (a dict of columns, a list of dicts, a data frame) need no order"
            )
        return X.astype(np.float64, copy=False)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.requires_fit = False
        return tags

    # A model file may have been tampered with, so the state is one JSON text that is checked field by field.
    def __getstate__(self) -> dict[str, str]:
        features = [[feature.name, feature.kind, list(feature.categories)] for feature in self.schema.features]
        excluded = [[exclusion.name, exclusion.reason] for exclusion in self.schema.excluded]
        return {"schema": json.dumps({"features": features, "excluded": excluded})}

    def __setstate__(self, state: Any) -> None:
        try:
            value = json.loads(state["schema"])
            features = tuple(_checked_feature(*item) for item in value["features"])
            excluded = tuple(Exclusion(name=_text(name), reason=_text(why)) for name, why in value["excluded"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"the saved features are not readable: {str(error)[:60]}") from error
        self.schema = FeatureSchema(features=features, excluded=excluded)


def _checked_feature(name: Any, kind: Any, categories: Any) -> Feature:
    if kind not in get_args(FeatureKind) or not isinstance(categories, list) or len(categories) > MAX_CATEGORIES:
        raise ValueError(f"feature {str(name)[:60]!r}")
    return Feature(name=_text(name), kind=kind, categories=tuple(_text(item) for item in categories))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text expected")
    return value


def _column(rows: Any, name: str) -> NDArray[Any]:
    """One column of any accepted form of rows, shape (rows,)."""
    if hasattr(rows, "columns") and not len(rows.columns) and not len(rows):  # the frame of an empty list
        return np.empty(0, dtype=object)
    if isinstance(rows, Mapping) or hasattr(rows, "columns"):
        if name not in (rows if isinstance(rows, Mapping) else list(rows.columns)):
            raise ValueError(f"column {name[:60]!r} is missing; the model needs it (missing values may be null)")
        column = rows[name]
        return _array(column.to_numpy() if hasattr(column, "to_numpy") else column, name)
    if isinstance(rows, Sequence) and not isinstance(rows, str | bytes):
        for index, row in enumerate(rows):
            if not isinstance(row, Mapping):
                raise ValueError(f"row {index} is a {type(row).__name__}; give one mapping of column to value per row")
            if name not in row:
                raise ValueError(f"column {name[:60]!r} is missing in row {index}; write null for a missing value")
        return _array([row[name] for row in rows], name)
    raise ValueError(f"rows cannot be a {type(rows).__name__}; give a dict of columns, a list of dicts or a data frame")


def _array(values: Any, name: str) -> NDArray[Any]:
    """Values as an array of one dimension that keeps them as they are: numbers, datetimes or objects."""
    if isinstance(values, np.ma.MaskedArray):
        values = np.array([None if item is np.ma.masked else item for item in values], dtype=object)
    if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
        raise ValueError(f"column {name[:60]!r} must be a list of values, one per row; got {type(values).__name__}")
    if not isinstance(values, np.ndarray):
        values = np.fromiter(values, dtype=object, count=len(values))
    if values.ndim != 1:
        raise ValueError(f"column {name[:60]!r} must have one value per row; got shape {values.shape}")
    return np.asarray(values)


def encode_feature(feature: Feature, values: NDArray[Any]) -> list[Floats]:
    """The matrix columns of one feature, each of shape (rows,). Raises ValueError naming column and value."""
    if feature.kind == "datetime":
        return _datetime_parts(feature.name, values)
    if feature.kind == "categorical":
        codes = {category: float(index) for index, category in enumerate(feature.categories)}
        return [_each(values, lambda value: _code(value, codes))]
    if values.dtype.kind in "fiub":
        numbers = values.astype(np.float64)
    else:
        numbers = _each(values, lambda value: _number(feature.name, value))
    if feature.kind == "boolean" and not np.isin(numbers[~np.isnan(numbers)], (0.0, 1.0)).all():
        raise ValueError(f"column {feature.name[:60]!r} is true or false; got other numbers")
    return [numbers]


def _each(values: NDArray[Any], code: Any) -> Floats:
    return np.array([np.nan if _is_missing(value) else code(value) for value in values.tolist()], dtype=np.float64)


def _is_missing(value: Any) -> bool:
    """None, NaN, NaT, and pandas' NA (whose comparison has no truth value)."""
    if value is None:
        return True
    try:
        return bool(value != value)
    except TypeError:
        return True


def _code(value: Any, codes: Mapping[str, float]) -> float:
    """The code of a category, that of any other value, or NaN for a text that stands for a missing one."""
    for text in _texts(value):
        if text in codes:
            return codes[text]
    return np.nan if isinstance(value, str) and value in NULL_TEXTS else float(len(codes))


def _texts(value: Any) -> Iterator[str]:
    """How a value may have been written. 1 and 1.0 are one: a column of numbers with a gap has decimals in pandas."""
    if isinstance(value, bool | np.bool_):
        yield str(value).lower()
        return
    yield str(value)
    if isinstance(value, int | float | Decimal) and -MAX_WHOLE <= value <= MAX_WHOLE and value == int(value):
        yield str(int(value))
        yield f"{int(value)}.0"


def _number(name: str, value: Any) -> float:
    if isinstance(value, str | bytes | date):
        raise ValueError(f"column {name[:60]!r} needs numbers; got {str(value)[:60]!r}")
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"column {name[:60]!r} needs numbers; got {str(value)[:60]!r}") from error


def _datetime_parts(name: str, values: NDArray[Any]) -> list[Floats]:
    """Month 1-12, weekday 1-7 (Monday 1), hour 0-23, in UTC."""
    if values.dtype.kind != "M":
        values = np.array([_instant(name, value) for value in values.tolist()], dtype="datetime64[us]")
    missing = np.isnat(values)
    month = values.astype("datetime64[M]").astype(np.int64) % 12 + 1
    weekday = (values.astype("datetime64[D]").astype(np.int64) + 3) % 7 + 1
    hour = values.astype("datetime64[h]").astype(np.int64) % 24
    return [np.where(missing, np.nan, part.astype(np.float64)) for part in (month, weekday, hour)]


def _instant(name: str, value: Any) -> datetime | None:
    """A time as naive UTC; text in ISO 8601; a time without zone is UTC."""
    if _is_missing(value):
        return None
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]").item()
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise ValueError(
                f"column {name[:60]!r} needs times such as 2026-01-31T12:00:00Z; got {value[:60]!r}"
            ) from error
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, datetime):
        raise ValueError(f"column {name[:60]!r} needs times such as 2026-01-31T12:00:00Z; got {str(value)[:60]!r}")
    zoned = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return datetime(zoned.year, zoned.month, zoned.day, zoned.hour, zoned.minute, zoned.second)  # noqa: DTZ001
