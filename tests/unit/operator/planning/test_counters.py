"""What the status adds up over all runs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from retrain_operator.api.children import job_view
from retrain_operator.api.result import parse_result
from retrain_operator.planning.counters import counted
from retrain_operator.planning.runs import FinishedRun

from tests.builders import JOB_UID, NOON, a_job, a_message


def _run(outcome: str, *, seconds: float, told: bool = True, action: str = "check", **fields: Any) -> FinishedRun:
    text = json.dumps(a_message(outcome=outcome, **fields))
    return FinishedRun(
        job=replace(job_view(a_job()), action=action),
        ended=NOON + timedelta(seconds=seconds),
        outcome=outcome,
        reason="",
        message="",
        result=parse_result(text=text, job_uid=JOB_UID) if told else None,
    )


def test_outcomes_add_up_and_seconds_are_those_of_runs_that_trained() -> None:
    runs = [
        _run("Kept", seconds=5),
        _run("Deferred", seconds=6, trigger="Drift"),
        _run("Promoted", seconds=100, trigger="Drift"),
        _run("Promoted", seconds=20, trigger="Drift"),
        _run("Failed", seconds=7, trigger="NewRows"),
        _run("NotPromoted", seconds=3, trigger="NewRows"),
        _run("NotPromoted", seconds=1000, action="reject"),
        _run("Failed", seconds=900, told=False),
    ]
    stored = {"counters": {"checks": 3, "outcomes": {"Kept": 2}, "trainingSeconds": {"NotPromoted": 4}}}
    assert counted(stored=stored, told={"checks": 9}, runs=runs) == {
        "checks": 9,
        "outcomes": {"Kept": 3, "Deferred": 1, "Promoted": 2, "Failed": 2, "NotPromoted": 2},
        "trainingSeconds": {"NotPromoted": 7, "Promoted": 120, "Failed": 7},
    }


def test_without_runs_the_counters_stand() -> None:
    assert counted(stored={}, told=None, runs=()) == {}
    stored = {"counters": {"checks": 1, "outcomes": {"Kept": 1}}}
    assert counted(stored=stored, told=stored["counters"], runs=()) == stored["counters"]
