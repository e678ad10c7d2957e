"""Metric names, and agreement of every formula with scikit-learn's."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retrain_trainer.errors import SpecError
from retrain_trainer.model.metrics import Metric, check_threshold, metric_names, resolve_metric
from retrain_trainer.model.prediction import Prediction
from retrain_trainer.spec import Task
from sklearn.base import BaseEstimator
from sklearn.metrics import get_scorer, get_scorer_names

from tests.unit.trainer.model.builders import two_class

TWO, THREE = ("no", "yes"), ("a", "b", "c")


def resolved(name: str, task: Task = "Classification", classes: tuple[str, ...] = TWO) -> Metric:
    return resolve_metric(name=name, task=task, positive_class=None, classes=classes)


class _Told(BaseEstimator):  # type: ignore[misc]
    """Stands where scikit-learn's scorers want an estimator, and repeats a prediction, with yes and no as 1 and 0."""

    def __init__(self, prediction: Prediction) -> None:
        self.prediction = prediction
        if prediction.labels is not None:
            self.classes_ = numbered(np.array(prediction.classes))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.estimator_type = "regressor" if self.prediction.labels is None else "classifier"
        return tags

    def fit(self) -> None: ...

    def predict(self, X: Any) -> Any:
        return self.prediction.values if self.prediction.labels is None else numbered(self.prediction.labels)

    def predict_proba(self, X: Any) -> Any:
        return self.prediction.probabilities


def numbered(labels: Any) -> Any:
    return (labels == "yes").astype(int) if set(labels) <= set(TWO) else labels


