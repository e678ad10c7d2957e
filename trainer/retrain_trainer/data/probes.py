"""Checks that count rows: each is an aggregate for the one pass over the data, with the sentence for when it fails.

A probe knows how bad rows are counted, how many there may be, and how some of their values are found. `profile` asks
all of them in one SELECT; only probes that fail are asked again, for examples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from retrain_trainer.data.report import Check
from retrain_trainer.data.table import StoredType, Table, naive, quoted
from retrain_trainer.features import FeatureKind
from retrain_trainer.learned import Reference
from retrain_trainer.spec import ColumnRule, ColumnType, PolicySpec, Severity

#: Longest text of one cell in bytes: more is a file in a cell, or a quote that was never closed.
MAX_CELL_BYTES = 1_000_000
#: Times before this are slips of a keyboard: nanoseconds in 64 bits, which most data frames use, begin here.
EARLIEST = datetime(1677, 9, 22, tzinfo=UTC)
#: Longest beginning of a value that is shown.
_SHOWN = 60

#: Kinds that satisfy each type of a rule, and each kind of feature of a champion.
_SATISFIES: dict[ColumnType, tuple[StoredType, ...]] = {
    "Integer": ("Integer",),
    "Number": ("Integer", "Number"),
    "String": ("String",),
    "Boolean": ("Boolean",),
    "Timestamp": ("Timestamp",),
}
_READS: dict[FeatureKind, tuple[StoredType, ...]] = {
    "numeric": ("Integer", "Number", "Boolean"),
    "boolean": ("Boolean", "Integer", "Number"),
    "datetime": ("Timestamp",),
    "categorical": ("String",),
}
_WORDS: dict[FeatureKind, tuple[ColumnType, str]] = {
    "numeric": ("Number", "numbers"),
    "boolean": ("Boolean", "true or false"),
    "datetime": ("Timestamp", "times"),
    "categorical": ("String", "texts"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One question about all rows.

    count: the aggregate that counts bad rows, with `parameters`. limit: the share of rows that may be bad. told: what
    follows on `column 'x': 5 of 100 rows`. bad: the condition that bad rows meet, with the same parameters, where
    examples can be shown.
    """

    name: str
    column: str | None
    told: str
    count: str
    bad: str = ""
    parameters: tuple[Any, ...] = ()
    limit: float = 0.0
    bound: float | str | None = None
    severity: Severity = "Error"

    def check(self, *, count: int, rows: int, examples: tuple[str, ...] = ()) -> Check:
        """What came of it."""
        where = "" if self.column is None else f"column {self.column[:60]!r}: "
        return Check(
            name=self.name,
            column=self.column,
            severity=self.severity,
            passed=not self.failed(count=count, rows=rows),
            message=f"{where}{count:,} of {rows:,} rows {self.told}",
            count=count,
            fraction=count / rows if rows else 0.0,
            bound=self.bound,
            examples=examples,
        )

    def failed(self, *, count: int, rows: int) -> bool:
        """Are there more bad rows than may be?"""
        return count > self.limit * rows

    def examples(self, table: Table) -> tuple[str, ...]:
        """Up to three values of bad rows."""
        if not self.bad or self.column is None:
            return ()
        value = f"left(CAST({quoted(self.column)} AS VARCHAR), {_SHOWN})"
        sql = (
            f"SELECT DISTINCT {value} AS value FROM data "  # noqa: S608 - names are quoted
            f"WHERE {self.bad} AND {quoted(self.column)} IS NOT NULL ORDER BY 1 LIMIT 3"
        )
        return tuple(str(shown) for (shown,) in table.query(sql, as_parameters(self.parameters)))


def as_parameters(values: Sequence[Any]) -> list[Any]:
    """Parameters as DuckDB takes them."""
    return [list(value) if isinstance(value, tuple) else value for value in values]


def _rows(*, bad: str, **fields: Any) -> Probe:
    """A probe that counts the rows which meet a condition."""
    return Probe(count=f"count_if({bad})", bad=bad, **fields)


