"""What a model says about some rows, in the one form that metrics, intervals and the gate read.

Champion, challenger and constant model all become a `Prediction`, so that they are compared by the same code, and so
that a model fitted on other classes than the data has now needs no special case further on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from retrain_trainer.features import whole_texts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prediction:
    """One model's answers for some rows.

    Classification: `labels` (text, shape (rows,)), `classes` (k, the model's own, in the order of `probabilities`), and
    `probabilities` (rows, k) where the model gives them; a model of two classes may give `margins` (rows,) instead,
    larger meaning more like `classes[1]`. Regression: `values` (rows,), in the target's units.
    """

    labels: NDArray[np.str_] | None = None
    classes: tuple[str, ...] = ()
    probabilities: NDArray[np.float64] | None = None
    margins: NDArray[np.float64] | None = None
    values: NDArray[np.float64] | None = None

    @property
    def rows(self) -> int:
        """Number of rows."""
        answers = self.values if self.labels is None else self.labels
        return 0 if answers is None else int(answers.shape[0])

    def probability_of(self, label: str) -> NDArray[np.float64]:
        """Probability of one class, shape (rows,); 0 for a class the model has never seen."""
        if self.probabilities is None:
            raise ValueError("this model gives no probabilities")
        if label not in self.classes:
            return np.zeros(self.rows)
        return self.probabilities[:, self.classes.index(label)]

    def ranking_of(self, label: str) -> NDArray[np.float64]:
        """Scores that order rows by how much they look like `label`, shape (rows,): probability, or the margin."""
        if self.probabilities is not None or self.margins is None:
            return self.probability_of(label)
        if label not in self.classes:
            return np.zeros(self.rows)
        return self.margins if self.classes.index(label) == 1 else -self.margins


def of_whole_labels(prediction: Prediction) -> Prediction:
    """The same answers where a model of before says `1.0` and the label is `1`."""
    classes = whole_texts(prediction.classes)
    if prediction.labels is None or classes == prediction.classes:
        return prediction
    names = dict(zip(prediction.classes, classes, strict=True))
    labels = np.array([names.get(str(label), str(label)) for label in prediction.labels], dtype=str)
    return replace(prediction, labels=labels, classes=classes)


def values_of(prediction: Prediction) -> NDArray[np.float64]:
    """The predicted values of a regression, shape (rows,)."""
    if prediction.values is None:
        raise ValueError("this metric needs predicted values; the model predicts classes")
    return prediction.values


def labels_of(prediction: Prediction) -> NDArray[np.str_]:
    """The predicted classes, shape (rows,)."""
    if prediction.labels is None:
        raise ValueError("this metric needs predicted classes; the model predicts values")
    return prediction.labels


def probabilities_of(prediction: Prediction) -> NDArray[np.float64]:
    """Probabilities, shape (rows, classes of the model)."""
    if prediction.probabilities is None:
        raise ValueError("this metric needs probabilities, and the model gives none")
    return prediction.probabilities


def part_of(prediction: Prediction, rows: NDArray[np.bool_]) -> Prediction:
    """The answers for some of the rows."""
    return Prediction(
        labels=None if prediction.labels is None else prediction.labels[rows],
        classes=prediction.classes,
        probabilities=None if prediction.probabilities is None else prediction.probabilities[rows],
        margins=None if prediction.margins is None else prediction.margins[rows],
        values=None if prediction.values is None else prediction.values[rows],
    )


def equal_predictions(one: Prediction, other: Prediction) -> bool:
    """Do two models give the same answers, to the last bit, for all rows?"""
    pairs = [(getattr(one, name), getattr(other, name)) for name in ("labels", "probabilities", "margins", "values")]
    return one.classes == other.classes and all(
        (a is None and b is None) or (a is not None and b is not None and np.array_equal(a, b)) for a, b in pairs
    )
