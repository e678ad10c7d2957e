"""Promise P4 in `make test` (quick) and `make test-full` (the published figures)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.registry.__main__ import FULL, QUICK
from tests.faults.registry.mutants import BUCKET_MUTANTS, MUTANTS
from tests.faults.registry.proof import Row, prove
from tests.support.s3 import s3_server


def _proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, full: bool) -> list[Row]:
    with s3_server(folder=tmp_path / "s3") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        return prove(folder=tmp_path, size=FULL if full else QUICK, seed=20130301)


def test_no_fault_harms_the_champion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = _proof(tmp_path, monkeypatch, full=False)
    assert [one for row in rows for one in row.bad] == []
    power, deaths, *_, mutants = rows
    assert power.fired >= 1_000
    assert deaths.fired >= 20
    assert mutants.fired == len(MUTANTS) + len(BUCKET_MUTANTS) >= 15


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_no_fault_harms_the_champion_at_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = _proof(tmp_path, monkeypatch, full=True)
    assert [one for row in rows for one in row.bad] == []
    power, _, kills_directory, kills_bucket, races_directory, races_bucket, _ = rows
    assert power.fired >= 5_000
    assert kills_directory.fired + kills_bucket.fired >= 2_000
    assert races_directory.tried + races_bucket.tried >= 3_000
