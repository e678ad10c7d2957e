"""One question about all rows: how bad ones are counted, how many there may be, how some of their values are found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from retrain_trainer.data.report import Check
from retrain_trainer.data.table import Table, quoted
from retrain_trainer.spec import Severity

#: Longest beginning of a value that is shown.
_SHOWN = 60


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


def rows_probe(*, bad: str, **fields: Any) -> Probe:
    """A probe that counts the rows which meet a condition."""
    return Probe(count=f"count_if({bad})", bad=bad, **fields)
