"""Scores of models and of the constant model."""

from __future__ import annotations

import numpy as np
import pytest
from retrain_trainer.features import Samples
from retrain_trainer.model.evaluate import constant_prediction, evaluate, predict
from retrain_trainer.model.metrics import resolve_metric
from retrain_trainer.model.prediction import Prediction

from tests.unit.trainer.model.builders import fitted, samples


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        pytest.param("LogisticRegression", ("labels", "probabilities"), id="probabilities"),
        pytest.param("LinearSVC", ("labels", "margins"), id="margins"),
        pytest.param("RidgeClassifier", ("labels", "margins"), id="distances"),
        pytest.param("Perceptron", ("labels", "margins"), id="perceptron"),
    ],
)
def test_what_a_classifier_gives(name: str, parts: tuple[str, ...]) -> None:
    data = samples(task="Classification", seed=1)
    prediction = predict(model=fitted(name=name, task="Classification").pipeline, X=data.X, task="Classification")
    given = {part for part in ("labels", "probabilities", "margins", "values") if getattr(prediction, part) is not None}
    assert given == set(parts)
    metric = resolve_metric(name="roc_auc", task="Classification", positive_class=None, classes=("no", "yes"))
    score = evaluate(metric=metric, samples=data, prediction=prediction)
    assert 0.7 < score.value <= 1
    assert score.accuracy is not None
    assert score.accuracy > 0.6
    assert (score.rows, score.units) == (200, 10)
    assert score.interval is not None
    assert score.interval.low < score.value < score.interval.high


def test_a_regression_has_no_accuracy() -> None:
    data = samples(task="Regression", seed=1)
    model = fitted(name="PLSRegression", task="Regression").pipeline
    prediction = predict(model=model, X=data.X, task="Regression")
    metric = resolve_metric(name=None, task="Regression", positive_class=None, classes=())
    score = evaluate(metric=metric, samples=data, prediction=prediction)
    assert prediction.rows == 200
    assert score.accuracy is None
    assert 0 < score.value < 1


def test_few_rows_are_scored_without_an_interval() -> None:
    metric = resolve_metric(name="accuracy", task="Classification", positive_class=None, classes=("a", "b"))
    data = Samples(X=np.zeros((2, 1)), y=np.array(["a", "b"], dtype=object), unit=np.array([0, 1]))
    score = evaluate(metric=metric, samples=data, prediction=Prediction(labels=np.array(["a", "a"]), classes=("a",)))
    assert (score.value, score.accuracy, score.interval) == (0.5, 0.5, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [("mean_squared_error", 4.0), ("r2", 4.0), ("mean_absolute_error", 2.0), ("median_absolute_error", 2.0)],
)
def test_the_constant_of_a_regression_is_the_mean_or_the_median_of_the_training_rows(name: str, value: float) -> None:
    metric = resolve_metric(name=name, task="Regression", positive_class=None, classes=())
    constant = constant_prediction(metric=metric, training_y=np.array([1.0, 2.0, 9.0]), rows=2)
    np.testing.assert_array_equal(constant.values, [value, value])


def test_the_constant_of_a_classification_is_the_most_frequent_class_and_the_shares() -> None:
    metric = resolve_metric(name="roc_auc", task="Classification", positive_class=None, classes=("a", "b"))
    constant = constant_prediction(metric=metric, training_y=np.array(["b", "a", "b", "b"], dtype=object), rows=4)
    assert constant.labels is not None
    assert constant.probabilities is not None
    assert list(constant.labels) == ["b"] * 4
    np.testing.assert_array_equal(constant.probabilities[0], [0.25, 0.75])
    assert metric.score(y=np.array(["a", "b", "a", "b"], dtype=object), prediction=constant) == 0.5


@pytest.mark.parametrize(
    ("name", "always"),
    [
        pytest.param("f1", "yes", id="f1: yes, though rare"),
        pytest.param("jaccard", "yes", id="jaccard: yes"),
        pytest.param("precision", "yes", id="precision: yes"),
        pytest.param("recall", "no", id="recall: not yes, which it cannot tell from a perfect model"),
        pytest.param("f1_macro", "no", id="f1_macro: the most frequent"),
        pytest.param("balanced_accuracy", "no", id="all the same: the most frequent"),
        pytest.param("accuracy", "no", id="accuracy: the most frequent"),
        pytest.param("log_loss", "no", id="of probabilities: the most frequent"),
    ],
)
def test_the_constant_answer_is_the_one_that_the_metric_likes_best(name: str, always: str) -> None:
    metric = resolve_metric(name=name, task="Classification", positive_class="yes", classes=("no", "yes"))
    y = np.array(["no"] * 8 + ["yes"] * 2, dtype=object)
    constant = constant_prediction(metric=metric, training_y=y, rows=3)
    assert constant.labels is not None
    assert list(constant.labels) == [always] * 3
