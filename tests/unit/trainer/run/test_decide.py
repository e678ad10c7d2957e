"""Which trigger calls for training."""

from __future__ import annotations

from dataclasses import replace

import pytest
from retrain_trainer.decide import Decision, Situation, decide

_QUIET = Situation(
    action="check",
    cause="Schedule",
    has_champion=True,
    spec_changed=False,
    spec_change_enabled=True,
    below_threshold_enabled=True,
    threshold_met=True,
    fresh_fraction=1.0,
    comparison_rows=5000,
)
_NONE = Decision(trigger=None)
_BELOW = Decision(trigger="BelowThreshold")


@pytest.mark.parametrize(
    "changes, decision",
    [
        pytest.param({}, _NONE, id="a good score calls for nothing"),
        pytest.param({"threshold_met": None}, _NONE, id="no threshold calls for nothing"),
        pytest.param({"threshold_met": False}, _BELOW, id="a bad score calls for training"),
        pytest.param({"threshold_met": False, "fresh_fraction": 0.5}, _BELOW, id="half of the holdout fresh is enough"),
        pytest.param({"threshold_met": False, "fresh_fraction": None}, _BELOW, id="rows without time never wait"),
        pytest.param(
            {"threshold_met": False, "fresh_fraction": 0.49},
            Decision(trigger="BelowThreshold", held_back="HoldoutNotFresh"),
            id="a bad score waits for fresh rows",
        ),
        pytest.param(
            {"threshold_met": False, "below_threshold_enabled": False}, _NONE, id="a trigger that is off fires never"
        ),
        pytest.param({"spec_changed": True}, Decision(trigger="SpecChange"), id="a new spec calls for training"),
        pytest.param({"spec_changed": True, "spec_change_enabled": False}, _NONE, id="unless that trigger is off"),
        pytest.param(
            {"spec_changed": True, "threshold_met": False, "fresh_fraction": 0.0},
            Decision(trigger="SpecChange"),
            id="a new spec waits for nothing",
        ),
        pytest.param(
            {"has_champion": False, "threshold_met": None, "fresh_fraction": 0.0},
            Decision(trigger="NoChampion"),
            id="a missing champion comes before all scores",
        ),
        pytest.param({"action": "train", "cause": "Request"}, Decision(trigger="Requested"), id="a request trains"),
        pytest.param(
            {"action": "train", "cause": "Request", "threshold_met": False, "fresh_fraction": 0.0},
            Decision(trigger="Requested"),
            id="a request waits for nothing",
        ),
        pytest.param(
            {"action": "train", "cause": "Request", "comparison_rows": 0},
            Decision(trigger="Requested", held_back="NothingToCompare"),
            id="even a request waits where no row can judge",
        ),
        pytest.param(
            {"has_champion": False, "comparison_rows": 0},
            Decision(trigger="NoChampion"),
            id="a first version is compared with nobody",
        ),
        pytest.param(
            {"action": "train", "cause": "SpecChange"}, Decision(trigger="SpecChange"), id="an edited spec trains"
        ),
    ],
)
def test_the_decision(changes: dict[str, object], decision: Decision) -> None:
    assert decide(situation=replace(_QUIET, **changes)) == decision  # type: ignore[arg-type]


def test_what_is_held_back_does_not_train() -> None:
    assert not Decision(trigger="BelowThreshold", held_back="HoldoutNotFresh").trains
    assert _BELOW.trains
    assert not _NONE.trains
