"""What holds a trigger back, with the reason, a sentence, and the time from when it may train.

Monitoring never stops for these: the data was validated and the champion scored before anybody asks here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Final

from retrain_trainer.contract import STOPPED, Trigger
from retrain_trainer.decide.situation import History, Situation, Training
from retrain_trainer.decide.triggers import PULLED
from retrain_trainer.spec import LimitsSpec, TriggersSpec

#: Below this share of fresh rows in the holdout no new comparison: repeated looks are repeated chances of a false win.
MIN_FRESH_FRACTION: Final = 0.5

#: After a challenger that was not promoted the same trigger trains again with this share of new rows …
NEW_ROWS_AFTER_LOSS: Final = 0.2

#: … or after this time, which doubles with each further loss, up to 64 times. For MaxAge it is the age.
WAIT_AFTER_LOSS: Final = timedelta(days=1)
_MOST_DOUBLINGS: Final = 6

#: The clocks of two nodes may differ by so much. What is dated later was dated by a clock that is wrong: nobody knows
#: when it was, and it must hold nothing back until the date comes.
CLOCKS_DIFFER: Final = timedelta(hours=1)

#: Triggers that look at the same rows again when nothing new has come.
_LOOKS_AGAIN: Final[frozenset[Trigger]] = frozenset(
    {*PULLED, "BelowThreshold", "Drop", "Drift", "NewRows", "MaxAge", "Always"}
)

#: Triggers that stand until something changes, and would train the same model again and again.
_STANDS: Final[frozenset[Trigger]] = frozenset({"NoChampion", "BelowThreshold", "Drop", "Drift", "NewRows", "MaxAge"})

#: Those, and the ones that are pulled: such a one trains again however its last challenger fared.
_WAITS_FOR_PEOPLE: Final[frozenset[Trigger]] = _STANDS | PULLED


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """`reason`: a constant of docs/reasons.md. `until`: aware, None where time alone does not help."""

    reason: str
    message: str
    until: datetime | None = None


def hold(
    *, trigger: Trigger, situation: Situation, history: History, triggers: TriggersSpec, limits: LimitsSpec
) -> Hold | None:
    """Why this trigger may not train now; None if it may. A person's request waits only where no row can judge."""
    if situation.incumbent is not None and situation.comparison_rows == 0:
        return Hold(
            reason="NothingToCompare",
            message="no row of the holdout is newer than what the champion was trained on; training waits for more",
        )
    if trigger == "Requested":
        return None
    return next(_holds(trigger, situation, history, triggers, limits), None)


def _holds(
    trigger: Trigger, situation: Situation, history: History, triggers: TriggersSpec, limits: LimitsSpec
) -> Iterator[Hold]:
    fresh, now = situation.fresh_fraction, situation.now
    rows = situation.comparison_rows
    if situation.incumbent is not None and rows is not None and rows < situation.needed_rows:
        yield Hold(
            reason="TooFewRows",
            message=f"{rows:,} rows of the holdout are newer than what the champion was trained on, and "
            f"data.holdout.minRows asks for {situation.needed_rows:,}: a comparison would settle nothing",
        )
    if trigger in _LOOKS_AGAIN and fresh is not None and fresh < MIN_FRESH_FRACTION:
        yield Hold(
            reason="HoldoutNotFresh",
            message="training waits until half of the holdout is newer than the last comparison: repeated looks are "
            "repeated chances of a false win",
        )
    if trigger in _LOOKS_AGAIN and situation.on_probation and fresh is not None and fresh < 1:
        yield Hold(
            reason="OnProbation",
            message="the champion is on probation; training waits for a holdout that is all new",
        )
    if trigger in _WAITS_FOR_PEOPLE and situation.waiting is not None:
        yield Hold(
            reason="AwaitingApproval",
            message=f"version {situation.waiting} waits for a person: approve or reject it",
        )
    if trigger in _STANDS and (found := _after_losses(trigger, situation, history, triggers)) is not None:
        yield found
    if history.failures >= limits.stop_after_failures:
        yield Hold(
            reason=STOPPED,
            message=f"{history.failures} runs in a row failed (limits.stopAfterFailures); an edit of the policy or a "
            "train request goes on",
        )
    for blackout in limits.blackouts:
        if (end := blackout.end(now=now)) is not None:
            yield Hold(reason="Blackout", message=f"a blackout of spec.limits ends at {_told(end)}", until=end)
    times = sorted((each.time for each in history.trainings if each.time <= now + CLOCKS_DIFFER), reverse=True)
    if limits.cooldown is not None and times and now < times[0] + limits.cooldown:
        end = times[0] + limits.cooldown
        yield Hold(reason="Cooldown", message=f"limits.cooldown ends at {_told(end)}", until=end)
    budget = limits.max_trainings
    if budget is not None and len(times) >= budget.count:
        end = times[budget.count - 1] + budget.per
        if now < end:
            yield Hold(
                reason="BudgetSpent",
                message=f"limits.maxTrainings allows {budget.count}; the next may start at {_told(end)}",
                until=end,
            )


def _after_losses(trigger: Trigger, situation: Situation, history: History, triggers: TriggersSpec) -> Hold | None:
    lost = _losses(trigger, situation, history)
    if not lost:
        return None
    last, rows = lost[0], situation.rows_since_training
    if rows is not None and rows >= NEW_ROWS_AFTER_LOSS * last.rows:
        return None
    base = WAIT_AFTER_LOSS if trigger != "MaxAge" or triggers.max_age.age is None else triggers.max_age.age
    end = last.time + base * 2 ** min(len(lost) - 1, _MOST_DOUBLINGS)
    if situation.now >= end:
        return None
    return Hold(
        reason="LostBefore",
        message=f"the last challenger of this trigger was not promoted; it trains again with {NEW_ROWS_AFTER_LOSS:.0%} "
        f"new rows, or at {_told(end)}",
        until=end,
    )


def _losses(trigger: Trigger, situation: Situation, history: History) -> list[Training]:
    """Trainings of this trigger that came to nothing since the champion was promoted, the newest first."""
    since = None if situation.incumbent is None else situation.incumbent.promoted
    latest = situation.now + CLOCKS_DIFFER
    later = history.trainings
    if since is not None and since > latest:  # then the order of the trainings tells what came after it
        later = tuple(takewhile(lambda training: training.lost, later))
        since = None
    return [
        training
        for training in later
        if training.lost
        and training.trigger == trigger
        and training.time <= latest
        and (since is None or training.time > since)
    ]


def _told(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"
