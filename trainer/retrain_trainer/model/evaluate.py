"""Scores one model on some rows, and says what a model without features would have predicted for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from retrain_trainer.features import Samples
from retrain_trainer.model.intervals import Interval, score_interval
from retrain_trainer.model.metrics import Metric
from retrain_trainer.model.prediction import Prediction
from retrain_trainer.spec import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """`value` in the metric's own sign, NaN where undefined; `accuracy` for classification, whatever the metric;
    `units`: days (or blocks of rows); `interval`: None where there are too few rows or units for one.
    """

    value: float
    accuracy: float | None
    rows: int
    units: int
    interval: Interval | None


class PredictionFailed(Exception):
    """An estimator that was fitted and gives no answer for some rows; the text has its own words."""


def predict(*, model: Pipeline, X: NDArray[np.float64], task: Task) -> Prediction:
    """A model's answers for a matrix of shape (rows, matrix columns). Raises PredictionFailed, whatever the estimator
    raises.
    """
    try:
        return _answers(model=model, X=X, task=task)
    except MemoryError:
        raise
    except Exception as error:
        words = " ".join(str(error).split())[:160] or type(error).__name__
        raise PredictionFailed(f"it cannot predict {len(X):,} rows: {words}") from error


def _answers(*, model: Pipeline, X: NDArray[np.float64], task: Task) -> Prediction:
    if task == "Regression":
        return Prediction(values=np.asarray(model.predict(X), dtype=np.float64).reshape(len(X)))
    labels = np.asarray(model.predict(X)).astype(str)
    classes = tuple(str(label) for label in model.classes_)
    if hasattr(model, "predict_proba"):
        return Prediction(labels=labels, classes=classes, probabilities=np.asarray(model.predict_proba(X), np.float64))
    if hasattr(model, "decision_function") and len(classes) == 2:
        return Prediction(labels=labels, classes=classes, margins=np.asarray(model.decision_function(X), np.float64))
    return Prediction(labels=labels, classes=classes)


def evaluate(*, metric: Metric, samples: Samples, prediction: Prediction, confidence: float = 0.95) -> Score:
    """The score with its interval. Labels are the union of the model's classes and those in the data."""
    interval = score_interval(metric=metric, samples=samples, prediction=prediction, confidence=confidence)
    right = None if prediction.labels is None or samples.rows == 0 else float(np.mean(prediction.labels == samples.y))
    return Score(
        value=interval.estimate,
        accuracy=right,
        rows=interval.rows,
        units=interval.units,
        interval=interval if interval.problem is None else None,
    )


def constant_prediction(*, metric: Metric, training_y: NDArray[Any], rows: int) -> Prediction:
    """The best guess without features, fitted on *training* labels, for `rows` rows.

    Classification: the class that is best always answered (`Metric.best_constant`), with the classes' shares as
    probabilities.
    Regression: the mean, or the median for metrics of absolute errors.
    """
    if metric.needs == "values":
        values = training_y.astype(np.float64)
        middle = np.median(values) if metric.constant == "median" else np.mean(values)
        return Prediction(values=np.full(rows, float(middle)))
    classes, counts = np.unique(training_y.astype(str), return_counts=True)
    names = tuple(str(label) for label in classes)
    return Prediction(
        labels=np.full(rows, metric.best_constant(classes=names, counts=counts)),
        classes=names,
        probabilities=np.tile(counts / counts.sum(), (rows, 1)),
    )
