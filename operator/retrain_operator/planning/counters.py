"""`status.counters`: the registry's totals as the newest result tells them, and what the operator itself adds up.

The operator's own part stands in the status because it must outlive the operator: each run is recorded once, by one
status write, and counted by the same write.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from retrain_operator.api import raw
from retrain_operator.planning.runs import FinishedRun

#: Outcomes of runs that trained a version; a failed one trained if its message names a trigger.
_TRAINED = ("Promoted", "AwaitingApproval", "Observed", "NotPromoted")
#: Actions that may train; a rejection by a person is NotPromoted too.
_TRAINING = ("check", "train")


def counted(
    *, stored: Mapping[str, Any], told: Mapping[str, Any] | None, runs: Sequence[FinishedRun]
) -> dict[str, Any]:
    """The counters after `runs`; `told` are the registry's totals, where a result told them."""
    before = raw.mapping(stored.get("counters"))
    outcomes, seconds = _integers(before.get("outcomes")), _integers(before.get("trainingSeconds"))
    for run in runs:
        outcomes[run.outcome] = outcomes.get(run.outcome, 0) + 1
        trained = run.outcome in _TRAINED and run.job.action in _TRAINING
        if trained or (run.failed and run.result is not None and run.result.trigger is not None):
            took = max(0, round((run.ended - run.job.created).total_seconds()))
            seconds[run.outcome] = seconds.get(run.outcome, 0) + took
    counters = {**before, **(told or {}), "outcomes": outcomes, "trainingSeconds": seconds}
    return {name: value for name, value in counters.items() if value not in ({}, None)}


def _integers(value: object) -> dict[str, int]:
    return {name: number for name, each in raw.mapping(value).items() if (number := raw.integer(each)) is not None}
