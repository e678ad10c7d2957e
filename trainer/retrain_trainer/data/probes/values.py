"""Can these values be: nulls, infinity, cells that are files, times of another age, rows that repeat each other?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from retrain_trainer.data.probes.probe import Probe, rows_probe
from retrain_trainer.data.table import Table, naive, quoted
from retrain_trainer.spec import PolicySpec

#: Longest text of one cell in bytes: more is a file in a cell, or a quote that was never closed.
MAX_CELL_BYTES = 1_000_000
#: Times before this are slips of a keyboard: nanoseconds in 64 bits, which most data frames use, begin here.
EARLIEST = datetime(1677, 9, 22, tzinfo=UTC)


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
        yield rows_probe(
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
    yield rows_probe(
        name="FutureRows",
        column=column,
        bad=f"{value} > ?",
        parameters=(naive(now),),
        told=f"are later than the run itself ({now:%Y-%m-%dT%H:%M:%SZ}); correct or remove them",
        bound=f"{now:%Y-%m-%dT%H:%M:%SZ}",
    )
    yield rows_probe(
        name="TimeOutOfRange",
        column=column,
        bad=f"{value} < ?",
        parameters=(naive(EARLIEST),),
        told=f"are earlier than {EARLIEST:%Y-%m-%d}; correct or remove them",
        bound=f"{EARLIEST:%Y-%m-%d}",
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
