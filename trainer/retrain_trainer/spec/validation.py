"""`spec.validation`: what must hold for the data before anything is trained or scored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, get_args

from retrain_trainer.errors import SpecError
from retrain_trainer.spec.reading import Reader

ColumnType = Literal["Integer", "Number", "String", "Boolean", "Timestamp"]
#: What a check that fails comes to: an Error rejects the data, a Warning is counted and told.
Severity = Literal["Error", "Warning"]


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
    severity: Severity = "Error"


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationSpec:
    """What must hold for the data before anything is trained or scored.

    max_duplicate_fraction: of rows that repeat another one in every column in use. max_label_shift: see `data.labels`.
    show_examples: may messages, logs and reports quote values of the data?
    """

    min_rows: int = 100
    max_age: timedelta | None = None
    max_null_fraction: float = 0.5
    max_duplicate_fraction: float | None = None
    max_label_shift: float | None = None
    show_examples: bool = True
    columns: tuple[ColumnRule, ...] = ()


def read_validation(reader: Reader) -> ValidationSpec:
    """Raises SpecError naming the field."""
    fraction = reader.number("maxNullFraction", low=0, high=1)
    parsed = ValidationSpec(
        min_rows=reader.integer("minRows", default=100, low=1),
        max_age=reader.duration("maxAge"),
        max_null_fraction=0.5 if fraction is None else fraction,
        max_duplicate_fraction=reader.number("maxDuplicateFraction", low=0, high=1),
        max_label_shift=reader.number("maxLabelShift", low=0, high=1),
        show_examples=reader.flag("showExamples", default=True),
        columns=tuple(_column(column) for column in reader.sections("columns")),
    )
    reader.finish()
    names = [rule.name for rule in parsed.columns]
    for name in names:
        if names.count(name) > 1:
            raise SpecError(
                reason="InvalidSpec",
                message=f"spec.validation.columns names {name[:60]!r} twice; write one rule for each column",
            )
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
        severity=reader.choice("severity", get_args(Severity)) or "Error",
    )
    reader.finish()
    if parsed.min is not None and parsed.max is not None and parsed.min > parsed.max:
        raise SpecError(
            reason="InvalidSpec", message=f"spec.validation.columns: {parsed.name[:60]!r}: min must not be above max"
        )
    return parsed
