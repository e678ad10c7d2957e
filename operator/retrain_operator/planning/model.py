"""The model's part of the status: champion, challenger, scores, drift and counters, as the newest result tells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from retrain_operator.api import raw
from retrain_operator.api.result import RunResult
from retrain_operator.api.times import format_time
from retrain_operator.planning.counters import counted
from retrain_operator.planning.history import last_check_time
from retrain_operator.planning.runs import FinishedRun, rounded

#: What stands here of the champion; the rest of the fields is about runs.
_OF_THE_CHAMPION = (
    "metric",
    "score",
    "accuracy",
    "modelVersion",
    "modelURI",
    "modelDigest",
    "promotionTime",
    "trainedRows",
    "previousVersion",
    "drift",
)
_FIELDS = (*_OF_THE_CHAMPION, "threshold", "challenger", "lastCheckTime", "lastTrainedTime", "counters")


def model_fields(*, stored: Mapping[str, Any], runs: Sequence[FinishedRun]) -> dict[str, Any]:
    """The fields after `runs` (oldest first). A result older than the one shown changes nothing: no way back."""
    fields = {name: stored[name] for name in _FIELDS if name in stored}
    for run in runs:
        result = run.result
        if result is None:
            continue
        shown, made = last_check_time(fields), run.made
        if shown is not None and made < shown:
            continue
        told = _told(result)
        if result.no_champion and not run.failed:
            # Another registry, or one made anew: what stands here is of a model that is not the champion there.
            fields = {name: value for name, value in fields.items() if name not in _OF_THE_CHAMPION}
        fields |= told
        if result.outcome in ("Promoted", "Approved", "RolledBack", "Pinned"):
            fields.pop("challenger", None)
            if result.drift is None:  # a new champion has met no new rows yet
                fields.pop("drift", None)
        if not run.failed:
            fields["lastCheckTime"] = format_time(made)
    if counters := counted(stored=stored, told=fields.get("counters"), runs=runs):
        fields["counters"] = counters
    return {name: value for name, value in fields.items() if value is not None}


def _told(result: RunResult) -> dict[str, Any]:
    told: dict[str, Any] = {
        "metric": result.metric,
        "score": rounded(result.score),
        "accuracy": rounded(result.accuracy),
    }
    told = {name: value for name, value in told.items() if value is not None}
    if result.score is None:
        told.pop("metric", None)  # the score that stands is in the metric that stands
    elif result.outcome != "Failed":
        told["threshold"] = result.threshold
    if (champion := result.champion) is not None:
        told |= {
            "modelVersion": champion.version,
            "modelURI": champion.uri,
            "modelDigest": champion.digest,
            "promotionTime": format_time(champion.promotion_time) if champion.promotion_time else None,
            "trainedRows": champion.trained_rows,
            "previousVersion": champion.previous_version,
        }
    if (challenger := result.challenger) is not None:
        told["challenger"] = {
            name: value
            for name, value in {
                "version": challenger.version,
                "score": rounded(challenger.score),
                "verdict": challenger.verdict,
                "reason": challenger.reason or None,
            }.items()
            if value is not None
        }
    if (drift := result.drift) is not None and result.outcome != "Failed":
        told["drift"] = {"share": rounded(drift.share), "features": drift.features}
    if result.trained_time is not None:
        told["lastTrainedTime"] = format_time(result.trained_time)
    if (counters := result.counters) is not None:
        told["counters"] = {
            "checks": counters.checks,
            "trainings": counters.trainings,
            "promotions": counters.promotions,
        }
    return told


def model_version(status: Mapping[str, Any]) -> int | None:
    """The champion that a status shows."""
    return raw.integer(status.get("modelVersion"))
