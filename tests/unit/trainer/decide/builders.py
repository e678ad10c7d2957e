"""A policy with a champion of ten days on which nothing calls for training, and words to change that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from retrain_trainer.decide import History, Incumbent, Score, Situation, Training
from retrain_trainer.spec import LimitsSpec, TriggersSpec
from retrain_trainer.spec.limits import read_limits
from retrain_trainer.spec.reading import Reader
from retrain_trainer.spec.triggers import read_triggers

NOW = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)  # a Thursday
CHAMPION = Incumbent(trained=NOW - timedelta(days=10), promoted=NOW - timedelta(days=10), trained_rows=1000)

BELOW = Score(threshold_met=False, below_in_a_row=1)
#: At best 0.75, after 0.80 in the first scores.
FALLEN = Score(threshold_met=True, best=0.75, reference=0.80)


def triggers(**given: Any) -> TriggersSpec:
    """`spec.triggers` as a person writes it."""
    return read_triggers(Reader(value=given, path="spec.triggers"))


def limits(**given: Any) -> LimitsSpec:
    """`spec.limits` as a person writes it."""
    return read_limits(Reader(value=given, path="spec.limits"), zone="Etc/UTC")


def situation(**facts: Any) -> Situation:
    """A quiet one, with these facts."""
    quiet: dict[str, Any] = {
        "now": NOW,
        "action": "check",
        "cause": "Schedule",
        "incumbent": CHAMPION,
        "score": Score(threshold_met=True),
        "new_rows": 100,
        "rows_since_training": 100,
        "fresh_fraction": 1.0,
        "comparison_rows": 500,
    }
    return Situation(**{**quiet, **facts})


def lost(*hours: float, trigger: str = "BelowThreshold") -> History:
    """Trainings by a trigger so many hours ago, the newest first, none of which was promoted."""
    return History(
        trainings=tuple(Training(time=NOW - timedelta(hours=ago), trigger=trigger, rows=1000) for ago in hours)
    )
