"""The digest of a spec: what defines the model changes it, and nothing else does."""

from __future__ import annotations

from typing import Any

import pytest
from retrain_trainer.spec import parse_spec

BASE: dict[str, Any] = {
    "data": {"uri": "pvc://rows/in/*.csv", "timeColumn": "day", "window": "30d"},
    "model": {"target": "late", "parameters": {"max_iter": 20}},
    "evaluation": {"metric": "roc_auc", "threshold": 0.7},
    "registry": {"uri": "pvc://models"},
}


def _digest(**changes: Any) -> str:
    sections = {name: {**BASE.get(name, {}), **change} for name, change in changes.items()}
    return parse_spec({**BASE, **sections}).digest


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"data": {"holdout": {"minRows": 500, "gap": "0s"}}}, id="a default written down"),
        pytest.param(
            {"validation": {"minRows": 100, "maxNullFraction": 0.5, "columns": []}}, id="a section of defaults"
        ),
        pytest.param({"model": {"seed": 0, "features": {}}}, id="a default seed"),
        pytest.param({"data": {"window": "720h"}}, id="the same time in other words"),
        pytest.param({"evaluation": {"threshold": 0.9}}, id="another threshold"),
        pytest.param({"validation": {"showExamples": False}}, id="what may be quoted"),
        pytest.param({"promotion": {"confidence": 0.99}}, id="another promotion"),
        pytest.param({"registry": {"uri": "pvc://other"}}, id="another registry"),
    ],
)
def test_these_edits_leave_the_digest(changes: dict[str, Any]) -> None:
    assert _digest(**changes) == _digest()


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"data": {"window": "31d"}}, id="another window"),
        pytest.param({"data": {"holdout": {"fraction": 0.2}}}, id="another holdout"),
        pytest.param({"model": {"parameters": {"max_iter": 21}}}, id="another parameter"),
        pytest.param({"model": {"parameters": {"max_iter": None}}}, id="a parameter of null"),
        pytest.param({"model": {"features": {"exclude": ["x"]}}}, id="one feature less"),
        pytest.param({"validation": {"columns": [{"name": "x", "min": 0}]}}, id="a column rule"),
        pytest.param({"validation": {"maxLabelShift": 0.2}}, id="a bound on the shift of labels"),
        pytest.param({"evaluation": {"metric": "accuracy"}}, id="another metric"),
    ],
)
def test_these_edits_change_the_digest(changes: dict[str, Any]) -> None:
    assert _digest(**changes) != _digest()
