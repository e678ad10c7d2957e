"""The decision: the first trigger that nothing holds back; else the most urgent one, deferred."""

from __future__ import annotations

from dataclasses import dataclass

from retrain_trainer.contract import Trigger
from retrain_trainer.decide.limits import Hold, hold
from retrain_trainer.decide.situation import History, Situation
from retrain_trainer.decide.triggers import fired_triggers
from retrain_trainer.spec import LimitsSpec, TriggersSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """`trigger`: what calls for training, if anything. `hold`: why it has to wait, if it has to."""

    trigger: Trigger | None
    hold: Hold | None = None

    @property
    def trains(self) -> bool:
        """Is there anything to train now?"""
        return self.trigger is not None and self.hold is None


def decide(
    *, situation: Situation, triggers: TriggersSpec, limits: LimitsSpec, history: History | None = None
) -> Decision:
    """Train (and why), wait (and why, until when), or nothing to do."""
    known = history or History()
    held: Decision | None = None
    for trigger in fired_triggers(situation=situation, triggers=triggers):
        found = hold(trigger=trigger, situation=situation, history=known, triggers=triggers, limits=limits)
        decision = Decision(trigger=trigger, hold=found)
        if found is None:
            return decision
        held = held or decision
    return held or Decision(trigger=None)
