"""Does this run train, and why; and if not now, why not? Pure: the whole decision is a table (docs/decisions.md)."""

from retrain_trainer.decide.decision import Decision, decide
from retrain_trainer.decide.limits import MIN_FRESH_FRACTION, Hold
from retrain_trainer.decide.situation import History, Incumbent, Score, Situation, Training
from retrain_trainer.decide.triggers import fired_triggers

__all__ = [
    "MIN_FRESH_FRACTION",
    "Decision",
    "History",
    "Hold",
    "Incumbent",
    "Score",
    "Situation",
    "Training",
    "decide",
    "fired_triggers",
]
