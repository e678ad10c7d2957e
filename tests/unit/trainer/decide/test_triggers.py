"""Which triggers call for training, row by row."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from retrain_trainer.decide import Incumbent, Score, fired_triggers
from retrain_trainer.errors import SpecError

from tests.unit.trainer.decide.builders import BELOW, CHAMPION, FALLEN, NOW, situation, triggers

OLD = Incumbent(trained=NOW - timedelta(days=30), promoted=NOW - timedelta(days=30), trained_rows=1000)


@pytest.mark.parametrize(
    "facts, given, fired",
    [
        pytest.param({}, {}, [], id="a quiet day calls for nothing"),
        pytest.param({"score": BELOW}, {}, ["BelowThreshold"], id="a bad score calls for training"),
        pytest.param({"score": Score(threshold_met=None)}, {}, [], id="without a threshold no score is bad"),
        pytest.param({"score": BELOW}, {"belowThreshold": {"enabled": False}}, [], id="unless that trigger is off"),
        pytest.param(
            {"score": BELOW}, {"belowThreshold": {"consecutive": 2}}, [], id="one bad score of two is not enough"
        ),
        pytest.param(
            {"score": Score(threshold_met=False, below_in_a_row=2)},
            {"belowThreshold": {"consecutive": 2}},
            ["BelowThreshold"],
            id="two bad scores in a row are",
        ),
        pytest.param({"score": FALLEN}, {}, [], id="a fall calls for nothing unless drop is named"),
        pytest.param({"score": FALLEN}, {"drop": {"by": 0.04}}, ["Drop"], id="a fall by more than allowed calls"),
        pytest.param({"score": FALLEN}, {"drop": {"by": 0.06}}, [], id="a smaller fall does not"),
        pytest.param({"score": FALLEN}, {"drop": {"byFraction": 0.05}}, ["Drop"], id="5 % of 0.80 is 0.04"),
        pytest.param({"score": FALLEN}, {"drop": {"byFraction": 0.07}}, [], id="7 % of 0.80 is 0.056"),
        pytest.param({"score": FALLEN}, {"drop": {"by": 0.04, "enabled": False}}, [], id="drop can be switched off"),
        pytest.param(
            {"score": Score(threshold_met=True, best=0.75)},
            {"drop": {"by": 0.01}},
            [],
            id="no fall without a reference",
        ),
        pytest.param(
            {"score": Score(threshold_met=True, reference=0.75)},
            {"drop": {"by": 0.01}},
            [],
            id="no fall without a score",
        ),
        pytest.param(
            {"score": Score(threshold_met=True, best=3.5, reference=3.0, greater_is_better=False)},
            {"drop": {"by": 0.4}},
            ["Drop"],
            id="an error falls by rising",
        ),
        pytest.param(
            {"score": Score(threshold_met=True, best=2.0, reference=3.0, greater_is_better=False)},
            {"drop": {"by": 0.4}},
            [],
            id="an error that sinks is no fall",
        ),
        pytest.param(
            {"score": Score(threshold_met=True, best=-0.5, reference=-0.4)},
            {"drop": {"byFraction": 0.2}},
            ["Drop"],
            id="a fraction of a negative score is still a fall",
        ),
        pytest.param(
            {"called": ("Upstream",)},
            {"upstream": {"policy": "prices"}},
            ["Upstream"],
            id="a new champion upstream calls",
        ),
        pytest.param({"called": ("Upstream",)}, {}, [], id="but not when nobody waits for it any more"),
        pytest.param(
            {"called": ("Upstream",)},
            {"upstream": {"policy": "prices", "enabled": False}},
            [],
            id="upstream can be switched off",
        ),
        pytest.param({}, {"upstream": {"policy": "prices"}}, [], id="nobody called"),
        pytest.param(
            {"called": ("Upstream",), "score": BELOW, "new_rows": 500},
            {"upstream": {"policy": "prices"}},
            ["Upstream", "BelowThreshold", "NewRows"],
            id="a call goes before what the rows say",
        ),
        pytest.param({"drifted": True}, {}, [], id="drift calls for nothing unless named"),
        pytest.param({"drifted": True}, {"drift": {}}, ["Drift"], id="drift that is named calls"),
        pytest.param({"drifted": False}, {"drift": {}}, [], id="if there is any"),
        pytest.param({"drifted": True}, {"drift": {"enabled": False}}, [], id="drift can be switched off"),
        pytest.param({"new_rows": 500}, {}, ["NewRows"], id="half as many new rows as were trained on call"),
        pytest.param({"new_rows": 499}, {}, [], id="one less does not"),
        pytest.param({"new_rows": 200}, {"newRows": {"share": 0.2}}, ["NewRows"], id="a share of one's own"),
        pytest.param({"new_rows": 500}, {"newRows": {"share": 0.6}}, [], id="a larger share waits longer"),
        pytest.param({"new_rows": 50}, {"newRows": {"count": 50}}, ["NewRows"], id="a count of one's own"),
        pytest.param({"new_rows": 600}, {"newRows": {"count": 700}}, [], id="a count alone takes the share's place"),
        pytest.param(
            {"new_rows": 600}, {"newRows": {"count": 700, "share": 0.5}}, ["NewRows"], id="with both, either is enough"
        ),
        pytest.param({"new_rows": 500}, {"newRows": {"enabled": False}}, [], id="new rows can be switched off"),
        pytest.param({"new_rows": None}, {}, [], id="uncounted rows call for nothing"),
        pytest.param({"new_rows": 0}, {"newRows": {"share": 0.01}}, [], id="no row calls for nothing"),
        pytest.param({"incumbent": OLD}, {}, [], id="age calls for nothing unless named"),
        pytest.param(
            {"incumbent": OLD}, {"maxAge": {"age": "30d"}}, ["MaxAge"], id="a champion as old as allowed calls"
        ),
        pytest.param({"incumbent": OLD}, {"maxAge": {"age": "721h"}}, [], id="one hour younger does not"),
        pytest.param({"incumbent": OLD}, {"maxAge": {"age": "1d", "enabled": False}}, [], id="age can be switched off"),
        pytest.param({"spec_changed": True}, {}, ["SpecChange"], id="a new spec calls for training"),
        pytest.param(
            {"spec_changed": True}, {"specChange": {"enabled": False}}, [], id="unless that trigger is off too"
        ),
        pytest.param({}, {"always": {}}, ["Always"], id="always is on when it is named"),
        pytest.param({}, {"always": {"enabled": False}}, [], id="and off when it says so"),
        pytest.param({"incumbent": None}, {}, ["NoChampion"], id="a missing champion calls for one"),
        pytest.param(
            {"incumbent": None, "spec_changed": True, "score": BELOW},
            {"always": {}},
            ["NoChampion"],
            id="a missing champion calls alone",
        ),
        pytest.param({"action": "train", "cause": "Request"}, {}, ["Requested"], id="a person's request calls"),
        pytest.param(
            {"action": "train", "cause": "Request", "incumbent": None}, {}, ["Requested"], id="also without a champion"
        ),
        pytest.param(
            {"action": "train", "cause": "SpecChange"}, {}, ["SpecChange"], id="the operator asks for a changed spec"
        ),
        pytest.param(
            {
                "spec_changed": True,
                "score": Score(threshold_met=False, below_in_a_row=1, best=0.7, reference=0.8),
                "new_rows": 900,
                "incumbent": OLD,
            },
            {"drop": {"by": 0.05}, "maxAge": {"age": "7d"}, "always": {}},
            ["SpecChange", "BelowThreshold", "Drop", "NewRows", "MaxAge", "Always"],
            id="all at once, the most urgent first",
        ),
    ],
)
def test_what_calls_for_training(facts: dict[str, Any], given: dict[str, Any], fired: list[str]) -> None:
    assert list(fired_triggers(situation=situation(**facts), triggers=triggers(**given))) == fired


@pytest.mark.parametrize(
    "given, named",
    [
        pytest.param({"drop": {}}, "spec.triggers.drop: set by", id="a drop by nothing"),
        pytest.param({"drop": {"by": 0.1, "byFraction": 0.1}}, "one of the two", id="a drop by two measures"),
        pytest.param({"drop": {"by": -0.1}}, "spec.triggers.drop.by", id="a negative drop"),
        pytest.param({"maxAge": {}}, "spec.triggers.maxAge.age is required", id="no age"),
        pytest.param({"maxAge": {"age": "soon"}}, "spec.triggers.maxAge.age", id="an age that is no time"),
        pytest.param({"maxAge": {"age": "0d"}}, "spec.triggers.maxAge.age is required", id="an age of nothing"),
        pytest.param({"belowThreshold": {"consecutive": 0}}, "belowThreshold.consecutive", id="no score in a row"),
        pytest.param({"drift": {"statistic": "KS"}}, "one of PSI, JS", id="a statistic of p-values"),
        pytest.param({"drift": {"share": 0}}, "spec.triggers.drift.share", id="a share of no feature"),
        pytest.param({"drift": {"threshold": -1}}, "spec.triggers.drift.threshold", id="a negative threshold"),
        pytest.param({"newRows": {"count": 0}}, "spec.triggers.newRows.count", id="a count of none"),
        pytest.param({"newRows": {"share": 0}}, "spec.triggers.newRows.share", id="a share of none"),
        pytest.param({"always": {"when": "now"}}, "spec.triggers.always.when is not a field", id="an unknown field"),
        pytest.param({"weekly": {}}, "spec.triggers.weekly is not a field", id="an unknown trigger"),
    ],
)
def test_triggers_that_cannot_be_are_refused_by_name(given: dict[str, Any], named: str) -> None:
    with pytest.raises(SpecError, match="InvalidSpec") as caught:
        triggers(**given)
    assert named in caught.value.message


def test_the_champion_of_the_table_is_young() -> None:
    assert NOW - CHAMPION.trained < timedelta(days=30)
