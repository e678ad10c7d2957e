"""Measures what the gate judges: challenger, champion and constant model on the same rows, and the bounds there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from retrain_trainer.errors import SpecError
from retrain_trainer.features import Samples, UnitKind
from retrain_trainer.model.intervals import Interval, chance_interval, difference_interval
from retrain_trainer.model.metrics import Metric, check_threshold, resolve_metric
from retrain_trainer.model.prediction import Prediction, equal_predictions, part_of
from retrain_trainer.spec import GuardSpec, Task

#: Values of a column that are looked at as slices: those with the most rows.
MAX_VALUES = 50

_SAME = 1e-9

#: What a score is held against where there are no features.
CONSTANT = "a constant model"
DEALT = "its own answers dealt out at random"

GuardState = Literal["Kept", "Broken", "Open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """A bound, and what was found: `score` may be NaN. `difference`: to the champion on the same rows, positive is
    better; None where there is none to compare with.
    """

    name: str
    bound: float
    at_least: bool
    score: float
    rows: int
    min_rows: int
    difference: Interval | None
    of_slice: bool

    @property
    def state(self) -> GuardState:
        """Kept: on the right side of the bound, or not clearly worse than the champion. Open: cannot be told."""
        if self.rows < self.min_rows or math.isnan(self.score):
            return "Open"
        if self.score >= self.bound if self.at_least else self.score <= self.bound:
            return "Kept"
        clear = self.difference is None or self.difference.problem is not None or not self.difference.high >= 0
        return "Broken" if clear else "Kept"

    @property
    def text(self) -> str:
        """What is wrong with it."""
        if self.state == "Open":
            return f"{self.name[:120]} cannot be told on {self.rows:,} rows; minRows is {self.min_rows:,}"
        side = "below" if self.at_least else "above"
        text = f"{self.name[:120]} {self.score:.4g} on {self.rows:,} rows is {side} {self.bound:g}"
        return text if self.difference is None else f"{text}, and not shown to be as good as the champion there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Scores on one holdout, in the metric's own sign, and intervals signed so that positive means the challenger is
    better: `difference` against the champion (None without one), `skill` against the floor.

    constant, floor: the score of what needs no features, and what that is: the best constant model, or, where that is
    higher, the challenger's own answers dealt out at random.
    unit: what the intervals count. same: the two predict the same for every row. rarest: the class of the holdout with
    the fewest rows, and how many. suspicion: why the score looks too good. incomparable: why the champion could not be
    scored.
    """

    metric: str
    greater_is_better: bool
    challenger: float
    champion: float | None
    constant: float
    difference: Interval | None
    skill: Interval
    unit: UnitKind
    same: bool = False
    floor: str = CONSTANT
    rarest: tuple[str, int] | None = None
    guards: tuple[Guard, ...] = ()
    suspicion: str = ""
    incomparable: str = ""


def compare(
    *,
    metric: Metric,
    samples: Samples,
    challenger: Prediction,
    champion: Prediction | None,
    constant: Prediction,
    confidence: float,
    min_rows: int,
    guards: tuple[Guard, ...] = (),
    incomparable: str = "",
    show_values: bool = True,
) -> Comparison:
    """Scores challenger, champion and what needs no features on the same rows. `samples` must be rows that neither of
    the models was trained on; fewer than `min_rows` settle nothing. `show_values`: may a class be called by its name?
    """

    def against(other: Prediction) -> Interval:
        return difference_interval(
            metric=metric,
            samples=samples,
            challenger=challenger,
            champion=other,
            confidence=confidence,
            min_rows=min_rows,
        )

    floor, constant_score, skill = CONSTANT, metric.score(y=samples.y, prediction=constant), against(constant)
    dealt = chance_interval(
        metric=metric, samples=samples, challenger=challenger, confidence=confidence, min_rows=min_rows
    )
    if dealt is not None and dealt[0] > constant_score + _SAME:
        floor, (constant_score, skill) = DEALT, dealt
    return Comparison(
        metric=metric.name,
        greater_is_better=metric.greater_is_better,
        challenger=metric.score(y=samples.y, prediction=challenger),
        champion=None if champion is None else metric.score(y=samples.y, prediction=champion),
        constant=constant_score,
        difference=None if champion is None else against(champion),
        skill=skill,
        floor=floor,
        unit=samples.kind,
        same=champion is not None and equal_predictions(challenger, champion),
        rarest=_rarest(samples=samples, prediction=challenger, show_values=show_values),
        guards=guards,
        incomparable=incomparable,
    )


