"""What the rows look like: one pass over the columns in use. Validation, split and schema start from this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from retrain_trainer.data.table import StoredType, Table, quoted
from retrain_trainer.spec import PolicySpec, Task

#: Whole numbers with more distinct values than this are a quantity to predict, not classes.
MAX_INTEGER_CLASSES = 20
#: Classes listed by name; more make no usable classification.
MAX_CLASSES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """One column: `distinct` is approximate, `mean_length` in characters (texts), `infinite` counts ±infinity."""

    type: StoredType
    nulls: int
    distinct: int
    mean_length: float
    infinite: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """All rows. Times are UTC; `time_max` is the newest one that is not in the future; `future_rows` are later ones.

    `classes` counts labelled rows by label (as text) of a classification; None where the target is missing or another.
    """

    rows: int
    labelled_rows: int
    time_min: datetime | None
    time_max: datetime | None
    future_rows: int
    columns: Mapping[str, ColumnProfile]
    task: Task
    classes: Mapping[str, int] | None

    def null_fraction(self, name: str) -> float:
        """Share of rows without a value."""
        return self.columns[name].nulls / self.rows if self.rows else 0.0


def feature_candidates(*, table: Table, spec: PolicySpec) -> tuple[str, ...]:
    """Columns that may become features: those named by include, else all but target, time column and exclude."""
    model = spec.model
    if model.include:
        return tuple(name for name in model.include if name in table.columns)
    left_out = {model.target, spec.data.time_column, *model.exclude}
    return tuple(name for name in table.columns if name not in left_out)


def used_columns(*, table: Table, spec: PolicySpec) -> tuple[str, ...]:
    """Columns of the table that the spec uses; only these may reject data."""
    named = [spec.model.target, spec.data.time_column, *(rule.name for rule in spec.validation.columns)]
    wanted = dict.fromkeys([*feature_candidates(table=table, spec=spec), *(name for name in named if name)])
    return tuple(name for name in wanted if name in table.columns)


def profile_table(*, table: Table, spec: PolicySpec, now: datetime) -> Profile:
    """Profiles the columns in use in one pass, and the classes in a second one."""
    names = used_columns(table=table, spec=spec)
    time, target = spec.data.time_column, spec.model.target
    timed = time is not None and table.columns.get(time) == "Timestamp"
    parts = ["count(*)"]
    parameters: list[Any] = []
    for name in names:
        column = quoted(name)
        parts += [f"count({column})", f"approx_count_distinct({column})"]
        parts.append(f"avg(length({column}))" if table.columns[name] == "String" else "0")
        parts.append(f"count_if(isinf({column}))" if table.columns[name] == "Number" else "0")
    if timed and time is not None:
        moment = now.astimezone(UTC).replace(tzinfo=None)
        parts += [
            f"min({quoted(time)})",
            f"max({quoted(time)}) FILTER (WHERE {quoted(time)} <= ?)",
            f"count_if({quoted(time)} > ?)",
        ]
        parameters += [moment, moment]
    [row] = table.query(f"SELECT {', '.join(parts)} FROM data", parameters)  # noqa: S608 - names are quoted
    total = int(row[0])
    columns = {
        name: ColumnProfile(
            type=table.columns[name],
            nulls=total - int(row[1 + 4 * index]),
            distinct=int(row[2 + 4 * index]),
            mean_length=float(row[3 + 4 * index] or 0),
            infinite=int(row[4 + 4 * index] or 0),
        )
        for index, name in enumerate(names)
    }
    times = row[1 + 4 * len(names) :] if timed else (None, None, 0)
    task = spec.model.task or _task(table=table, columns=columns, target=target)
    return Profile(
        rows=total,
        labelled_rows=total - columns[target].nulls if target in columns else 0,
        time_min=_utc(times[0]),
        time_max=_utc(times[1]),
        future_rows=int(times[2]),
        columns=columns,
        task=task,
        classes=_classes(table=table, target=target) if task == "Classification" and target in columns else None,
    )


def _task(*, table: Table, columns: Mapping[str, ColumnProfile], target: str) -> Task:
    if target not in columns:
        return "Classification"  # of no meaning: validation names the missing target
    kind = columns[target].type
    if kind in ("String", "Boolean"):
        return "Classification"
    if kind == "Integer":
        [(distinct,)] = table.query(f"SELECT count(DISTINCT {quoted(target)}) FROM data")  # noqa: S608
        return "Classification" if distinct <= MAX_INTEGER_CLASSES else "Regression"
    return "Regression"


def _classes(*, table: Table, target: str) -> dict[str, int]:
    column = quoted(target)
    sql = (
        f"SELECT CAST({column} AS VARCHAR) AS label, count(*) FROM data WHERE {column} IS NOT NULL "  # noqa: S608
        f"GROUP BY 1 ORDER BY 1 LIMIT {MAX_CLASSES + 1}"
    )
    return {str(label): int(count) for label, count in table.query(sql)}


def _utc(value: datetime | None) -> datetime | None:
    return value.replace(tzinfo=UTC) if value is not None else None
