"""Metric names as scikit-learn's users know them, and what each needs to be judged.

Scorer names (`roc_auc`, `f1_macro`, `neg_mean_absolute_error`) keep scikit-learn's sign: larger is better. Errors also
go by their plain name (`mean_absolute_error`), in the target's units, smaller is better, which is how people write
thresholds. A name that cannot be judged is refused with a sentence that says what to write instead.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from retrain_trainer.errors import SpecError
from retrain_trainer.features import whole_text
from retrain_trainer.model import formulas as f
from retrain_trainer.model.measures import ByLabel, Mean, Measure
from retrain_trainer.model.metric_table import CLASSIFICATION, REFUSED, TABLES, Entry, Needs
from retrain_trainer.model.prediction import Prediction
from retrain_trainer.spec import DEFAULT_METRIC, Task

Kind = Literal["mean", "jackknife"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric, resolved for one task and its classes.

    kind: "mean" when it is the mean of a loss per row. needs: what a model must give; `rankable` metrics take margins
    instead of probabilities. constant: what the best model without features predicts, "mean" or "median" (regression).
    """

    name: str
    greater_is_better: bool
    kind: Kind
    needs: Needs
    rankable: bool
    constant: Literal["mean", "median"]
    sign: int
    measure: Measure

    def fits(self, prediction: Prediction) -> bool:
        """Does the model give what the metric needs?"""
        ranked = prediction.probabilities is not None or (self.rankable and prediction.margins is not None)
        return self.needs != "probabilities" or ranked

    def values(
        self, *, y: NDArray[Any], prediction: Prediction, block: NDArray[np.int64], blocks: int
    ) -> NDArray[np.float64]:
        """The value on all rows, then without each block: shape (1 + blocks,), in the user's own sign, or NaN.

        Raises SpecError `MetricNeedsProbabilities` when the model does not give what the metric needs.
        """
        if not self.fits(prediction):
            raise SpecError(
                reason="MetricNeedsProbabilities",
                message=f"spec.evaluation.metric: {self.name} needs probabilities, which this estimator does not give; "
                "choose an estimator with predict_proba, or a metric of labels such as balanced_accuracy",
            )
        return self.sign * self.measure.values(y=y, prediction=prediction, block=block, blocks=blocks)

    def by_chance(
        self, *, y: NDArray[Any], prediction: Prediction, block: NDArray[np.int64], blocks: int
    ) -> NDArray[np.float64] | None:
        """`values` of the same answers dealt out at random; None for metrics that a constant answer bounds already."""
        if not isinstance(self.measure, ByLabel):
            return None
        return self.measure.by_chance(y=y, prediction=prediction, block=block, blocks=blocks)

    def best_constant(self, *, classes: Sequence[str], counts: NDArray[np.int64]) -> str:
        """The class that is best always answered, by its metric on rows with these counts: the most frequent one (ties:
        the first by name), unless another scores higher, as the positive class does by f1. One that scores 1 (always
        "positive" has a recall of 1) only shows that the metric alone cannot tell; it is no floor.
        """
        best = int(np.argmax(counts))
        if isinstance(self.measure, ByLabel) and len(classes) > 1:
            scores = self.measure.of_constants(classes=tuple(classes), counts=counts)
            scores = np.where(scores < 1 - _SAME, scores, -np.inf)
            if scores.max() > scores[best] + _SAME:
                best = int(np.argmax(scores))
        return classes[best]

    def score(self, *, y: NDArray[Any], prediction: Prediction) -> float:
        """The value on all rows, in the user's own sign; NaN where it is undefined (one class only, no rows)."""
        if len(y) == 0:
            return float("nan")
        return float(self.values(y=y, prediction=prediction, block=np.zeros(len(y), dtype=np.int64), blocks=1)[0])

    def per_row(self, *, y: NDArray[Any], prediction: Prediction) -> NDArray[np.float64]:
        """The loss or hit of each row, shape (rows,), whose mean is the score. ValueError for other metrics."""
        if not isinstance(self.measure, Mean) or self.kind != "mean":
            raise ValueError(f"{self.name} is no mean over rows")
        return self.sign * self.measure.loss(y, prediction)

    def meets(self, *, score: float, threshold: float) -> bool:
        """Is the score on the right side of the threshold (on it counts)? False for NaN."""
        return score >= threshold if self.greater_is_better else score <= threshold


def metric_names(*, task: Task) -> tuple[str, ...]:
    """All names that can be used for a task, sorted; errors in both forms."""
    table = TABLES[task]
    return tuple(sorted([*table, *(f"neg_{name}" for name, entry in table.items() if entry.error)]))