def _rarest(*, samples: Samples, prediction: Prediction, show_values: bool) -> tuple[str, int] | None:
    if prediction.labels is None or not samples.rows:
        return None
    classes, counts = np.unique(samples.y.astype(str), return_counts=True)
    if len(classes) < 2:
        missing = [label for label in prediction.classes if label not in classes]
        return repr(missing[0][:60]) if missing and show_values else "(another one)", 0
    return repr(str(classes[counts.argmin()])[:60]) if show_values else "(the rarest)", int(counts.min())


def resolve_guards(
    *,
    guards: Sequence[GuardSpec],
    main: Metric,
    task: Task,
    positive_class: str | None,
    classes: Sequence[str],
    show_classes: bool,
) -> tuple[tuple[GuardSpec, Metric], ...]:
    """The metric of each guard. SpecError naming the guard: what `resolve_metric` raises, and `GuardUnfit`."""
    resolved = []
    for guard in guards:
        metric = main
        if guard.metric is not None:
            try:
                metric = resolve_metric(
                    name=guard.metric,
                    task=task,
                    positive_class=positive_class,
                    classes=classes,
                    show_classes=show_classes,
                )
                check_threshold(metric=metric, threshold=guard.min)
            except SpecError as error:
                text = error.message.replace("spec.evaluation.metric", f"{guard.path}.metric")
                text = text.replace("spec.evaluation.threshold", f"{guard.path}.min")
                raise SpecError(reason=error.reason, message=text) from error
        if metric.greater_is_better != (guard.min is not None):
            better, write = ("larger", "min") if metric.greater_is_better else ("smaller", "max")
            raise SpecError(
                reason="GuardUnfit",
                message=f"{guard.path}: {metric.name} is better when it is {better}; write {write} instead",
            )
        resolved.append((guard, metric))
    return tuple(resolved)


def guardrail(
    *,
    guard: GuardSpec,
    metric: Metric,
    samples: Samples,
    challenger: Prediction,
    champion: Prediction | None,
    confidence: float,
    name: str | None = None,
) -> Guard:
    """The bound of a guard, held against the challenger's score on `samples`. SpecError `MetricNeedsProbabilities`."""
    if not metric.fits(challenger):
        raise SpecError(
            reason="MetricNeedsProbabilities",
            message=f"{guard.path}: {metric.name} needs probabilities, which this estimator does not give; choose a "
            "metric of labels such as balanced_accuracy",
        )
    difference = None
    if champion is not None and metric.fits(champion):
        difference = difference_interval(
            metric=metric, samples=samples, challenger=challenger, champion=champion, confidence=confidence
        )
    return Guard(
        name=name or metric.name,
        bound=guard.bound,
        at_least=guard.min is not None,
        score=metric.score(y=samples.y, prediction=challenger),
        rows=samples.rows,
        min_rows=guard.min_rows,
        difference=difference,
        of_slice=guard.column is not None,
    )


def slices(
    *,
    guard: GuardSpec,
    metric: Metric,
    values: NDArray[np.object_],
    samples: Samples,
    challenger: Prediction,
    champion: Prediction | None,
    confidence: float,
    show_values: bool = True,
) -> list[Guard]:
    """A guard for each value of a column, largest first, at most MAX_VALUES. `values`: text of each row, None where
    missing. A value with fewer than `min_rows` rows, or on which the metric is undefined, is not judged.
    """
    texts = np.array(["(missing)" if value is None else str(value) for value in values], dtype=object)
    names, counts = np.unique(texts.astype(str), return_counts=True)
    order = [index for index in np.lexsort((names, -counts)) if counts[index] >= guard.min_rows][:MAX_VALUES]
    found = []
    for index in order:
        rows = texts == names[index]
        value = repr(str(names[index])[:40]) if show_values else "one value"
        part = Samples(X=samples.X[rows], y=samples.y[rows], unit=samples.unit[rows], kind=samples.kind)
        found.append(
            guardrail(
                guard=guard,
                metric=metric,
                samples=part,
                challenger=part_of(challenger, rows),
                champion=None if champion is None else part_of(champion, rows),
                confidence=confidence,
                name=f"{metric.name} where {(guard.column or '')[:40]} is {value}:",
            )
        )
    return [each for each in found if not math.isnan(each.score)]
