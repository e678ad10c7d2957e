"""The steps of a run that need scikit-learn: score the champion, train a challenger, compare them on the same rows.

Imported only when a run comes to these steps.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from retrain_trainer.data.labels import learn_labels
from retrain_trainer.data.matrix import learn_schema, read_samples
from retrain_trainer.data.profile import Profile
from retrain_trainer.data.split import Split
from retrain_trainer.data.table import Table, Where
from retrain_trainer.features import FeatureSchema, Samples
from retrain_trainer.learned import Learned
from retrain_trainer.model.evaluate import Score, constant_prediction, evaluate, predict
from retrain_trainer.model.gate import Verdict, compare, judge, judge_first
from retrain_trainer.model.metrics import Metric, resolve_metric
from retrain_trainer.model.persist import dumps, load_model
from retrain_trainer.model.prediction import Prediction
from retrain_trainer.model.train import train
from retrain_trainer.registry.log import Champion, Registry
from retrain_trainer.spec import PolicySpec, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is to be learned from which table. `loaded`: champions by version, since loading one takes a second."""

    registry: Registry
    spec: PolicySpec
    task: Task
    table: Table
    metric: Metric
    loaded: dict[int, Pipeline] = field(default_factory=dict)

    def samples(self, *, schema: FeatureSchema, where: Where) -> Samples:
        """Labelled rows in the form that a model of this schema takes."""
        return read_samples(
            table=self.table,
            schema=schema,
            target=self.spec.model.target,
            task=self.task,
            time_column=self.spec.data.time_column,
            where=where,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Challenger:
    """A fitted model and all that its manifest tells of the fit. `training_y`: labels, for the constant model."""

    pipeline: Pipeline
    data: bytes
    schema: FeatureSchema
    classes: tuple[str, ...]
    training_y: NDArray[Any]
    seconds: float
    warnings: tuple[str, ...]
    learned: Learned


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The gate's verdict and the challenger's own figures on the same rows."""

    verdict: Verdict
    score: Score
    constant_score: float


def problem_of(
    *, registry: Registry, spec: PolicySpec, table: Table, profile: Profile, champion: Champion | None
) -> Problem:
    """The metric for the classes in the data and those the champion knows. SpecError where it does not fit them."""
    known = () if champion is None else champion.manifest.classes
    classes = sorted({*(profile.classes or {}), *known})
    metric = resolve_metric(
        name=spec.evaluation.metric,
        task=profile.task,
        positive_class=spec.model.positive_class or (None if champion is None else champion.manifest.positive_class),
        classes=classes,
        show_classes=spec.validation.show_examples,
    )
    return Problem(registry=registry, spec=spec, task=profile.task, table=table, metric=metric)


def _answers(*, problem: Problem, champion: Champion, samples: Samples) -> Prediction:
    """What the champion says. RegistryDamaged if its model cannot be trusted or loaded."""
    manifest = champion.manifest
    if manifest.version not in problem.loaded:
        problem.loaded[manifest.version] = load_model(
            data=problem.registry.model(manifest=manifest),
            sha256=manifest.model_digest,
            versions=manifest.libraries,
        )
    return predict(model=problem.loaded[manifest.version], X=samples.X, task=problem.task)


def score_on(*, problem: Problem, champion: Champion, where: Where) -> Score:
    """The champion's score on some rows, seen through the columns of its own manifest."""
    samples = problem.samples(schema=champion.manifest.schema, where=where)
    prediction = _answers(problem=problem, champion=champion, samples=samples)
    return evaluate(metric=problem.metric, samples=samples, prediction=prediction)


def train_challenger(*, problem: Problem, profile: Profile, rows: Split) -> Challenger:
    """Learn the features and fit the spec's estimator, on training rows only."""
    schema = learn_schema(table=problem.table, profile=profile, spec=problem.spec, where=rows.train)
    samples = problem.samples(schema=schema, where=rows.train)
    fitted = train(spec=problem.spec.model, task=problem.task, schema=schema, samples=samples)
    return Challenger(
        pipeline=fitted.pipeline,
        data=dumps(model=fitted.pipeline),
        schema=schema,
        classes=fitted.classes,
        training_y=samples.y,
        seconds=fitted.seconds,
        warnings=fitted.warnings,
        learned=Learned(
            columns={
                name: problem.table.columns[name]
                for name in (*(feature.name for feature in schema.features), problem.spec.model.target)
            },
            empty=tuple(feature.name for feature in schema.features if profile.empty(feature.name)),
            labels=learn_labels(
                table=problem.table, target=problem.spec.model.target, task=problem.task, where=rows.train
            ),
        ),
    )


def judge_challenger(*, problem: Problem, challenger: Challenger, rows: Split, champion: Champion | None) -> Judgement:
    """Challenger against champion (or, without one, against the first version's floor) on the same holdout rows."""
    spec = problem.spec
    samples = problem.samples(schema=challenger.schema, where=rows.comparison)
    prediction = predict(model=challenger.pipeline, X=samples.X, task=problem.task)
    opponent = None
    if champion is not None:
        seen = problem.samples(schema=champion.manifest.schema, where=rows.comparison)
        if not np.array_equal(seen.unit, samples.unit) or not np.array_equal(seen.y, samples.y):
            raise RuntimeError("champion and challenger were given different rows of one holdout")
        opponent = _answers(problem=problem, champion=champion, samples=seen)
    comparison = compare(
        metric=problem.metric,
        samples=samples,
        challenger=prediction,
        champion=opponent,
        constant=constant_prediction(metric=problem.metric, training_y=challenger.training_y, rows=samples.rows),
        confidence=spec.promotion.confidence,
        min_rows=spec.data.holdout.min_rows,
        timed=spec.data.time_column is not None,
    )
    verdict = (
        judge_first(comparison=comparison, promotion=spec.promotion, threshold=spec.evaluation.threshold)
        if champion is None
        else judge(comparison=comparison, promotion=spec.promotion)
    )
    return Judgement(
        verdict=verdict,
        score=evaluate(metric=problem.metric, samples=samples, prediction=prediction),
        constant_score=comparison.constant,
    )
