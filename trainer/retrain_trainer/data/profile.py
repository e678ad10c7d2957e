"""What the rows look like: one pass over the columns in use. Validation, split and schema start from this."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from retrain_trainer.data.labels import binned, is_whole, label_text
from retrain_trainer.data.probes.probe import Probe, as_parameters
from retrain_trainer.data.probes.rules import rule_probes
from retrain_trainer.data.probes.types import type_probes
from retrain_trainer.data.probes.values import EARLIEST, duplicate_probe, feature_probes, time_probes
from retrain_trainer.data.table import StoredType, Table, Where, quoted
from retrain_trainer.errors import SpecError
from retrain_trainer.features import whole_texts
from retrain_trainer.learned import LabelShares, Reference
from retrain_trainer.spec import PolicySpec, Task

#: Whole numbers with more distinct values than this are a quantity to predict, not classes.
MAX_INTEGER_CLASSES = 20
#: Classes listed by name; more make no usable classification.
MAX_CLASSES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """One column: `distinct` is approximate, `mean_length` in characters (texts)."""

    type: StoredType
    nulls: int
    distinct: int
    mean_length: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """All rows. Times are UTC; `time_max` is the newest one that is not in the future; `future_rows` are later ones.

    classes: labelled rows by label (as text) of a classification; None where the target is missing or another.
    new_labels: labelled rows newer than the champion's data, by its classes (and one number for all others) or by its
    bins; None where there is nothing to compare with. counts: bad rows of each probe.
    """

    rows: int
    labelled_rows: int
    time_min: datetime | None
    time_max: datetime | None
    future_rows: int
    columns: Mapping[str, ColumnProfile]
    task: Task
    classes: Mapping[str, int] | None
    new_labels: tuple[int, ...] | None
    counts: Mapping[Probe, int]

    @property
    def text_bytes(self) -> float:
        """What the texts of the columns in use take at least."""
        return sum(column.mean_length * (self.rows - column.nulls) for column in self.columns.values())

    def empty(self, name: str) -> bool:
        """Has the column no value in any row?"""
        return self.columns[name].nulls == self.rows


def feature_candidates(*, table: Table, spec: PolicySpec) -> tuple[str, ...]:
    """Columns that may become features: those named by include, else all but target, time and group column; none that
    exclude names. SpecError InvalidSpec if include names the target.
    """
    model = spec.model
    if model.target in model.include:
        raise SpecError(
            reason="InvalidSpec",
            message=f"spec.model.features.include names the target {model.target[:60]!r}; a model that is told what it "
            "shall predict learns nothing else",
        )
    if model.include:
        named = dict.fromkeys(name for name in model.include if name not in model.exclude)
        return tuple(name for name in named if name in table.columns)
    left_out = {model.target, spec.data.time_column, spec.data.holdout.group_column, *model.exclude}
    return tuple(name for name in table.columns if name not in left_out)


def used_columns(*, table: Table, spec: PolicySpec) -> tuple[str, ...]:
    """Columns of the table that the spec uses; only these may reject data."""
    named = [spec.model.target, spec.data.time_column, *(rule.name for rule in spec.validation.columns)]
    wanted = dict.fromkeys([*feature_candidates(table=table, spec=spec), *(name for name in named if name)])
    return tuple(name for name in wanted if name in table.columns)


def probes_of(*, table: Table, spec: PolicySpec, now: datetime, reference: Reference | None) -> Iterator[Probe]:
    """Everything that is counted row by row, in the order it is told."""
    time, target = spec.data.time_column, spec.model.target
    features = feature_candidates(table=table, spec=spec)
    yield from type_probes(table=table, spec=spec, reference=reference)
    if time is not None and table.columns.get(time) == "Timestamp":
        yield from time_probes(column=time, now=now)
    for name in (*features, *([target] if target in table.columns and target not in features else [])):
        yield from feature_probes(table=table, column=name, spec=spec)
    for rule in spec.validation.columns:
        if rule.name in table.columns:
            yield from rule_probes(table=table, rule=rule, ruled=rule.name in features)
    yield from duplicate_probe(columns=used_columns(table=table, spec=spec), spec=spec)


def profile_table(*, table: Table, spec: PolicySpec, now: datetime, reference: Reference | None = None) -> Profile:
    """Profiles the columns in use and counts for every probe in one pass; labels are grouped in a second one.

    Raises SpecError InvalidSpec for a pattern that is no regular expression, and DataUnavailable as `Table.query` does.
    """
    names = used_columns(table=table, spec=spec)
    time, target = spec.data.time_column, spec.model.target
    timed = time is not None and table.columns.get(time) == "Timestamp"
    for rule in spec.validation.columns:
        table.check_pattern(rule.pattern)
    probes = tuple(dict.fromkeys(probes_of(table=table, spec=spec, now=now, reference=reference)))
    asked = ["count(*)"]
    for name in names:
        column = quoted(name)
        asked += [f"count({column})", f"approx_count_distinct({column})"]
        asked.append(f"avg(length({column}))" if table.columns[name] == "String" else "0")
    moment = quoted(time) if timed and time is not None else "NULL"
    asked += [f"min({moment}) FILTER (WHERE {moment} >= ?)", f"max({moment}) FILTER (WHERE {moment} BETWEEN ? AND ?)"]
    asked += [probe.count for probe in probes]
    first, last = (bound.astimezone(UTC).replace(tzinfo=None) for bound in (EARLIEST, now))
    parameters: list[Any] = [first, first, last]
    for probe in probes:
        parameters += as_parameters(probe.parameters)
    [row] = table.query(f"SELECT {', '.join(asked)} FROM data", parameters)  # noqa: S608 - names are quoted
    total, row = int(row[0]), row[1:]
    columns = {
        name: ColumnProfile(
            type=table.columns[name],
            nulls=total - int(row[3 * index]),
            distinct=int(row[3 * index + 1]),
            mean_length=float(row[3 * index + 2] or 0),
        )
        for index, name in enumerate(names)
    }
    row = row[3 * len(names) :]
    counts = dict(zip(probes, (int(count or 0) for count in row[2:]), strict=True))
    time_max = _utc(row[1])
    new = _newly_delivered(time=moment if timed else None, spec=spec, reference=reference, until=time_max)
    labels = _labels(table=table, spec=spec, columns=columns, reference=reference, new=new)
    return Profile(
        rows=total,
        labelled_rows=total - columns[target].nulls if target in columns else 0,
        time_min=_utc(row[0]),
        time_max=time_max,
        future_rows=next((count for probe, count in counts.items() if probe.name == "FutureRows"), 0),
        columns=columns,
        task=labels.task,
        classes=labels.classes,
        new_labels=labels.new,
        counts=counts,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Labels:
    task: Task
    classes: Mapping[str, int] | None = None
    new: tuple[int, ...] | None = None


def _newly_delivered(
    *, time: str | None, spec: PolicySpec, reference: Reference | None, until: datetime | None
) -> Where | None:
    """Rows the champion's data did not have, with labels that can be trusted; without times all rows."""
    if reference is None:
        return None
    if time is None or until is None or reference.since is None:
        return Where()
    bounds = (reference.since, until - spec.data.label_delay)
    return Where(
        sql=f"({time} > ? AND {time} <= ?)",
        parameters=tuple(bound.astimezone(UTC).replace(tzinfo=None) for bound in bounds),
    )


