"""The rules of `validation.columns`: all counted in one query, examples fetched for those that fail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from retrain_trainer.data.table import StoredType, Table, quoted
from retrain_trainer.errors import SpecError
from retrain_trainer.spec import ColumnRule

#: Kinds that satisfy each type of a rule.
_SATISFIES: dict[str, tuple[StoredType, ...]] = {
    "Integer": ("Integer",),
    "Number": ("Integer", "Number"),
    "String": ("String",),
    "Boolean": ("Boolean",),
    "Timestamp": ("Timestamp",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCheck:
    """What one rule found."""

    name: str
    column: str
    count: int
    message: str
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Probe:
    """One condition that bad rows meet."""

    name: str
    column: str
    bad: str
    parameters: tuple[Any, ...]
    told: str


def column_rule_checks(*, table: Table, rows: int, rules: Sequence[ColumnRule]) -> list[RuleCheck]:
    """One RuleCheck per rule and kind of check. Every column named must be in the table.

    Raises:
        SpecError: InvalidSpec, a pattern that is no regular expression.
    """
    checks = [check for rule in rules for check in _types(table=table, rule=rule)]
    probes = [probe for rule in rules for probe in _probes(table=table, rule=rule)]
    checks += [check for rule in rules if rule.unique for check in _unique(table=table, rule=rule)]
    if not probes:
        return checks
    counted = ", ".join(f"count_if({probe.bad})" for probe in probes)
    parameters = [value for probe in probes for value in probe.parameters]
    try:
        [counts] = table.query(f"SELECT {counted} FROM data", parameters)  # noqa: S608 - names are quoted
    except duckdb.InvalidInputException as error:
        raise SpecError(
            reason="InvalidSpec", message=f"spec.validation.columns[].pattern is no regular expression: {error}"[:250]
        ) from None
    for probe, count in zip(probes, counts, strict=True):
        examples = _examples(table=table, probe=probe) if count else ()
        shown = f" (e.g. {', '.join(examples)})" if examples else ""
        message = f"column {probe.column[:60]!r}: {count:,} of {rows:,} rows {probe.told}{shown}"
        checks.append(
            RuleCheck(name=probe.name, column=probe.column, count=int(count), message=message, examples=examples)
        )
    return checks


def _types(*, table: Table, rule: ColumnRule) -> Iterator[RuleCheck]:
    kind = table.columns[rule.name]
    if rule.type is not None:
        wrong = kind not in _SATISFIES[rule.type]
        told = f"column {rule.name[:60]!r} holds {kind.lower()} values, and spec asks for {rule.type}"
        yield RuleCheck(name="TypeMismatch", column=rule.name, count=int(wrong), message=told)
    if (rule.min is not None or rule.max is not None) and kind not in ("Integer", "Number"):
        told = f"column {rule.name[:60]!r} holds {kind.lower()} values; min and max need numbers"
        yield RuleCheck(name="TypeMismatch", column=rule.name, count=1, message=told)


def _probes(*, table: Table, rule: ColumnRule) -> Iterator[_Probe]:
    column, numeric = quoted(rule.name), table.columns[rule.name] in ("Integer", "Number")
    if rule.min is not None and numeric:
        yield _Probe(
            name="OutOfRange",
            column=rule.name,
            bad=f"{column} < ?",
            parameters=(rule.min,),
            told=f"are below min {rule.min:g}",
        )
    if rule.max is not None and numeric:
        yield _Probe(
            name="OutOfRange",
            column=rule.name,
            bad=f"{column} > ?",
            parameters=(rule.max,),
            told=f"are above max {rule.max:g}",
        )
    if rule.allowed:
        yield _Probe(
            name="NotAllowed",
            column=rule.name,
            bad=f"NOT list_contains(CAST(? AS VARCHAR[]), CAST({column} AS VARCHAR))",
            parameters=(list(rule.allowed),),
            told="hold a value that is not among those allowed",
        )
    if rule.pattern is not None:
        yield _Probe(
            name="PatternMismatch",
            column=rule.name,
            bad=f"NOT regexp_full_match(CAST({column} AS VARCHAR), ?)",
            parameters=(rule.pattern,),
            told=f"do not match the pattern {rule.pattern[:60]}",
        )
    if rule.max_null_fraction == 0:
        yield _Probe(
            name="TooManyNulls",
            column=rule.name,
            bad=f"{column} IS NULL",
            parameters=(),
            told="have no value; every row must have one",
        )


def _examples(*, table: Table, probe: _Probe) -> tuple[str, ...]:
    column = quoted(probe.column)
    sql = (
        f"SELECT DISTINCT CAST({column} AS VARCHAR) AS value FROM data "  # noqa: S608 - names are quoted
        f"WHERE {probe.bad} AND {column} IS NOT NULL ORDER BY 1 LIMIT 3"
    )
    return tuple(str(value)[:60] for (value,) in table.query(sql, probe.parameters))


def _unique(*, table: Table, rule: ColumnRule) -> Iterator[RuleCheck]:
    column = quoted(rule.name)
    sql = (
        f"SELECT CAST({column} AS VARCHAR) AS value, count(*) AS times FROM data "  # noqa: S608 - names are quoted
        f"WHERE {column} IS NOT NULL GROUP BY 1 HAVING count(*) > 1 ORDER BY 2 DESC, 1 LIMIT 4"
    )
    repeated = table.query(sql)
    examples = tuple(f"{str(value)[:60]} ({times} times)" for value, times in repeated[:3])
    shown = f" (e.g. {', '.join(examples)})" if examples else ""
    message = f"column {rule.name[:60]!r}: values must be unique and some are repeated{shown}"
    yield RuleCheck(name="NotUnique", column=rule.name, count=len(repeated), message=message, examples=examples)
