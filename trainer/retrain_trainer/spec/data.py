"""`spec.data`: where the rows are, how they lie in time, and which of them judge."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from retrain_trainer.errors import SpecError
from retrain_trainer.spec.reading import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldoutSpec:
    """The newest rows, kept from training and used by the gate. Exactly one of window and fraction, or neither.

    min_per_class: rows that each class of the holdout must have. group_column: rows of one value resemble each other,
    so they are counted as one unit (instead of the day), and without a time column fall on one side of the split.
    """

    window: timedelta | None = None
    fraction: float | None = None
    gap: timedelta = timedelta(0)
    min_rows: int = 500
    min_per_class: int = 30
    group_column: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSpec:
    """Where the rows are and how they lie in time."""

    uri: str
    time_column: str | None = None
    window: timedelta | None = None
    label_delay: timedelta = timedelta(0)
    holdout: HoldoutSpec = field(default_factory=HoldoutSpec)


def read_data(reader: Reader) -> DataSpec:
    """Raises SpecError naming the field."""
    holdout = reader.section("holdout")
    parsed = DataSpec(
        uri=reader.required_text("uri"),
        time_column=reader.text("timeColumn"),
        window=reader.duration("window"),
        label_delay=reader.duration("labelDelay") or timedelta(0),
        holdout=HoldoutSpec(
            window=holdout.duration("window"),
            fraction=holdout.number("fraction", low=0.01, high=0.9),
            gap=holdout.duration("gap") or timedelta(0),
            min_rows=holdout.integer("minRows", default=500, low=1),
            min_per_class=holdout.integer("minPerClass", default=30),
            group_column=holdout.text("groupColumn"),
        ),
    )
    holdout.finish()
    reader.finish()
    if parsed.holdout.window is not None and parsed.holdout.fraction is not None:
        raise SpecError(reason="InvalidSpec", message="spec.data.holdout: set window or fraction, not both")
    if parsed.time_column is None:
        for name, used in {
            "data.window": parsed.window,
            "data.labelDelay": parsed.label_delay,
            "data.holdout.window": parsed.holdout.window,
            "data.holdout.gap": parsed.holdout.gap,
        }.items():
            if used:
                raise SpecError(reason="InvalidSpec", message=f"spec.{name} needs spec.data.timeColumn")
    return parsed