def type_probes(*, table: Table, spec: PolicySpec, reference: Reference | None) -> Iterator[Probe]:
    """Columns that hold another kind of value than spec or champion ask for; columns without any value pass."""
    time = spec.data.time_column
    if time in table.columns and time is not None and table.columns[time] != "Timestamp":
        yield _other_type(
            table,
            name="TimeColumnNotTime",
            column=time,
            wanted="Timestamp",
            told=f"hold no time (the column reads as {table.columns[time].lower()}); write times such as "
            "2013-07-01T05:00:00Z",
        )
    for feature in () if reference is None else reference.schema.features:
        stored = table.columns.get(feature.name)
        if stored is not None and stored not in _READS[feature.kind] and feature.name != time:
            wanted, learned = _WORDS[feature.kind]
            told = (
                f"are of another type ({stored.lower()}), and the champion learned {learned}; correct the data, or "
                "exclude the column"
            )
            yield _other_type(table, name="TypeMismatch", column=feature.name, wanted=wanted, told=told)
    yield from _target_type(table=table, target=spec.model.target, reference=reference)
    for rule in spec.validation.columns:
        stored = table.columns.get(rule.name)
        if stored is None:
            continue
        if rule.type is not None and stored not in _SATISFIES[rule.type]:
            yield _other_type(
                table,
                name="TypeMismatch",
                column=rule.name,
                wanted=rule.type,
                told=f"are no {rule.type}, which spec.validation.columns asks for (the column reads as "
                f"{stored.lower()})",
                severity=rule.severity,
                bound=rule.type,
            )
        elif (rule.min is not None or rule.max is not None) and stored not in ("Integer", "Number"):
            yield _other_type(
                table,
                name="TypeMismatch",
                column=rule.name,
                wanted="Number",
                told=f"are no numbers (the column reads as {stored.lower()}); min and max need numbers",
                severity=rule.severity,
            )


def _target_type(*, table: Table, target: str, reference: Reference | None) -> Iterator[Probe]:
    """Labels are compared as texts: `yes` is another class than the `true` that a champion learned from yes and no."""
    learned = None if reference is None or reference.learned is None else reference.learned.columns.get(target)
    stored = table.columns.get(target)
    numbers = ("Integer", "Number")
    same = learned == stored or (learned in numbers and stored in numbers)
    if stored is not None and learned in ("Boolean", *numbers) and not same:
        yield _other_type(
            table,
            name="TypeMismatch",
            column=target,
            wanted="Boolean" if learned == "Boolean" else "Number",
            told=f"are of another type ({stored.lower()}), and the champion learned "
            f"{'true or false' if learned == 'Boolean' else 'numbers'}; correct the labels",
        )


def _other_type(table: Table, *, column: str, wanted: ColumnType, **fields: Any) -> Probe:
    """Counts the values that do not fit; where each one would (numbers kept as texts), all of them."""
    value, stored = quoted(column), table.columns[column]
    bad = f"{value} IS NOT NULL"
    as_type = {"Integer": "HUGEINT", "Number": "DOUBLE", "Timestamp": "TIMESTAMP", "Boolean": "BOOLEAN"}.get(wanted)
    if stored == "String" and as_type is not None:
        bad = f"({bad} AND TRY_CAST({value} AS {as_type}) IS NULL)"
    elif stored == "Number" and wanted == "Integer":
        bad = f"({bad} AND {value} <> floor({value}))"
    count = f"CASE WHEN count_if({bad}) = 0 THEN count({value}) ELSE count_if({bad}) END"
    return Probe(column=column, count=count, bad=bad, **fields)


def feature_probes(*, table: Table, column: str, spec: PolicySpec) -> Iterator[Probe]:
    """What must hold for every column that may teach or judge."""
    value, kind = quoted(column), table.columns[column]
    if column != spec.model.target:
        rule = next((rule for rule in spec.validation.columns if rule.name == column), None)
        given = None if rule is None else rule.max_null_fraction
        bound = spec.validation.max_null_fraction if given is None else given
        may = f"{bound:.1%} may lack one" if bound else "every row must have one"
        yield Probe(
            name="TooManyNulls",
            column=column,
            count=f"count(*) - count({value})",
            limit=bound,
            bound=bound,
            told=f"have no value; {may} (spec.validation.maxNullFraction, or exclude the column)",
            severity="Error" if given is None or rule is None else rule.severity,
        )
    if kind == "Number":
        yield Probe(
            name="InfiniteValues",
            column=column,
            count=f"count_if(isinf({value}))",
            told="hold an infinite value; leave it empty, or exclude the column",
        )
    if kind == "String":
        yield _rows(
            name="CellTooLarge",
            column=column,
            bad=f"strlen({value}) > {MAX_CELL_BYTES}",
            bound=float(MAX_CELL_BYTES),
            told=f"hold more than {MAX_CELL_BYTES:,} bytes; keep files and documents elsewhere, or exclude the column",
        )


