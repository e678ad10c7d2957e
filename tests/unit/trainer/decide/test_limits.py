"""What holds a trigger back, until when, and what nothing holds back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from retrain_trainer.decide import Decision, History, decide
from retrain_trainer.errors import SpecError

from tests.unit.trainer.decide.builders import BELOW, CHAMPION, NOW, limits, lost, situation, triggers

UPSTREAM: dict[str, Any] = {"upstream": {"policy": "prices"}}
REQUEST = {"action": "train", "cause": "Request"}
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
OTHER = lost(1, trigger="Requested")


def made(
    facts: dict[str, Any], *, bounds: dict[str, Any] | None = None, history: History | None = None, **given: Any
) -> Decision:
    return decide(
        situation=situation(**facts), triggers=triggers(**given), limits=limits(**(bounds or {})), history=history
    )


@pytest.mark.parametrize(
    "facts, bounds, history, given, trigger, reason, until",
    [
        # --- rows to judge on
        pytest.param({"score": BELOW}, {}, None, {}, "BelowThreshold", "", None, id="a bad score trains"),
        pytest.param(
            {"score": BELOW, "fresh_fraction": 0.5}, {}, None, {}, "BelowThreshold", "", None, id="half fresh is enough"
        ),
        pytest.param(
            {"score": BELOW, "fresh_fraction": 0.49},
            {},
            None,
            {},
            "BelowThreshold",
            "HoldoutNotFresh",
            None,
            id="a bad score waits for fresh rows",
        ),
        pytest.param(
            {"score": BELOW, "fresh_fraction": None},
            {},
            None,
            {},
            "BelowThreshold",
            "",
            None,
            id="rows without time never do",
        ),
        pytest.param(
            {"new_rows": 900, "fresh_fraction": 0.1},
            {},
            None,
            {},
            "NewRows",
            "HoldoutNotFresh",
            None,
            id="new rows wait for a fresh holdout too",
        ),
        pytest.param(
            {"fresh_fraction": 0.1},
            {},
            None,
            {"always": {}},
            "Always",
            "HoldoutNotFresh",
            None,
            id="and so does always",
        ),
        pytest.param(
            {"called": ("Upstream",), "fresh_fraction": 0.1},
            {},
            None,
            UPSTREAM,
            "Upstream",
            "HoldoutNotFresh",
            None,
            id="a call from upstream waits for a fresh holdout",
        ),
        pytest.param(
            {"called": ("Upstream",), "waiting": 3},
            {},
            None,
            UPSTREAM,
            "Upstream",
            "AwaitingApproval",
            None,
            id="and for the person whom a version waits for",
        ),
        pytest.param(
            {"called": ("Upstream",)},
            {},
            lost(1, trigger="Upstream"),
            UPSTREAM,
            "Upstream",
            "",
            None,
            id="each call is a new one, however the last fared",
        ),
        pytest.param(
            {"spec_changed": True, "fresh_fraction": 0.0},
            {},
            None,
            {},
            "SpecChange",
            "",
            None,
            id="a new spec does not",
        ),
        pytest.param(
            {**REQUEST, "fresh_fraction": 0.0}, {}, None, {}, "Requested", "", None, id="nor does a person's request"
        ),
        pytest.param(
            {**REQUEST, "comparison_rows": 0},
            {},
            None,
            {},
            "Requested",
            "NothingToCompare",
            None,
            id="even a request waits where no row can judge",
        ),
        pytest.param(
            {"incumbent": None, "comparison_rows": 0},
            {},
            None,
            {},
            "NoChampion",
            "",
            None,
            id="a first version has nobody to beat",
        ),
        pytest.param(
            {"score": BELOW, "comparison_rows": 499, "needed_rows": 500},
            {},
            None,
            {},
            "BelowThreshold",
            "TooFewRows",
            None,
            id="nothing is trained that could not be judged",
        ),
        pytest.param(
            {"score": BELOW, "comparison_rows": 500, "needed_rows": 500},
            {},
            None,
            {},
            "BelowThreshold",
            "",
            None,
            id="as many rows as asked for are enough",
        ),
        pytest.param(
            {**REQUEST, "comparison_rows": 10, "needed_rows": 500},
            {},
            None,
            {},
            "Requested",
            "",
            None,
            id="a person may look for themselves",
        ),
        # --- after a challenger that was not promoted
        pytest.param(
            {"score": BELOW},
            {},
            lost(1),
            {},
            "BelowThreshold",
            "LostBefore",
            NOW + 23 * HOUR,
            id="after a loss the same trigger waits a day",
        ),
        pytest.param({"score": BELOW}, {}, lost(24), {}, "BelowThreshold", "", None, id="and trains when it is over"),
        pytest.param(
            {"score": BELOW},
            {},
            lost(25, 50),
            {},
            "BelowThreshold",
            "LostBefore",
            NOW + 23 * HOUR,
            id="after two losses two days",
        ),
        pytest.param(
            {"score": BELOW},
            {},
            lost(1, 60, 100),
            {},
            "BelowThreshold",
            "LostBefore",
            NOW + 95 * HOUR,
            id="after three losses four days",
        ),
        pytest.param(
            {"score": BELOW, "rows_since_training": 200},
            {},
            lost(1),
            {},
            "BelowThreshold",
            "",
            None,
            id="20 % new rows end the wait",
        ),
        pytest.param(
            {"score": BELOW, "rows_since_training": 199},
            {},
            lost(1),
            {},
            "BelowThreshold",
            "LostBefore",
            NOW + 23 * HOUR,
            id="fewer do not",
        ),
        pytest.param(
            {"score": BELOW}, {}, OTHER, {}, "BelowThreshold", "", None, id="another trigger's loss is no reason"
        ),
        pytest.param(
            {"score": BELOW, "incumbent": replace(CHAMPION, promoted=NOW - HOUR / 2)},
            {},
            lost(1),
            {},
            "BelowThreshold",
            "",
            None,
            id="a loss against an earlier champion is forgotten",
        ),
        pytest.param(
            {"score": BELOW},
            {},
            History(trainings=(replace(lost(1).trainings[0], lost=False),)),
            {},
            "BelowThreshold",
            "",
            None,
            id="a challenger that passed the gate is no loss",
        ),
        pytest.param(
            {"incumbent": None},
            {},
            lost(1, trigger="NoChampion"),
            {},
            "NoChampion",
            "LostBefore",
            NOW + 23 * HOUR,
            id="a first version that was not good enough waits too",
        ),
        pytest.param({}, {}, lost(1, trigger="Always"), {"always": {}}, "Always", "", None, id="always is always"),
        pytest.param(
            {"incumbent": replace(CHAMPION, trained=NOW - 40 * DAY)},
            {},
            lost(24, trigger="MaxAge"),
            {"maxAge": {"age": "7d"}},
            "MaxAge",
            "LostBefore",
            NOW + 6 * DAY,
            id="a model that is too old waits its age",
        ),
        pytest.param(
            {"score": BELOW, "new_rows": 900},
            {},
            lost(1),
            {},
            "NewRows",
            "",
            None,
            id="a trigger that may train goes before one that waits",
        ),
        # --- spec.limits
        pytest.param(
            {"score": BELOW},
            {"cooldown": "7d"},
            OTHER,
            {},
            "BelowThreshold",
            "Cooldown",
            NOW + 7 * DAY - HOUR,
            id="cooldown counts from any training",
        ),
        pytest.param({"score": BELOW}, {"cooldown": "1h"}, OTHER, {}, "BelowThreshold", "", None, id="and ends"),
        pytest.param({**REQUEST}, {"cooldown": "7d"}, OTHER, {}, "Requested", "", None, id="a request passes cooldown"),
        pytest.param(
            {"spec_changed": True},
            {"cooldown": "7d"},
            OTHER,
            {},
            "SpecChange",
            "Cooldown",
            NOW + 7 * DAY - HOUR,
            id="a new spec waits for cooldown",
        ),
        pytest.param(
            {"score": BELOW},
            {"maxTrainings": {"count": 2, "per": "30d"}},
            lost(1, 24, trigger="Requested"),
            {},
            "BelowThreshold",
            "BudgetSpent",
            NOW + 29 * DAY,
            id="two trainings a month, and both are spent",
        ),
        pytest.param(
            {"score": BELOW},
            {"maxTrainings": {"count": 3, "per": "30d"}},
            lost(1, 24, trigger="Requested"),
            {},
            "BelowThreshold",
            "",
            None,
            id="one of three is left",
        ),
        pytest.param(
            {"score": BELOW},
            {"maxTrainings": {"count": 2, "per": "1d"}},
            lost(1, 24, trigger="Requested"),
            {},
            "BelowThreshold",
            "",
            None,
            id="what lies before the time does not count",
        ),
        pytest.param(
            {**REQUEST},
            {"maxTrainings": {"count": 1, "per": "30d"}},
            OTHER,
            {},
            "Requested",
            "",
            None,
            id="a request passes the budget",
        ),
        pytest.param(
            {"score": BELOW},
            {"blackouts": [{"start": "0 8 * * 1-5", "duration": "10h"}]},
            None,
            {},
            "BelowThreshold",
            "Blackout",
            datetime(2026, 3, 12, 18, tzinfo=UTC),
            id="no training in office hours",
        ),
        pytest.param(
            {"score": BELOW, "now": datetime(2026, 3, 12, 18, tzinfo=UTC)},
            {"blackouts": [{"start": "0 8 * * 1-5", "duration": "10h"}]},
            None,
            {},
            "BelowThreshold",
            "",
            None,
            id="but from the minute they end",
        ),
        pytest.param(
            {"score": BELOW, "now": datetime(2026, 3, 12, 8, tzinfo=UTC)},
            {"blackouts": [{"start": "0 8 * * 1-5", "duration": "10h"}]},
            None,
            {},
            "BelowThreshold",
            "Blackout",
            datetime(2026, 3, 12, 18, tzinfo=UTC),
            id="and none from the minute they begin",
        ),
        pytest.param(
            {"score": BELOW, "now": datetime(2026, 3, 14, 12, tzinfo=UTC)},
            {"blackouts": [{"start": "0 8 * * 1-5", "duration": "10h"}]},
            None,
            {},
            "BelowThreshold",
            "",
            None,
            id="Saturday is no office day",
        ),
        pytest.param(
            {**REQUEST},
            {"blackouts": [{"start": "0 8 * * *", "duration": "23h"}]},
            None,
            {},
            "Requested",
            "",
            None,
            id="a request passes a blackout",
        ),
        pytest.param(
            {"score": BELOW},
            {},
            History(failures=5),
            {},
            "BelowThreshold",
            "StoppedAfterFailures",
            None,
            id="five failures in a row stop training",
        ),
        pytest.param({"score": BELOW}, {}, History(failures=4), {}, "BelowThreshold", "", None, id="four do not"),
        pytest.param(
            {"score": BELOW},
            {"stopAfterFailures": 1},
            History(failures=1),
            {},
            "BelowThreshold",
            "StoppedAfterFailures",
            None,
            id="unless the policy says so",
        ),
        pytest.param({**REQUEST}, {}, History(failures=9), {}, "Requested", "", None, id="a request tries again"),
        # --- clocks that are wrong
        pytest.param(
            {"score": BELOW},
            {"cooldown": "7d"},
            lost(-24 * 60, trigger="Requested"),
            {},
            "BelowThreshold",
            "",
            None,
            id="a training of the coming months was dated by a wrong clock, and cools nothing down",
        ),
        pytest.param(
            {"score": BELOW},
            {"cooldown": "7d"},
            lost(-24 * 60, 1, trigger="Requested"),
            {},
            "BelowThreshold",
            "Cooldown",
            NOW + 7 * DAY - HOUR,
            id="the one before it does",
        ),
        pytest.param(
            {"score": BELOW},
            {"cooldown": "7d"},
            lost(24 * 60, 1, trigger="Requested"),
            {},
            "BelowThreshold",
            "Cooldown",
            NOW + 7 * DAY - HOUR,
            id="as does the one before a training that a clock dated back",
        ),
        pytest.param(
            {"score": BELOW},
            {"cooldown": "7d"},
            lost(-0.5, trigger="Requested"),
            {},
            "BelowThreshold",
            "Cooldown",
            NOW + 7 * DAY + HOUR / 2,
            id="clocks may differ a little",
        ),
        pytest.param(
            {"score": BELOW},
            {"maxTrainings": {"count": 1, "per": "30d"}},
            lost(-24 * 60, trigger="Requested"),
            {},
            "BelowThreshold",
            "",
            None,
            id="nor does it spend the budget until then",
        ),
        pytest.param(
            {"score": BELOW},
            {},
            lost(-24 * 60),
            {},
            "BelowThreshold",
            "",
            None,
            id="nor keeps its trigger waiting until then",
        ),
        pytest.param(
            {"score": BELOW, "incumbent": replace(CHAMPION, promoted=NOW + 60 * DAY)},
            {},
            History(trainings=(*lost(1).trainings, replace(lost(-24 * 60).trainings[0], lost=False))),
            {},
            "BelowThreshold",
            "LostBefore",
            NOW + 23 * HOUR,
            id="what lost after a promotion of the coming months lost against that champion",
        ),
        pytest.param({}, {"cooldown": "7d"}, OTHER, {}, None, "", None, id="where nothing calls nothing is held back"),
    ],
)
def test_the_decision(
    facts: dict[str, Any],
    bounds: dict[str, Any],
    history: History | None,
    given: dict[str, Any],
    trigger: str | None,
    reason: str,
    until: datetime | None,
) -> None:
    decision = made(facts, bounds=bounds, history=history, **given)
    held = decision.hold
    assert (decision.trigger, "" if held is None else held.reason) == (trigger, reason)
    assert (None if held is None else held.until) == until
    assert decision.trains == (trigger is not None and not reason)
    if held is not None and held.until is not None:
        assert f"{held.until:%Y-%m-%dT%H:%M}" in held.message


def test_a_blackout_follows_the_clock_of_its_zone() -> None:
    """Berlin leaves winter time on 29 March 2026 at 01:00 UTC: 08:00 there is 07:00 UTC before, 06:00 after."""
    from retrain_trainer.spec import Blackout

    office = Blackout(start="0 8 * * *", duration=HOUR, zone="Europe/Berlin")
    assert office.end(now=datetime(2026, 3, 28, 7, 30, tzinfo=UTC)) == datetime(2026, 3, 28, 8, tzinfo=UTC)
    assert office.end(now=datetime(2026, 3, 30, 7, 30, tzinfo=UTC)) is None
    assert office.end(now=datetime(2026, 3, 30, 6, 30, tzinfo=UTC)) == datetime(2026, 3, 30, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    "given, named",
    [
        pytest.param({"cooldown": "a while"}, "spec.limits.cooldown", id="a time that is none"),
        pytest.param({"maxTrainings": {"count": 3}}, "needs count (1 or more) and per", id="a budget without a time"),
        pytest.param({"maxTrainings": {"count": 0, "per": "1d"}}, "needs count", id="a budget of nothing"),
        pytest.param({"blackouts": [{"start": "0 25 * * *", "duration": "1h"}]}, "blackouts[0].start", id="hour 25"),
        pytest.param({"blackouts": [{"start": "@daily", "duration": "1h"}]}, "five fields", id="a word for a cron"),
        pytest.param({"blackouts": [{"start": "0 8 * * *"}]}, "blackouts[0].duration", id="a blackout of no length"),
        pytest.param(
            {"blackouts": [{"start": "0 8 * * *", "duration": "53w"}]},
            "at most 366d",
            id="a blackout of more than a year",
        ),
        pytest.param({"stopAfterFailures": 0}, "stopAfterFailures", id="to stop before anything failed"),
        pytest.param({"budget": 3}, "spec.limits.budget is not a field", id="an unknown limit"),
    ],
)
def test_limits_that_cannot_be_are_refused_by_name(given: dict[str, Any], named: str) -> None:
    with pytest.raises(SpecError, match="InvalidSpec") as caught:
        limits(**given)
    assert named in caught.value.message
