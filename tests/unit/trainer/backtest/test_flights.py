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
def test_a_year_of_flights_has_months_whose_challenger_is_not_promoted(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    command = [sys.executable, "-m", "examples.flights.backtest", "--policy", "examples/flights/policy.yaml"]
    command += ["--every", "30d", "--from", "2013-03-01", "-o", "json", "--report", str(page)]
    environment = {**os.environ, "PYTHONPATH": "trainer:."}
    ended = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=550, check=False
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    made: dict[str, Any] = json.loads(ended.stdout)
    assert schema.violations(made, schema=SCHEMA) == []
    outcomes = {check["time"][:10]: check["outcome"] for check in made["checks"]}
    assert outcomes["2013-03-01"] == "Promoted"
    assert "NotPromoted" in outcomes.values()
    assert made["summary"]["policy"]["trainings"] < made["summary"]["always"]["trainings"] == 11
    assert made["summary"]["policy"]["score"] > made["summary"]["never"]["score"] + 0.01
    assert "<svg" in page.read_text()
