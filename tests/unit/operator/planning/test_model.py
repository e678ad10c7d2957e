"""The model's part of the status: how new rows compare with the champion's."""

from __future__ import annotations

import json
from typing import Any

from retrain_operator.api.children import job_view
from retrain_operator.api.result import parse_result
from retrain_operator.planning.model import model_fields
from retrain_operator.planning.runs import FinishedRun

from tests.builders import JOB_UID, NOON, a_job, a_message


def _run(outcome: str, **fields: Any) -> FinishedRun:
    text = json.dumps({**a_message(outcome=outcome), **fields})
    result = parse_result(text=text, job_uid=JOB_UID)
    return FinishedRun(job=job_view(a_job()), ended=NOON, outcome=outcome, reason="", message="", result=result)


DRIFT = {"drifted": False, "share": 0.123456, "features": 16, "worst": "temp (PSI 0.2)"}


def test_drift_is_shown_and_stands_until_it_is_measured_again() -> None:
    shown = model_fields(stored={}, runs=[_run("Kept", drift=DRIFT)])
    assert shown["drift"] == {"share": 0.1235, "features": 16}
    assert model_fields(stored=shown, runs=[_run("Kept")])["drift"] == shown["drift"]
    assert model_fields(stored=shown, runs=[_run("Failed", drift={**DRIFT, "share": 1})])["drift"] == shown["drift"]


def test_a_new_champion_has_met_no_new_rows() -> None:
    shown = model_fields(stored={}, runs=[_run("Kept", drift=DRIFT)])
    assert "drift" not in model_fields(stored=shown, runs=[_run("Promoted")])


NEW_REGISTRY = {"champion": None, "score": None, "metric": None, "accuracy": None}


def test_in_a_registry_without_a_champion_nothing_of_the_old_one_is_shown() -> None:
    shown = model_fields(stored={}, runs=[_run("Promoted", drift=DRIFT)])
    lost = {**NEW_REGISTRY, "challenger": {"version": 1, "score": 0.4, "verdict": "NotBetter", "reason": "NoSkill"}}
    now = model_fields(stored=shown, runs=[_run("NotPromoted", **lost)])
    gone = ("modelVersion", "modelURI", "modelDigest", "promotionTime", "trainedRows", "score", "accuracy", "drift")
    assert all(name in shown for name in gone)
    assert not any(name in now for name in gone)
    assert now["challenger"]["version"] == 1


def test_what_is_not_told_of_a_champion_changes_nothing() -> None:
    shown = model_fields(stored={}, runs=[_run("Promoted")])
    for words in (_run("Kept", champion="none of it"), _run("Failed", **NEW_REGISTRY)):
        assert model_fields(stored=shown, runs=[words])["modelVersion"] == 1