def resolve_metric(
    *, name: str | None, task: Task, positive_class: str | None, classes: Sequence[str], show_classes: bool = True
) -> Metric:
    """The metric of a spec (`None`: balanced_accuracy or r2) for the classes in the data, which errors may list.

    Raises SpecError: `UnknownMetric` (with the nearest names), `MetricUnfit` (another task, number of classes, or a
    metric that cannot be judged), `PositiveClassMissing`, `PositiveClassUnknown`.
    """
    name = DEFAULT_METRIC[task] if name is None else name
    negated = name.startswith("neg_")
    plain = name.removeprefix("neg_")
    entry = TABLES[task].get(plain)
    if name in REFUSED:
        raise _unfit(name, REFUSED[name])
    if entry is None or (negated and not entry.error):
        other: Task = "Regression" if task == "Classification" else "Classification"
        if name in metric_names(task=other):
            raise _unfit(name, f"is for {other}, and this is {task}; for example {DEFAULT_METRIC[task]}")
        near = difflib.get_close_matches(name, metric_names(task=task), n=3, cutoff=0.4) or [DEFAULT_METRIC[task]]
        raise SpecError(
            reason="UnknownMetric",
            message=f"spec.evaluation.metric: {name[:60]!r} is no metric for {task}; nearest: {', '.join(near)}",
        )
    listed = ", ".join(label[:60] for label in sorted(classes)[:5]) if show_classes else f"{len(classes)} classes"
    measure = _measure(name=name, entry=entry, positive_class=positive_class, classes=classes, listed=listed)
    if plain == "top_k_accuracy" and len(classes) <= 2:
        raise _unfit(name, "is always 1 with two classes (k is 2); use accuracy")
    return Metric(
        name=name,
        greater_is_better=negated or not entry.error,
        kind="mean" if isinstance(measure, Mean) and measure.shape is None else "jackknife",
        needs=entry.needs,
        rankable=entry.rankable,
        constant=entry.constant,
        sign=-1 if negated else 1,
        measure=measure,
    )


#: Scores that differ by less than this are equal.
_SAME = 1e-9

#: Spellings of "yes" that need no spec.model.positiveClass, with the "no" they must stand beside.
_YES = {"true": "false", "1": "0", "1.0": "0.0", "yes": "no", "y": "n", "t": "f"}


def _measure(*, name: str, entry: Entry, positive_class: str | None, classes: Sequence[str], listed: str) -> Measure:
    if callable(entry.make):
        return entry.make(_positive(name=name, given=positive_class, classes=classes, listed=listed))
    if name.endswith("brier_score") and len(classes) > 2:
        return Mean(f.squared_probability_error)
    return entry.make


def _positive(*, name: str, given: str | None, classes: Sequence[str], listed: str) -> str:
    """The class that a metric is about."""
    if given is not None:
        given = given if given in classes else whole_text(given)
        if given not in classes:
            raise SpecError(
                reason="PositiveClassUnknown",
                message=f"spec.model.positiveClass: {given[:60]!r} is no value of the target; it has: {listed}",
            )
        return given
    if len(classes) > 2:
        other = "roc_auc_ovr" if name in ("roc_auc", "average_precision") else f"{name}_macro"
        other = other if other in CLASSIFICATION else "balanced_accuracy"
        raise _unfit(
            name, f"is for two classes and the target has {len(classes)}; use {other}, or set spec.model.positiveClass"
        )
    for label in classes:
        if _YES.get(label.lower()) in {other.lower() for other in classes if other != label}:
            return label
    if name == "roc_auc":  # the same whichever of the two is positive
        return max(classes, default="")
    raise SpecError(
        reason="PositiveClassMissing",
        message=f"spec.evaluation.metric: {name} is about one class; set spec.model.positiveClass to one of: {listed}",
    )


def check_threshold(*, metric: Metric, threshold: float | None) -> None:
    """Refuses a positive threshold for a `neg_` metric, never reached: SpecError `ThresholdUnreachable`."""
    if threshold is not None and threshold > 0 and metric.sign < 0:
        plain = metric.name.removeprefix("neg_")
        raise SpecError(
            reason="ThresholdUnreachable",
            message=f"spec.evaluation.threshold: {metric.name} is never above 0, so {threshold:g} is never reached; "
            f"write metric: {plain} with the same threshold (smaller is better)",
        )


def _unfit(name: str, why: str) -> SpecError:
    return SpecError(reason="MetricUnfit", message=f"spec.evaluation.metric: {name} {why}")
