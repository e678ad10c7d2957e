"""The digest of a spec: what defines the model changes it, and nothing else does."""

from __future__ import annotations

from typing import Any

import pytest
from retrain_trainer.spec import PolicySpec, Task, parse_spec

BASE: dict[str, Any] = {
    "data": {"uri": "pvc://rows/in/*.csv", "timeColumn": "day", "window": "30d"},
    "model": {"target": "late", "parameters": {"max_iter": 20}},
    "evaluation": {"metric": "roc_auc", "threshold": 0.7},
    "registry": {"uri": "pvc://models"},
}


def _spec(**changes: Any) -> PolicySpec:
    sections = {name: {**BASE.get(name, {}), **change} for name, change in changes.items()}
    return parse_spec({**BASE, **sections})


def _digest(**changes: Any) -> str:
    return _spec(**changes).digest


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


def test_the_digest_of_a_policy_is_the_one_that_earlier_releases_wrote() -> None:
    """Another one would make every policy train at an upgrade."""
    assert _digest() == "sha256:ba05d5f93a549c608cc06ace9db2a6a94510e3a4546fb01018ec6353c36de2c5"


SPELLINGS = {
    "the estimator": {"model": {"estimator": "HistGradientBoostingClassifier"}},
    "the metric": {"evaluation": {"metric": "balanced_accuracy"}},
    "the task": {"model": {"task": "Classification"}},
    "all three": {
        "model": {"estimator": "HistGradientBoostingClassifier", "task": "Classification"},
        "evaluation": {"metric": "balanced_accuracy"},
    },
}
LEFT_OUT: dict[str, Any] = {"evaluation": {"metric": None}}


@pytest.mark.parametrize("changes", SPELLINGS.values(), ids=SPELLINGS)
def test_a_default_of_the_task_may_be_written_down_or_left_out(changes: dict[str, Any]) -> None:
    written, left_out = _spec(**{**LEFT_OUT, **changes}), _spec(**LEFT_OUT)
    assert written.digest != left_out.digest
    assert left_out.digest in written.spellings(task="Classification")
    assert written.digest in left_out.spellings(task="Classification")


@pytest.mark.parametrize(
    ("task", "changes"),
    [
        pytest.param("Regression", {"model": {"task": "Classification"}}, id="another task"),
        pytest.param("Regression", {"model": {"estimator": "HistGradientBoostingClassifier"}}, id="of another task"),
        pytest.param("Regression", {"evaluation": {"metric": "balanced_accuracy"}}, id="a metric of another task"),
        pytest.param("Classification", {"evaluation": {"metric": "accuracy"}}, id="another metric"),
        pytest.param("Classification", {"model": {"estimator": "SVC"}}, id="another estimator"),
        pytest.param("Classification", {"model": {"seed": 1}}, id="another seed"),
    ],
)
def test_what_is_no_default_of_the_task_is_an_edit(task: Task, changes: dict[str, Any]) -> None:
    written, left_out = _spec(**{**LEFT_OUT, **changes}), _spec(**LEFT_OUT)
    assert left_out.digest not in written.spellings(task=task)
    assert written.digest not in left_out.spellings(task=task)
