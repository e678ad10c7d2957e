"""What runs have told of MLflow: they give it the champion themselves, the operator never talks to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from retrain_operator.api import raw
from retrain_operator.api.policy import Policy
from retrain_operator.planning.history import last_check_time
from retrain_operator.planning.observed import Cause
from retrain_operator.planning.runs import FinishedRun


def mirrored(*, policy: Policy, runs: Sequence[FinishedRun]) -> dict[str, Any]:
    """`status.published.mlflow` after `runs` (oldest first); empty where nothing is asked for or known.

    What was told of another server, name or alias than those of the spec says nothing any more. An answer older than
    the one shown changes nothing.
    """
    mlflow = policy.mlflow
    if mlflow is None:
        return {}
    stored = raw.mapping(raw.at(policy.status, "published", "mlflow"))
    entry = dict(stored) if stored.get("target") == mlflow.target else {}
    shown = last_check_time(policy.status)
    for run in runs:
        told = None if run.result is None else run.result.mirror
        if told is None or told.target != mlflow.target or (shown is not None and run.made < shown):
            continue
        shown = run.made
        version = entry.get("version") if told.reason else told.version
        entry = {
            "name": mlflow.name,
            "target": mlflow.target,
            "version": version,
            "problem": f"{told.reason}: {told.message}" if told.reason else None,
        }
    return {name: value for name, value in entry.items() if value is not None}


def mirror_problem(mirror: Mapping[str, Any]) -> Cause | None:
    """Why MLflow does not name the champion, as the newest run that tried it tells."""
    reason, _, message = str(mirror.get("problem", "")).partition(": ")
    return Cause(reason=reason, message=f"MLflow: {message}") if reason else None
