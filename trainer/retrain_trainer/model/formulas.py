"""The formulas behind the metric names: losses per row, and functions of sums and of counts per class.

Each follows the scikit-learn function it is named after; a test compares all of them with scikit-learn's own scorers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from retrain_trainer.model.prediction import Prediction, labels_of, probabilities_of, values_of

Floats = NDArray[np.float64]
Truth = NDArray[Any]
ByCounts = Callable[[Floats, Floats, Floats, tuple[str, ...]], Floats]

_TINY = float(np.finfo(np.float64).eps)


# --- losses per row, regression ---------------------------------------------------------------------------------------


def absolute_error(y: Truth, prediction: Prediction) -> Floats:
    return np.abs(y - values_of(prediction))


def squared_error(y: Truth, prediction: Prediction) -> Floats:
    return (y - values_of(prediction)) ** 2


def absolute_percentage_error(y: Truth, prediction: Prediction) -> Floats:
    return np.abs(y - values_of(prediction)) / np.maximum(np.abs(y), _TINY)


def squared_log_error(y: Truth, prediction: Prediction) -> Floats:
    """NaN at -1 or below."""
    value = values_of(prediction)
    return np.where((y > -1) & (value > -1), (np.log1p(y) - np.log1p(value)) ** 2, np.nan)


def poisson_deviance(y: Truth, prediction: Prediction) -> Floats:
    """NaN unless the truth is >= 0 and the prediction > 0."""
    value = values_of(prediction)
    return np.where((y >= 0) & (value > 0), 2 * (xlogy(y, y / value) - y + value), np.nan)


def gamma_deviance(y: Truth, prediction: Prediction) -> Floats:
    """NaN unless truth and prediction are > 0."""
    value = values_of(prediction)
    return np.where((y > 0) & (value > 0), 2 * (np.log(value / y) + y / value - 1), np.nan)


# --- losses per row, classification -----------------------------------------------------------------------------------


def hit(y: Truth, prediction: Prediction) -> Floats:
    """1 where the label is right."""
    return np.asarray(y == labels_of(prediction), dtype=np.float64)


def log_loss(y: Truth, prediction: Prediction) -> Floats:
    """-log of the probability of the true class, clipped at 2.2e-16 (36 at most), as for a class never seen."""
    return -np.log(np.clip(_of_truth(y, prediction), _TINY, 1 - _TINY))


def squared_probability_error(y: Truth, prediction: Prediction) -> Floats:
    """Sum over classes of (probability - 1 for the true class)^2; a class never seen counts as probability 0."""
    return np.asarray(np.sum(probabilities_of(prediction) ** 2, axis=1) - 2 * _of_truth(y, prediction) + 1)


def half_squared_probability_error(y: Truth, prediction: Prediction) -> Floats:
    """Brier's score for two classes: (probability of the positive class - truth)^2."""
    return squared_probability_error(y, prediction) / 2


def in_top_two(y: Truth, prediction: Prediction) -> Floats:
    """1 where the true class is among the two most probable ones (ties go to the later class, as in scikit-learn)."""
    best = np.argsort(probabilities_of(prediction), axis=1, kind="mergesort")[:, ::-1][:, :2]
    return np.asarray(np.any(np.array(prediction.classes)[best] == y[:, None], axis=1), dtype=np.float64)


def _of_truth(y: Truth, prediction: Prediction) -> Floats:
    """Probability that the model gave to the class that was true, shape (rows,)."""
    probabilities, result = probabilities_of(prediction), np.zeros(len(y))
    for index, label in enumerate(prediction.classes):
        rows = y == label
        result[rows] = probabilities[rows, index]
    return result


# --- functions of sums ------------------------------------------------------------------------------------------------


def moments(y: Truth, prediction: Prediction) -> Floats:
    """Per row: error, squared error, truth, squared truth (both about their mean), 1."""
    error, centred = y - values_of(prediction), y - np.mean(y)
    return np.column_stack([error, error**2, centred, centred**2, np.ones(len(y))])


def r2(sums: Floats) -> Floats:
    _, squares, y, y_squares, rows = sums.T
    return _one_minus(squares, y_squares - y**2 / rows, floor=y_squares)


def explained_variance(sums: Floats) -> Floats:
    error, squares, y, y_squares, rows = sums.T
    return _one_minus(squares - error**2 / rows, y_squares - y**2 / rows, floor=y_squares)


def _one_minus(part: Floats, whole: Floats, *, floor: Floats) -> Floats:
    """1 - part / whole; NaN where the whole is nothing but rounding."""
    return np.where(whole > 1e-12 * np.maximum(floor, 1e-300), 1 - part / whole, np.nan)


def with_class_counts(loss: Callable[[Truth, Prediction], Floats]) -> Callable[[Truth, Prediction], Floats]:
    """Statistics of a D2 score: the loss, then one indicator column per class of the truth."""

    def statistics(y: Truth, prediction: Prediction) -> Floats:
        indicators = y[:, None] == np.unique(y.astype(str))[None, :]
        return np.column_stack([loss(y, prediction), indicators.astype(np.float64)])

    return statistics