def _labels(
    *,
    table: Table,
    spec: PolicySpec,
    columns: Mapping[str, ColumnProfile],
    reference: Reference | None,
    new: Where | None,
) -> _Labels:
    target = spec.model.target
    if target not in columns:
        return _Labels(task=spec.model.task or "Classification")  # of no meaning: validation names the missing target
    kind, task = columns[target].type, spec.model.task
    numbers = kind in ("Integer", "Number")
    if task is None and not numbers and kind not in ("String", "Boolean"):
        task = "Regression"
    # The count of distinct values is approximate, and nowhere near this wrong.
    if task is None and numbers and columns[target].distinct > 2 * MAX_INTEGER_CLASSES:
        task = "Regression"
    shares = None if reference is None or reference.learned is None else reference.learned.labels
    if task != "Regression":
        column, is_new = quoted(target), Where(sql="false") if new is None else new
        rows = table.query(
            f"SELECT {label_text(value='label', stored=kind)}, rows, new, "  # noqa: S608
            f"{is_whole(value='label') if numbers else 'true'} "
            f"FROM (SELECT {column} AS label, count(*) AS rows, "
            f"count_if({is_new.sql}) AS new FROM data WHERE {column} IS NOT NULL GROUP BY {column}) "
            f"ORDER BY 1 LIMIT {MAX_CLASSES + 1}",
            is_new.parameters,
        )
        few = len(rows) <= MAX_INTEGER_CLASSES and all(whole for *_, whole in rows)
        if task == "Classification" or not numbers or few:
            return _Labels(
                task="Classification",
                classes={str(label): int(count) for label, count, *_ in rows},
                new=_by_class(
                    shares=shares, counts={str(label): int(count) for label, _, count, _ in rows}, numbers=numbers
                ),
            )
    wanted = spec.validation.max_label_shift is not None and kind in ("Integer", "Number")
    if shares is None or new is None or not shares.edges or not wanted:
        return _Labels(task="Regression")
    return _Labels(task="Regression", new=binned(table=table, target=target, edges=shares.edges, where=new))


def _by_class(*, shares: LabelShares | None, counts: Mapping[str, int], numbers: bool) -> tuple[int, ...] | None:
    if shares is None or not shares.classes:
        return None
    names = whole_texts(shares.classes) if numbers else shares.classes
    known: Sequence[int] = [counts.get(name, 0) for name in names]
    return (*known, sum(counts.values()) - sum(known))


def _utc(value: datetime | None) -> datetime | None:
    return value.replace(tzinfo=UTC) if value is not None else None
