"""What holds for every situation, however odd."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from retrain_trainer.decide import History, Incumbent, Score, Situation, Training, decide, fired_triggers
from retrain_trainer.spec import (
    BelowThreshold,
    Blackout,
    Budget,
    Drop,
    LimitsSpec,
    MaxAge,
    NewRows,
    TriggersSpec,
)

from tests.unit.trainer.decide.builders import NOW

_spans = st.integers(min_value=0, max_value=100 * 24).map(lambda hours: timedelta(hours=hours))
_number = st.none() | st.floats(min_value=-10, max_value=10)
_rows = st.none() | st.integers(min_value=0, max_value=10_000)
_names = st.sampled_from(
    ["NoChampion", "Requested", "SpecChange", "BelowThreshold", "Drop", "NewRows", "MaxAge", "Always"]
)
_scores = st.builds(
    Score,
    threshold_met=st.none() | st.booleans(),
    below_in_a_row=st.integers(min_value=0, max_value=5),
    best=_number,
    reference=_number,
    greater_is_better=st.booleans(),
)
_incumbents = st.builds(
    lambda trained, waited, rows: Incumbent(
        trained=NOW - trained, promoted=NOW - trained + min(waited, trained), trained_rows=rows
    ),
    _spans,
    _spans,
    st.integers(min_value=1, max_value=10_000),
)
_situations = st.builds(
    Situation,
    now=st.just(NOW),
    action=st.sampled_from(["check", "train"]),
    cause=st.sampled_from(["Initial", "Schedule", "Request", "SpecChange"]),
    incumbent=st.none() | _incumbents,
    spec_changed=st.booleans(),
    score=_scores,
    new_rows=_rows,
    rows_since_training=_rows,
    fresh_fraction=st.none() | st.floats(min_value=0, max_value=1),
    comparison_rows=_rows,
)
_histories = st.builds(
    History,
    trainings=st.lists(
        st.builds(
            lambda ago, trigger, rows: Training(time=NOW - ago, trigger=trigger, rows=rows),
            _spans,
            _names,
            st.integers(min_value=1, max_value=10_000),
        ),
        max_size=12,
    ).map(lambda found: tuple(sorted(found, key=lambda training: training.time, reverse=True))),
    failures=st.integers(min_value=0, max_value=6),
)
_triggers = st.builds(
    TriggersSpec,
    below_threshold=st.builds(BelowThreshold, enabled=st.booleans(), consecutive=st.integers(min_value=1, max_value=3)),
    drop=st.builds(Drop, enabled=st.booleans(), by=st.floats(min_value=0, max_value=1)),
    new_rows=st.builds(NewRows, enabled=st.booleans(), share=st.none() | st.floats(min_value=0.01, max_value=2)),
    max_age=st.builds(MaxAge, enabled=st.booleans(), age=_spans.filter(bool)),
    spec_change=st.booleans(),
    always=st.booleans(),
)
_limits = st.builds(
    LimitsSpec,
    cooldown=st.none() | _spans,
    max_trainings=st.none() | st.builds(Budget, count=st.integers(min_value=1, max_value=5), per=_spans),
    blackouts=st.just(()) | st.just((Blackout(start="0 8 * * 1-5", duration=timedelta(hours=10)),)),
    stop_after_failures=st.integers(min_value=1, max_value=6),
)
_many = settings(max_examples=300, deadline=None)


@given(situation=_situations, history=_histories, triggers=_triggers, limits=_limits)
@_many
def test_it_trains_for_a_trigger_that_fired_and_for_nothing_else(
    situation: Situation, history: History, triggers: TriggersSpec, limits: LimitsSpec
) -> None:
    fired = fired_triggers(situation=situation, triggers=triggers)
    decision = decide(situation=situation, triggers=triggers, limits=limits, history=history)
    assert decision == decide(situation=situation, triggers=triggers, limits=limits, history=history)
    if not fired:
        assert decision.trigger is None
    else:
        assert decision.trigger in fired
    if decision.hold is not None:
        assert decision.trigger == fired[0], "of those that wait the most urgent is told"
        assert decision.hold.until is None or decision.hold.until > situation.now


@given(situation=_situations, history=_histories, triggers=_triggers, limits=_limits)
@_many
def test_limits_only_ever_hold_back(
    situation: Situation, history: History, triggers: TriggersSpec, limits: LimitsSpec
) -> None:
    free = decide(situation=situation, triggers=triggers, limits=LimitsSpec(stop_after_failures=1000), history=history)
    bound = decide(situation=situation, triggers=triggers, limits=limits, history=history)
    if bound.trains:
        assert free.trains
    if situation.action == "train" and situation.cause != "SpecChange":
        assert bound == free, "a person's request passes every limit"


@given(situation=_situations, history=_histories, limits=_limits)
@_many
def test_with_every_trigger_off_only_people_and_a_missing_champion_train(
    situation: Situation, history: History, limits: LimitsSpec
) -> None:
    off = TriggersSpec(
        below_threshold=BelowThreshold(enabled=False), new_rows=NewRows(enabled=False), spec_change=False
    )
    decision = decide(situation=situation, triggers=off, limits=limits, history=history)
    if situation.action == "check" and situation.incumbent is not None:
        assert decision.trigger is None


@given(situation=_situations, history=_histories, triggers=_triggers, limits=_limits)
@_many
def test_when_the_time_told_has_come_that_hold_is_over(
    situation: Situation, history: History, triggers: TriggersSpec, limits: LimitsSpec
) -> None:
    decision = decide(situation=situation, triggers=triggers, limits=limits, history=history)
    if decision.hold is None or decision.hold.until is None:
        return
    later = replace(situation, now=decision.hold.until)
    again = decide(situation=later, triggers=triggers, limits=limits, history=history)
    same = again.trigger == decision.trigger and again.hold is not None and again.hold.reason == decision.hold.reason
    # A blackout may follow at once on another, and only there the reason may be the same.
    assert not same or decision.hold.reason == "Blackout"