def time_probes(*, column: str, now: datetime) -> Iterator[Probe]:
    """Times that cannot be, of a time column that holds times."""
    value = quoted(column)
    # One row of 2099 must not own the window.
    yield _rows(
        name="FutureRows",
        column=column,
        bad=f"{value} > ?",
        parameters=(naive(now),),
        told=f"are later than the run itself ({now:%Y-%m-%dT%H:%M:%SZ}); correct or remove them",
        bound=f"{now:%Y-%m-%dT%H:%M:%SZ}",
    )
    yield _rows(
        name="TimeOutOfRange",
        column=column,
        bad=f"{value} < ?",
        parameters=(naive(EARLIEST),),
        told=f"are earlier than {EARLIEST:%Y-%m-%d}; correct or remove them",
        bound=f"{EARLIEST:%Y-%m-%d}",
    )


def rule_probes(*, table: Table, rule: ColumnRule, ruled: bool) -> Iterator[Probe]:
    """The rules of one column. `ruled`: its nulls are counted with those of the features."""
    value, numeric = quoted(rule.name), table.columns[rule.name] in ("Integer", "Number")
    common: dict[str, Any] = {"column": rule.name, "severity": rule.severity}
    if rule.max_null_fraction is not None and not ruled:
        yield Probe(
            name="TooManyNulls",
            count=f"count(*) - count({value})",
            limit=rule.max_null_fraction,
            bound=rule.max_null_fraction,
            told=f"have no value; {rule.max_null_fraction:.1%} may lack one",
            **common,
        )
    if rule.min is not None and numeric:
        told = f"are below min {rule.min:g}"
        yield _rows(
            name="OutOfRange",
            bad=f"{value} < ?",
            parameters=(rule.min,),
            told=told,
            bound=f"min {rule.min:g}",
            **common,
        )
    if rule.max is not None and numeric:
        told = f"are above max {rule.max:g}"
        yield _rows(
            name="OutOfRange",
            bad=f"{value} > ?",
            parameters=(rule.max,),
            told=told,
            bound=f"max {rule.max:g}",
            **common,
        )
    if rule.allowed:
        yield _rows(
            name="NotAllowed",
            bad=f"NOT list_contains(CAST(? AS VARCHAR[]), CAST({value} AS VARCHAR))",
            parameters=(rule.allowed,),
            told="hold a value that is not among those allowed",
            bound=f"{len(rule.allowed)} values",
            **common,
        )
    if rule.pattern is not None:
        yield _rows(
            name="PatternMismatch",
            bad=f"NOT regexp_full_match(CAST({value} AS VARCHAR), ?)",
            parameters=(rule.pattern,),
            told=f"do not match the pattern {rule.pattern[:60]}",
            bound=rule.pattern,
            **common,
        )
    if rule.unique:
        repeated = f"SELECT {value} FROM data GROUP BY 1 HAVING count(*) > 1"  # noqa: S608 - names are quoted
        yield Probe(
            name="NotUnique",
            count=f"count({value}) - count(DISTINCT {value})",
            bad=f"{value} IN ({repeated})",
            told="repeat a value of another row, and each must have one of its own",
            **common,
        )


def duplicate_probe(*, columns: Sequence[str], spec: PolicySpec) -> Iterator[Probe]:
    """Rows that repeat another one in all columns in use. By 64-bit hashes: of 100 million rows that differ, the odds
    are 3,000 to 1 that not even one is counted by mistake.
    """
    bound = spec.validation.max_duplicate_fraction
    if bound is not None and columns:
        hashed = ", ".join(quoted(name) for name in columns)
        yield Probe(
            name="DuplicateRows",
            column=None,
            count=f"count(*) - count(DISTINCT hash({hashed}))",
            limit=bound,
            bound=bound,
            told=f"repeat another row in every column in use; spec.validation.maxDuplicateFraction allows {bound:.1%}",
        )
