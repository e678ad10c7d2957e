"""`spec.validation`: what must hold for the data before anything is trained or scored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, get_args

from retrain_trainer.spec.reading import Reader

ColumnType = Literal["Integer", "Number", "String", "Boolean", "Timestamp"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRule:
    """What must hold for one column."""

    name: str
    type: ColumnType | None = None
    min: float | None = None
    max: float | None = None
    allowed: tuple[str, ...] = ()
    pattern: str | None = None
    max_null_fraction: float | None = None
    unique: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationSpec:
    """What must hold for the data before anything is trained or scored."""

    min_rows: int = 100
    max_age: timedelta | None = None
    max_null_fraction: float = 0.5
    columns: tuple[ColumnRule, ...] = ()


def read_validation(reader: Reader) -> ValidationSpec:
    """Raises SpecError naming the field."""
    fraction = reader.number("maxNullFraction", low=0, high=1)
    parsed = ValidationSpec(
        min_rows=reader.integer("minRows", default=100, low=1),
        max_age=reader.duration("maxAge"),
        max_null_fraction=0.5 if fraction is None else fraction,
        columns=tuple(_column(column) for column in reader.sections("columns")),
    )
    reader.finish()
    return parsed


def _column(reader: Reader) -> ColumnRule:
    parsed = ColumnRule(
        name=reader.required_text("name"),
        type=reader.choice("type", get_args(ColumnType)),
        min=reader.number("min"),
        max=reader.number("max"),
        allowed=reader.texts("allowed"),
        pattern=reader.text("pattern"),
        max_null_fraction=reader.number("maxNullFraction", low=0, high=1),
        unique=reader.flag("unique", default=False),
    )
    reader.finish()
    return parsed
