"""What `spec.validation.columns` asks of a column's values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from retrain_trainer.data.labels import label_text
from retrain_trainer.data.probes.probe import Probe, rows_probe
from retrain_trainer.data.table import Table, quoted
from retrain_trainer.spec import ColumnRule


def rule_probes(*, table: Table, rule: ColumnRule, ruled: bool) -> Iterator[Probe]:
    """The rules of one column. `ruled`: its nulls are counted with those of the features."""
    value, stored = quoted(rule.name), table.columns[rule.name]
    numeric = stored in ("Integer", "Number")
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
        yield rows_probe(
            name="OutOfRange",
            bad=f"{value} < ?",
            parameters=(rule.min,),
            told=told,
            bound=f"min {rule.min:g}",
            **common,
        )
    if rule.max is not None and numeric:
        told = f"are above max {rule.max:g}"
        yield rows_probe(
            name="OutOfRange",
            bad=f"{value} > ?",
            parameters=(rule.max,),
            told=told,
            bound=f"max {rule.max:g}",
            **common,
        )
    if rule.allowed:
        yield rows_probe(
            name="NotAllowed",
            # Both ways to write a whole number: 1.0 of a data frame is allowed where 1 is.
            bad=f"({value} IS NOT NULL AND NOT list_has_any(CAST(? AS VARCHAR[]), "
            f"[CAST({value} AS VARCHAR), {label_text(value=value, stored=stored)}]))",
            parameters=(rule.allowed,),
            told="hold a value that is not among those allowed",
            bound=f"{len(rule.allowed)} values",
            **common,
        )
    if rule.pattern is not None:
        yield rows_probe(
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