def d2_log_loss(sums: Floats) -> Floats:
    """1 - log loss / log loss of the classes' own shares."""
    counts = sums[:, 1:]
    rows = counts.sum(axis=1)
    return _one_minus(sums[:, 0], -np.sum(xlogy(counts, counts / rows[:, None]), axis=1), floor=rows)


def d2_brier(sums: Floats) -> Floats:
    """1 - Brier's score / that of the classes' own shares."""
    counts = sums[:, 1:]
    rows = counts.sum(axis=1)
    return _one_minus(sums[:, 0], rows - np.sum(counts**2, axis=1) / rows, floor=rows)


# --- functions of counts per class: hits, predicted, true, each (m, classes) ------------------------------------------

Average = Literal["macro", "micro", "weighted"]
Part = Literal["precision", "recall", "f1", "jaccard"]


def per_class(part: Part, hits: Floats, predicted: Floats, true: Floats) -> Floats:
    """The share per class; 0 where it is 0 / 0."""
    whole = {
        "precision": predicted,
        "recall": true,
        "f1": (predicted + true) / 2,
        "jaccard": predicted + true - hits,
    }[part]
    return np.where(whole > 0, hits / whole, 0.0)


def averaged(part: Part, average: Average) -> ByCounts:
    """The share averaged over the classes that occur in truth or predictions."""

    def value(hits: Floats, predicted: Floats, true: Floats, _: tuple[str, ...]) -> Floats:
        if average == "micro":
            hits, predicted, true = (counts.sum(axis=1, keepdims=True) for counts in (hits, predicted, true))
            return per_class(part, hits, predicted, true)[:, 0]
        weights = true if average == "weighted" else ((predicted + true) > 0).astype(np.float64)
        return np.asarray(np.sum(per_class(part, hits, predicted, true) * weights, axis=1) / weights.sum(axis=1))

    return value


def of_class(part: Part, label: str) -> ByCounts:
    """The share of one class."""

    def value(hits: Floats, predicted: Floats, true: Floats, classes: tuple[str, ...]) -> Floats:
        if label not in classes:
            return np.full(len(hits), np.nan)
        return per_class(part, hits, predicted, true)[:, classes.index(label)]

    return value


def balanced_accuracy(hits: Floats, predicted: Floats, true: Floats, _: tuple[str, ...]) -> Floats:
    """Mean recall of the classes that occur in the truth."""
    return np.asarray(np.sum(per_class("recall", hits, predicted, true), axis=1) / np.sum(true > 0, axis=1))


def matthews(hits: Floats, predicted: Floats, true: Floats, _: tuple[str, ...]) -> Floats:
    """Matthews' correlation for any number of classes (Gorodkin 2004); 0 where one side is constant."""
    rows = true.sum(axis=1)
    covariance = hits.sum(axis=1) * rows - np.sum(predicted * true, axis=1)
    spread = (rows**2 - np.sum(predicted**2, axis=1)) * (rows**2 - np.sum(true**2, axis=1))
    return np.where(spread > 0, covariance / np.sqrt(spread), 0.0)


# --- what has to be computed again without each block ----------------------------------------------------------------


def average_precision(label: str) -> Callable[[Truth, Prediction], Callable[[NDArray[np.bool_]], float]]:
    """Average precision of one class; sorted once, so that each block costs one pass."""

    def prepare(y: Truth, prediction: Prediction) -> Callable[[NDArray[np.bool_]], float]:
        score = prediction.ranking_of(label)
        order = np.argsort(-score, kind="stable")
        positive, ends = (y == label)[order], np.append(np.flatnonzero(np.diff(score[order])), len(y) - 1)

        def value(kept: NDArray[np.bool_]) -> float:
            inside = kept[order]
            found = np.cumsum(positive & inside)[ends]
            seen = np.cumsum(inside)[ends]
            if not np.isfinite(score).all() or found[-1] == 0:
                return float("nan")
            gained = np.diff(found, prepend=0)
            return float(np.sum(gained * np.where(seen > 0, found / np.maximum(seen, 1), 0.0)) / found[-1])

        return value

    return prepare


def median_absolute_error(y: Truth, prediction: Prediction) -> Callable[[NDArray[np.bool_]], float]:
    """The median of the absolute errors of the rows kept."""
    errors = absolute_error(y, prediction)
    return lambda kept: float(np.median(errors[kept])) if kept.any() else float("nan")


def d2_absolute_error(y: Truth, prediction: Prediction) -> Callable[[NDArray[np.bool_]], float]:
    """1 - sum of absolute errors / that of the median of the rows kept."""
    errors = absolute_error(y, prediction)

    def value(kept: NDArray[np.bool_]) -> float:
        if not kept.any():
            return float("nan")
        whole = float(np.sum(np.abs(y[kept] - np.median(y[kept]))))
        return 1 - float(np.sum(errors[kept])) / whole if whole > 0 else float("nan")

    return value
