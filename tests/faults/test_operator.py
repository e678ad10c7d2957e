"""Promises P1, P2, P3, P6, P7, P9, P14 and P15: also `python -m tests.faults.operator`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.operator.proof import FULL, QUICK, Row, Size, recovery, run_proof, table
from tests.faults.operator.seeded import BUGS
from tests.faults.operator.server import ready_server


def _proof(*, folder: Path, size: Size) -> list[Row]:
    with ready_server() as server:
        rows = run_proof(server=server, folder=folder, size=size)
    print(table(rows), "\nmedian and 99th percentile of what a fault cost, in seconds:", recovery(rows))
    return rows


def _unfired(rows: list[Row]) -> list[str]:
    """A fault that did not fire is not a pass."""
    return [outcome.name for row in rows for outcome in row.outcomes if not outcome.fired]


@pytest.mark.timeout(180)
def test_no_fault_changes_the_end(tmp_path: Path) -> None:
    rows = _proof(folder=tmp_path, size=QUICK)
    assert [one for row in rows for one in row.bad] == []
    assert _unfired(rows) == []
    assert sum(row.fired for row in rows[:5]) >= 25
    assert rows[-1].fired == len(QUICK.bugs)


@pytest.mark.full
@pytest.mark.timeout(900)
def test_no_fault_changes_the_end_at_length(tmp_path: Path) -> None:
    rows = _proof(folder=tmp_path, size=FULL)
    assert [one for row in rows for one in row.bad] == []
    assert _unfired(rows) == []
    killed, forgotten, events, watches, requests, runs, *_, bugs = rows
    assert killed.fired >= 60
    assert forgotten.fired >= 5
    assert events.fired + watches.fired + requests.fired >= 80
    assert runs.fired >= 500
    assert bugs.fired == len(BUGS) >= 12
