"""The back-test of `docs/backtest.md` on real rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.trainer.run import schema

REPOSITORY = Path(__file__).parents[4]
SCHEMA = json.loads((REPOSITORY / "docs/backtest.schema.json").read_text())


@pytest.mark.full
def test_on_a_year_of_flights_the_defaults_recover_most_with_few_trainings_and_one_is_in_vain(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    command = [sys.executable, "-m", "examples.flights.backtest", "--every", "14d", "-o", "json", "--report", str(page)]
    environment = {**os.environ, "PYTHONPATH": "trainer:."}
    ended = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=550, check=False
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    made: dict[str, Any] = json.loads(ended.stdout)
    assert schema.violations(made, schema=SCHEMA) == []
    outcomes = {check["time"][:10]: check["outcome"] for check in made["checks"]}
    assert outcomes["2013-03-16"] == "Promoted"
    assert "NotPromoted" in outcomes.values()
    summary = made["summary"]
    assert summary["conclusion"] == "GainAvailable"
    assert summary["recovered"]["estimate"] >= 0.8
    assert 2 * summary["policy"]["trainings"] <= summary["always"]["trainings"] == 21
    assert "<svg" in page.read_text()
