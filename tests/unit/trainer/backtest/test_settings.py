"""`--set`: what it reads, refuses, and chooses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from retrain_trainer.backtest.settings import Tried, chosen, combinations, read_settings, shown, with_values
from retrain_trainer.backtest.summary import summary
from retrain_trainer.errors import SpecError

from tests.unit.trainer.backtest.test_summary import aged, marks
from tests.unit.trainer.run.builders import spec


def test_each_value_of_a_field_is_tried_with_each_of_the_others() -> None:
    fields = read_settings(
        ["evaluation.threshold=0.7,0.8", "spec.data.window=30d,null", "triggers.specChange.enabled=true"]
    )
    assert [shown(values) for values in combinations(fields)] == [
        "evaluation.threshold=0.7 data.window=30d triggers.specChange.enabled=true",
        "evaluation.threshold=0.7 data.window=null triggers.specChange.enabled=true",
        "evaluation.threshold=0.8 data.window=30d triggers.specChange.enabled=true",
        "evaluation.threshold=0.8 data.window=null triggers.specChange.enabled=true",
    ]
    assert combinations(read_settings([])) == ()


def test_values_take_their_places_and_the_spec_itself_is_left_alone() -> None:
    before = spec()
    made = with_values(before, (("evaluation.threshold", 0.6), ("data.window", None), ("promotion.confidence", 0.9)))
    assert made["evaluation"] == {"metric": "roc_auc", "threshold": 0.6}
    assert "window" not in made["data"]
    assert made["promotion"] == {"confidence": 0.9}
    assert before == spec()


@pytest.mark.parametrize(
    "text, named",
    [
        ("evaluation.threshold", "must be FIELD=VALUE,VALUE"),
        ("=0.2", "must be FIELD=VALUE,VALUE"),
        ("evaluation..threshold=0.2", "must be FIELD=VALUE,VALUE"),
        ("evaluation.metric=accuracy,roc_auc", "evaluation.metric: it decides what is measured"),
        ("data.labelDelay=1d", "data.labelDelay: it decides what is measured"),
        ("registry.keepVersions=3", "registry.keepVersions: it decides what is measured"),
        ("schedule=@daily", "schedule: the checks of a back-test do not depend on it"),
        ("job.resources.limits=3", "job.resources.limits: the checks of a back-test do not depend on it"),
        ("model.parameters.max_iter=[1", "a value is no YAML"),
        ("model.seed={a: 1}", "each value must be text, a number"),
        ("model.seed=" + ",".join(map(str, range(40))), "40 combinations; at most 32"),
    ],
)
def test_what_cannot_be_tried_is_refused_with_the_reason(text: str, named: str) -> None:
    with pytest.raises(SpecError) as told:
        combinations(read_settings([text]))
    assert told.value.reason == "InvalidSetting"
    assert named in told.value.message


def test_a_field_is_named_once() -> None:
    with pytest.raises(SpecError, match="twice"):
        read_settings(["model.seed=1", "spec.model.seed=2"])


@pytest.mark.parametrize(
    "field, value, named",
    [
        ("evaluation.treshold", 0.2, "spec.evaluation.treshold is not a field; the fields here are: "),
        ("evaluated.threshold", 0.2, "spec.evaluated is not a field"),
        ("evaluation.threshold.value", 0.2, "spec.threshold is no section"),
        ("promotion.confidence", 2, "spec.promotion.confidence"),
        ("data.window", "soon", "spec.data.window: 'soon' is no duration"),
    ],
)
def test_a_field_or_value_that_the_api_does_not_have_is_named(field: str, value: Any, named: str) -> None:
    with pytest.raises(SpecError) as told:
        with_values(spec(), ((field, value),))
    assert told.value.reason == "InvalidSetting"
    assert named in told.value.message


def tried(name: str, *, policy: float, trainings: int, gain: bool = True) -> Tried:
    """A setting whose policy scores `policy` between 0.6 and 0.8."""
    periods = aged(policy=policy) if gain else [marks(0.8, policy, 0.7) for _ in range(10)]
    found = summary(periods, greater_is_better=True)
    side = replace(found.policy, trainings=trainings)
    return Tried(values=((name, 1),), summary=replace(found, policy=side))


@pytest.mark.parametrize(
    "candidates, best",
    [
        ([tried("dear", policy=0.79, trainings=9), tried("cheap", policy=0.77, trainings=3)], "cheap"),
        ([tried("cheap", policy=0.70, trainings=1), tried("good", policy=0.77, trainings=3)], "good"),
        ([tried("worse", policy=0.65, trainings=1), tried("better", policy=0.70, trainings=9)], "better"),
        (
            [tried("dear", policy=0.75, trainings=9, gain=False), tried("cheap", policy=0.74, trainings=2, gain=False)],
            "cheap",
        ),
        ([tried("first", policy=0.77, trainings=3), tried("second", policy=0.78, trainings=3)], "second"),
    ],
    ids=[
        "both recover 80 %: the fewer trainings",
        "only one recovers 80 %",
        "none does: the better score",
        "no gain to recover: the fewer trainings",
        "as many trainings: the better score",
    ],
)
def test_the_cheapest_setting_that_recovers_most_of_the_gain_is_chosen(candidates: list[Tried], best: str) -> None:
    assert chosen(candidates, greater_is_better=True).values == ((best, 1),)
