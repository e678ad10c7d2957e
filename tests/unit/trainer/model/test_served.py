"""A model in service: it answers as it was trained to, and for no rows not at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest
from retrain_trainer.model.served import ServedPipeline
from retrain_trainer.spec import Task

from tests.unit.trainer.model.builders import fitted, samples

ROW = {"load": 1.5, "depot": "west", "express": True, "sent": "2026-03-01T23:30:00Z"}
NONE_AT_ALL = [
    pytest.param([], id="an empty list"),
    pytest.param({name: [] for name in ROW}, id="columns without rows"),
    pytest.param(pd.DataFrame([ROW]).iloc[:0], id="a frame without rows"),
    pytest.param(pd.DataFrame([]), id="the frame of an empty list"),
    pytest.param(np.empty((0, 6)), id="a matrix without rows"),
]


@pytest.mark.parametrize("rows", NONE_AT_ALL)
@pytest.mark.parametrize(
    ("name", "task", "shapes"),
    [
        pytest.param(
            "LogisticRegression",
            "Classification",
            {"predict": (0,), "predict_proba": (0, 2), "predict_log_proba": (0, 2), "decision_function": (0,)},
            id="a classifier",
        ),
        pytest.param("RidgeClassifier", "Classification", {"predict": (0,), "decision_function": (0,)}, id="margins"),
        pytest.param("Ridge", "Regression", {"predict": (0,)}, id="a regressor"),
    ],
)
def test_no_rows_have_no_answers(name: str, task: Task, shapes: dict[str, tuple[int, ...]], rows: Any) -> None:
    model = ServedPipeline.of(fitted(name=name, task=task).pipeline)
    methods = ("predict", "predict_proba", "predict_log_proba", "decision_function")
    answers = {method: getattr(model, method)(rows) for method in methods if hasattr(model, method)}
    assert {method: answer.shape for method, answer in answers.items()} == shapes
    assert answers["predict"].dtype == model.predict([ROW]).dtype


@pytest.mark.parametrize("name", ["LogisticRegression", "HistGradientBoostingClassifier", "LinearSVC"])
def test_it_answers_as_what_was_trained(name: str) -> None:
    trained = fitted(name=name, task="Classification").pipeline
    model, X = ServedPipeline.of(trained), samples(task="Classification", seed=2).X
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        assert hasattr(model, method) == hasattr(trained, method)
        if hasattr(model, method):
            np.testing.assert_array_equal(getattr(model, method)(X), getattr(trained, method)(X))
            np.testing.assert_array_equal(getattr(model, method)([ROW]), getattr(trained, method)([ROW]))
    assert list(model.classes_) == list(trained.classes_)


@pytest.mark.parametrize("name", ["LogisticRegression", "Ridge"])
def test_a_part_of_it_answers_as_a_part_of_what_was_trained(name: str) -> None:
    task: Task = "Regression" if name == "Ridge" else "Classification"
    trained = fitted(name=name, task=task).pipeline
    model, X = ServedPipeline.of(trained), samples(task=task, seed=2).X
    for step in range(1, len(trained.steps)):
        coded = trained[:step].transform(X)
        np.testing.assert_array_equal(model[:step].transform(X), coded)
        np.testing.assert_array_equal(model[step:].predict(coded), trained[step:].predict(coded))
