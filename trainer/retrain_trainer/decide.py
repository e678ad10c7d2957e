"""Which trigger calls for training, and whether it has to wait: pure, so that the whole decision is one table.

The order is that of urgency: a person's request, then a missing champion, then a changed spec, then a bad score.
"""

from __future__ import annotations

from dataclasses import dataclass

from retrain_trainer.contract import Action, Cause, Trigger

#: Below this share of fresh rows in the holdout no new comparison: repeated looks are repeated chances of a false win.
MIN_FRESH_FRACTION = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the decision depends on.

    spec_changed: the champion was made by another spec, and this spec has trained no version yet. threshold_met: of the
    champion's newest score, None where there is no score or no threshold. fresh_fraction: how much of the holdout for
    the comparison is newer than what was compared on before; None where nothing was compared or rows have no time.
    comparison_rows: rows of the holdout that the champion was not trained on; None where nobody counted.
    """

    action: Action
    cause: Cause
    has_champion: bool
    spec_changed: bool
    spec_change_enabled: bool
    below_threshold_enabled: bool
    threshold_met: bool | None
    fresh_fraction: float | None
    comparison_rows: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """`trigger`: what calls for training, if anything. `held_back`: the reason why it has to wait, or an empty text."""

    trigger: Trigger | None
    held_back: str = ""

    @property
    def trains(self) -> bool:
        """Is there anything to train now?"""
        return self.trigger is not None and not self.held_back


def decide(*, situation: Situation) -> Decision:
    """The first trigger that fires. Only BelowThreshold waits for fresh rows; a request and a new spec do not, but
    without any row for the comparison nothing is trained.
    """
    decision = _fired(situation)
    if decision.trigger and situation.has_champion and situation.comparison_rows == 0:
        return Decision(trigger=decision.trigger, held_back="NothingToCompare")
    return decision


def _fired(situation: Situation) -> Decision:
    if situation.action == "train":
        return Decision(trigger="SpecChange" if situation.cause == "SpecChange" else "Requested")
    if not situation.has_champion:
        return Decision(trigger="NoChampion")
    if situation.spec_changed and situation.spec_change_enabled:
        return Decision(trigger="SpecChange")
    if situation.threshold_met is False and situation.below_threshold_enabled:
        fresh = situation.fresh_fraction
        stale = fresh is not None and fresh < MIN_FRESH_FRACTION
        return Decision(trigger="BelowThreshold", held_back="HoldoutNotFresh" if stale else "")
    return Decision(trigger=None)