def by_scikit_learn(name: str, y: Any, prediction: Prediction) -> float:
    truth = y if prediction.labels is None else numbered(y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(get_scorer(name)(_Told(prediction), np.zeros((len(y), 1)), truth))


def data_for(name: str, seed: int = 0, rows: int = 120) -> tuple[Task, tuple[str, ...], Any, Prediction]:
    draw = np.random.default_rng(seed)
    if name in metric_names(task="Regression"):
        y = draw.gamma(2.0, size=rows)
        return "Regression", (), y, Prediction(values=y * draw.uniform(0.5, 1.5, rows) + 0.1)
    if name.startswith(("roc_auc_o", "top_k")):
        probabilities = np.round(draw.dirichlet([1, 1, 1], rows), 2)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        labels = np.array(THREE)[np.argmax(probabilities, axis=1)]
        y = np.where(draw.random(rows) < 0.5, labels, draw.choice(THREE, rows)).astype(object)
        return "Classification", THREE, y, Prediction(labels=labels, classes=THREE, probabilities=probabilities)
    positive = np.round(draw.random(rows), 1)
    y = np.where(draw.random(rows) < 0.3 + positive / 3, "yes", "no").astype(object)
    return "Classification", TWO, y, two_class(positive=positive)


@pytest.mark.parametrize("name", get_scorer_names())
def test_every_scorer_of_scikit_learn_agrees_or_is_refused_with_a_sentence(name: str) -> None:
    task, classes, y, prediction = data_for(name)
    if name not in metric_names(task=task):
        with pytest.raises(SpecError, match=rf"MetricUnfit.*{name}.*; use ") as caught:
            resolved(name, task, classes)
        assert caught.value.exit_code == 64
        return
    metric = resolved(name, task, classes)
    assert metric.score(y=y, prediction=prediction) == pytest.approx(by_scikit_learn(name, y, prediction), abs=1e-12)
    assert metric.greater_is_better


@pytest.mark.parametrize("name", [n for t in ("Classification", "Regression") for n in metric_names(task=t)])
def test_leaving_out_a_block_equals_scoring_the_rest(name: str) -> None:
    task, classes, y, prediction = data_for(name, seed=1)
    metric = resolved(name, task, classes)
    block = np.random.default_rng(2).integers(0, 6, len(y))
    values = metric.values(y=y, prediction=prediction, block=block, blocks=6)
    expected = [metric.score(y=y, prediction=prediction)]
    for g in range(6):
        kept = block != g
        parts = {
            field: None if getattr(prediction, field) is None else getattr(prediction, field)[kept]
            for field in ("labels", "probabilities", "values")
        }
        expected.append(metric.score(y=y[kept], prediction=Prediction(classes=prediction.classes, **parts)))
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", metric_names(task="Regression"))
def test_errors_go_by_two_names_of_opposite_sign(name: str) -> None:
    _, _, y, prediction = data_for(name)
    metric = resolved(name, "Regression", ())
    if f"neg_{name}" in metric_names(task="Regression"):
        other = resolved(f"neg_{name}", "Regression", ())
        assert not metric.greater_is_better
        assert other.score(y=y, prediction=prediction) == -metric.score(y=y, prediction=prediction)
    else:
        assert metric.greater_is_better


@pytest.mark.parametrize(
    ("name", "task", "classes", "positive", "reason", "part"),
    [
        pytest.param("rocauc", "Classification", TWO, None, "UnknownMetric", "roc_auc", id="a near name"),
        pytest.param("neg_accuracy", "Classification", TWO, None, "UnknownMetric", "accuracy", id="neg_ of a score"),
        pytest.param("r2", "Classification", TWO, None, "MetricUnfit", "is for Regression", id="another task"),
        pytest.param("accuracy", "Regression", (), None, "MetricUnfit", "is for Classification", id="the other task"),
        pytest.param("roc_auc", "Classification", THREE, None, "MetricUnfit", "use roc_auc_ovr", id="too many classes"),
        pytest.param("f1", "Classification", THREE, None, "MetricUnfit", "use f1_macro", id="f1 of many classes"),
        pytest.param("f1", "Classification", ("a", "b"), None, "PositiveClassMissing", "to one of: a", id="no yes"),
        pytest.param("f1", "Classification", TWO, "maybe", "PositiveClassUnknown", "'maybe'", id="a class not there"),
        pytest.param("max_error", "Regression", (), None, "MetricUnfit", "one single row", id="decided by one row"),
        pytest.param("top_k_accuracy", "Classification", TWO, None, "MetricUnfit", "always 1", id="always right"),
    ],
)
def test_what_cannot_be_judged_is_refused(
    name: str, task: Task, classes: tuple[str, ...], positive: str | None, reason: str, part: str
) -> None:
    with pytest.raises(SpecError) as caught:
        resolve_metric(name=name, task=task, positive_class=positive, classes=classes)
    assert caught.value.reason == reason
    assert part in caught.value.message


@pytest.mark.parametrize(
    ("classes", "positive"),
    [
        pytest.param(("false", "true"), "true", id="booleans"),
        pytest.param(("1", "0"), "1", id="digits"),
        pytest.param(("No", "Yes"), "Yes", id="words in capitals"),
    ],
)
def test_the_positive_class_is_plain_where_it_is_plain(classes: tuple[str, str], positive: str) -> None:
    y = np.array(classes, dtype=object)
    metric = resolve_metric(name="recall", task="Classification", positive_class=None, classes=classes)
    assert metric.score(y=y, prediction=Prediction(labels=np.array([positive] * 2), classes=classes)) == 1.0


def test_a_positive_class_makes_a_metric_of_two_classes_fit_many() -> None:
    y = np.array(["a", "b", "c", "c"], dtype=object)
    metric = resolve_metric(name="recall", task="Classification", positive_class="c", classes=THREE)
    assert metric.score(y=y, prediction=Prediction(labels=np.array(["a", "b", "c", "a"]), classes=THREE)) == 0.5


def test_the_defaults_are_those_of_the_api() -> None:
    def default(task: Task) -> str:
        return resolve_metric(name=None, task=task, positive_class=None, classes=TWO).name

    assert (default("Classification"), default("Regression")) == ("balanced_accuracy", "r2")


def test_a_class_the_model_never_saw_costs_but_does_not_break() -> None:
    y = np.array(["no", "yes", "new", "new"], dtype=object)
    prediction = two_class(positive=np.array([0.1, 0.9, 0.2, 0.8]))
    for name in metric_names(task="Classification"):
        metric = resolve_metric(name=name, task="Classification", positive_class="yes", classes=("new", "no", "yes"))
        assert np.isfinite(metric.score(y=y, prediction=prediction)), name
    loss = resolve_metric(name="log_loss", task="Classification", positive_class=None, classes=("new", *TWO))
    assert loss.per_row(y=y, prediction=prediction)[2] == pytest.approx(36.04, abs=0.01)


def test_a_model_without_probabilities_is_ranked_by_its_margins_or_refused() -> None:
    y = np.array(["no", "yes", "no", "yes"], dtype=object)
    margins = Prediction(labels=np.array(["no", "no", "yes", "yes"]), classes=TWO, margins=np.array([-2.0, -1, 1, 2]))
    assert resolved("roc_auc").score(y=y, prediction=margins) == 0.75
    with pytest.raises(SpecError, match="MetricNeedsProbabilities"):
        resolved("log_loss").score(y=y, prediction=margins)


@pytest.mark.parametrize("name", ["r2", "mean_poisson_deviance", "mean_gamma_deviance", "mean_squared_log_error"])
def test_what_is_undefined_is_nan_and_no_warning(name: str) -> None:
    y = np.array([-2.0, -2.0, -2.0])
    assert np.isnan(resolved(name, "Regression", ()).score(y=y, prediction=Prediction(values=y + 1)))


def test_auc_of_one_class_and_scores_without_rows_are_nan() -> None:
    y = np.array(["no", "no"], dtype=object)
    prediction = two_class(positive=np.array([0.1, 0.2]))
    assert np.isnan(resolved("roc_auc").score(y=y, prediction=prediction))
    assert np.isnan(resolved("accuracy").score(y=y[:0], prediction=prediction))
    assert not resolved("roc_auc").meets(score=float("nan"), threshold=0.5)


@pytest.mark.parametrize(
    ("name", "score", "threshold", "meets"),
    [
        ("r2", 0.5, 0.5, True),
        ("r2", 0.4, 0.5, False),
        ("mean_absolute_error", 12.0, 15.0, True),
        ("mean_absolute_error", 16.0, 15.0, False),
        ("neg_mean_absolute_error", -12.0, -15.0, True),
    ],
)
def test_the_right_side_of_a_threshold(name: str, score: float, threshold: float, meets: bool) -> None:
    assert resolved(name, "Regression", ()).meets(score=score, threshold=threshold) is meets


def test_a_threshold_that_is_never_reached_is_refused() -> None:
    metric = resolved("neg_mean_absolute_error", "Regression", ())
    with pytest.raises(SpecError, match="write metric: mean_absolute_error"):
        check_threshold(metric=metric, threshold=15.0)
    check_threshold(metric=metric, threshold=-15.0)
    check_threshold(metric=metric, threshold=None)


@given(st.integers(0, 10_000), st.integers(2, 40), st.integers(1, 8))
@settings(deadline=None, max_examples=80)
def test_auc_without_a_block_is_exact_with_ties_and_lonely_classes(seed: int, rows: int, blocks: int) -> None:
    draw = np.random.default_rng(seed)
    y = draw.choice(np.array(TWO, dtype=object), rows)
    score = draw.integers(0, 5, rows) / 4
    block = draw.integers(0, blocks, rows)
    values = resolved("roc_auc").values(y=y, prediction=two_class(positive=score), block=block, blocks=blocks)
    for g in range(-1, blocks):
        up, down = score[(y == "yes") & (block != g)], score[(y == "no") & (block != g)]
        wins = (up[:, None] > down[None, :]).sum() + (up[:, None] == down[None, :]).sum() / 2
        expected = wins / (len(up) * len(down)) if len(up) and len(down) else np.nan
        np.testing.assert_allclose(values[1 + g], expected, rtol=0, atol=1e-12)
