"""Which triggers call for training, the most urgent first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from retrain_trainer.contract import Trigger
from retrain_trainer.decide.situation import Situation
from retrain_trainer.spec import TriggersSpec

#: Without `share` and `count`: so many new rows, as a share of the champion's training rows.
DEFAULT_NEW_ROWS = 0.5

#: Triggers that somebody outside pulls, once for each event, in the order of urgency.
_PULLED: Final[tuple[Trigger, ...]] = ("Upstream", "Webhook", "Prometheus")
PULLED: Final[frozenset[Trigger]] = frozenset(_PULLED)


def fired_triggers(*, situation: Situation, triggers: TriggersSpec) -> tuple[Trigger, ...]:
    """All that call for training: a person's request alone; a missing champion alone; else in the order of urgency."""
    if situation.action == "train":
        return ("SpecChange",) if situation.cause == "SpecChange" else ("Requested",)
    if situation.incumbent is None:
        return ("NoChampion",)
    return tuple(_fired(situation, triggers))


def _fired(situation: Situation, triggers: TriggersSpec) -> Iterator[Trigger]:
    if triggers.spec_change and situation.spec_changed:
        yield "SpecChange"
    pulled = {"Upstream": triggers.upstream is not None, "Prometheus": triggers.prometheus, "Webhook": triggers.webhook}
    yield from (trigger for trigger in _PULLED if pulled[trigger] and trigger in situation.called)
    below = triggers.below_threshold
    missed = situation.score.threshold_met is False and situation.score.below_in_a_row >= below.consecutive
    if below.enabled and missed:
        yield "BelowThreshold"
    if triggers.drop.enabled and _dropped(situation, triggers):
        yield "Drop"
    if triggers.drift.enabled and situation.drifted:
        yield "Drift"
    if triggers.new_rows.enabled and _enough_new(situation, triggers):
        yield "NewRows"
    if triggers.max_age.enabled and _too_old(situation, triggers):
        yield "MaxAge"
    if triggers.always:
        yield "Always"


def _too_old(situation: Situation, triggers: TriggersSpec) -> bool:
    age, incumbent = triggers.max_age.age, situation.incumbent
    return age is not None and incumbent is not None and situation.now - incumbent.trained >= age


def _dropped(situation: Situation, triggers: TriggersSpec) -> bool:
    """Even the better end of the score's interval is worse than the reference by more than the drop allowed."""
    score, drop = situation.score, triggers.drop
    if score.best is None or score.reference is None:
        return False
    allowed = drop.by if drop.by is not None else abs(score.reference) * (drop.by_fraction or 0.0)
    fallen = score.reference - score.best if score.greater_is_better else score.best - score.reference
    return fallen > allowed


def _enough_new(situation: Situation, triggers: TriggersSpec) -> bool:
    rows, incumbent, wanted = situation.new_rows, situation.incumbent, triggers.new_rows
    if rows is None or incumbent is None or rows == 0:
        return False
    if wanted.count is not None and rows >= wanted.count:
        return True
    share = DEFAULT_NEW_ROWS if wanted.share is None and wanted.count is None else wanted.share
    return share is not None and rows >= share * incumbent.trained_rows
