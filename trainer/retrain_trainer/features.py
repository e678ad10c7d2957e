"""What a model sees: the features of a policy and rows in matrix form. Needs numpy only, so that bad data fails fast.

`data` learns a `FeatureSchema` and codes rows in SQL; `model.encoder.RowEncoder` codes rows given by name in the same
way when a model serves. A property test shows that both give the same matrix.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FeatureKind = Literal["numeric", "boolean", "categorical", "datetime"]

#: What repeats in the data, and is left out as a whole: a day, a group (spec.data.holdout.groupColumn), a row.
UnitKind = Literal["day", "group", "row"]

#: HistGradientBoosting refuses more than 255 categories; one code is kept for "any other value".
MAX_CATEGORIES = 254

#: Texts that stand for a missing value: in CSV, and in texts of any other source where they are no category.
NULL_TEXTS = ("", "NA", "N/A", "NaN", "nan", "null", "NULL")

#: Up to here each whole number is a double of its own.
MAX_WHOLE = 2**53
_WHOLE = re.compile(r"(-?[0-9]+)\.0+")

#: A datetime feature becomes these matrix columns, in this order.
DATETIME_PARTS = ("month", "weekday", "hour")


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One column of the data that the model uses.

    numeric, boolean: one matrix column (true is 1). categorical: one column of codes, `categories[i]` is code i, any
    value not listed is code `len(categories)`. datetime: three columns, month 1-12, weekday 1-7 (Monday 1), hour
    0-23, in UTC. A missing value is NaN in every kind, and so is one of the NULL_TEXTS that is no category.
    """

    name: str
    kind: FeatureKind
    categories: tuple[str, ...] = ()

    @property
    def matrix_columns(self) -> tuple[str, ...]:
        """Names of the matrix columns this feature becomes."""
        if self.kind == "datetime":
            return tuple(f"{self.name}.{part}" for part in DATETIME_PARTS)
        return (self.name,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """A column that no model uses, and why (`Target`, `TimeColumn`, `Excluded`, `Identifier`, `FreeText` …)."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSchema:
    """The features in matrix order, and what was left out."""

    features: tuple[Feature, ...]
    excluded: tuple[Exclusion, ...] = ()

    @property
    def matrix_columns(self) -> tuple[str, ...]:
        """Names of all matrix columns, in order."""
        return tuple(column for feature in self.features for column in feature.matrix_columns)

    @property
    def categorical_mask(self) -> tuple[bool, ...]:
        """One flag per matrix column: is it a code?"""
        return tuple(feature.kind == "categorical" for feature in self.features for _ in feature.matrix_columns)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Samples:
    """Labelled rows in matrix form.

    X: float64, shape (rows, matrix columns), NaN where missing. y: shape (rows,), float64 for regression, str objects
    (the label as text; booleans are "true"/"false", whole numbers "1" also where they are stored as 1.0) for
    classification. unit: int64, shape (rows,), the unit of
    resampling, of the kind `kind`: days since 1970-01-01 UTC of the time column, the number of the group, or that of
    the row. Only days have neighbours that mean something.
    """

    X: NDArray[np.float64]
    y: NDArray[np.object_] | NDArray[np.float64]
    unit: NDArray[np.int64]
    kind: UnitKind = "row"

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.X.shape[0])


def whole_text(text: str) -> str:
    """A label as this release writes it: `1.0`, as whole numbers with decimals once were, is `1`."""
    found = _WHOLE.fullmatch(text)
    return text if found is None else str(int(found[1]))


def whole_texts(texts: tuple[str, ...]) -> tuple[str, ...]:
    """`whole_text` of labels that are numbers now; as they are where two would become one."""
    whole = tuple(whole_text(text) for text in texts)
    return whole if len(set(whole)) == len(set(texts)) else texts
