"""The gate's fields: read, and refused by name where they contradict each other."""

from __future__ import annotations

from typing import Any

import pytest
from retrain_trainer.errors import SpecError
from retrain_trainer.spec import parse_spec

BASE: dict[str, Any] = {
    "data": {"uri": "pvc://rows/in/*.csv"},
    "model": {"target": "late"},
    "registry": {"uri": "pvc://models"},
}


def test_defaults() -> None:
    spec = parse_spec(BASE)
    assert (spec.promotion.rule, spec.promotion.on_incomparable, spec.promotion.goal) == ("Superior", "Approve", 0.0)
    assert (spec.data.holdout.min_per_class, spec.data.holdout.group_column) == (30, None)
    assert (spec.evaluation.guardrails, spec.evaluation.slices) == ((), ())


def test_what_is_written_is_read() -> None:
    spec = parse_spec(
        {
            **BASE,
            "data": {"uri": "pvc://rows/in/*.csv", "holdout": {"minPerClass": 0, "groupColumn": "customer"}},
            "evaluation": {
                "guardrails": [{"metric": "log_loss", "max": 0.6}],
                "slices": [{"column": "region", "metric": "recall", "min": 0.0, "minRows": 50}],
            },
            "promotion": {"rule": "NonInferior", "tolerance": 0.01, "onIncomparable": "Promote"},
        }
    )
    assert (spec.data.holdout.min_per_class, spec.data.holdout.group_column) == (0, "customer")
    (guardrail,), (slice_,) = spec.evaluation.guardrails, spec.evaluation.slices
    assert (guardrail.metric, guardrail.column, guardrail.bound, guardrail.min_rows) == ("log_loss", None, 0.6, 100)
    assert (slice_.metric, slice_.column, slice_.bound, slice_.min_rows) == ("recall", "region", 0.0, 50)
    assert (spec.promotion.goal, spec.promotion.on_incomparable) == (-0.01, "Promote")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        pytest.param({"promotion": {"rule": "Better"}}, "one of Superior, NonInferior", id="an unknown rule"),
        pytest.param({"promotion": {"rule": "NonInferior"}}, "spec.promotion.tolerance", id="no tolerance"),
        pytest.param({"promotion": {"tolerance": 0.1}}, "spec.promotion.tolerance", id="tolerance without its rule"),
        pytest.param({"promotion": {"rule": "NonInferior", "tolerance": -1}}, "tolerance", id="tolerance below 0"),
        pytest.param(
            {"promotion": {"rule": "NonInferior", "tolerance": 0.1, "minImprovement": 0.1}},
            "spec.promotion.minImprovement",
            id="both rules",
        ),
        pytest.param({"promotion": {"onIncomparable": "Ignore"}}, "one of Approve, Promote", id="onIncomparable"),
        pytest.param(
            {"evaluation": {"guardrails": [{"metric": "f1"}]}}, "guardrails[0]: set min or max", id="no bound"
        ),
        pytest.param(
            {"evaluation": {"slices": [{"column": "c", "min": 0, "max": 1}]}},
            "slices[0]: set min or max",
            id="two bounds",
        ),
        pytest.param({"evaluation": {"guardrails": [{"min": 1}]}}, "guardrails[0].metric is required", id="no metric"),
        pytest.param({"evaluation": {"slices": [{"min": 1}]}}, "slices[0].column is required", id="no column"),
        pytest.param(
            {"evaluation": {"guardrails": [{"metric": "f1", "min": 0, "columns": 1}]}}, "is not a field", id="a typo"
        ),
        pytest.param({"evaluation": {"guardrails": [{"metric": "f1", "min": 0.5}] * 17}}, "at most 16", id="too many"),
        pytest.param({"data": {"uri": "pvc://a/b", "holdout": {"minPerClass": -1}}}, "minPerClass", id="below 0"),
    ],
)
def test_contradictions_are_named(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(SpecError) as refused:
        parse_spec({**BASE, **changes})
    assert refused.value.reason == "InvalidSpec"
    assert told in refused.value.message
