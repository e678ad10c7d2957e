"""The steps of a run that need scikit-learn: score the champion, train a challenger, compare them on the same rows.

Imported only when a run comes to these steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from retrain_trainer.data.drift import learn_shares
from retrain_trainer.data.labels import learn_labels
from retrain_trainer.data.matrix import learn_schema, read_samples, read_texts
from retrain_trainer.data.profile import Profile
from retrain_trainer.data.split import Split
from retrain_trainer.data.table import Table, Where
from retrain_trainer.errors import RegistryDamaged, SpecError
from retrain_trainer.features import FeatureSchema, Samples, whole_texts
from retrain_trainer.learned import Learned
from retrain_trainer.model.compare import Comparison, Guard, compare, guardrail, resolve_guards, slices
from retrain_trainer.model.evaluate import PredictionFailed, Score, constant_prediction, evaluate, predict
from retrain_trainer.model.gate import Verdict, judge
from retrain_trainer.model.leak import better_of, most_telling, suspicion
from retrain_trainer.model.metrics import Metric, resolve_metric
from retrain_trainer.model.persist import dumps, library_versions, load_model
from retrain_trainer.model.prediction import Prediction, of_whole_labels
from retrain_trainer.model.train import train
from retrain_trainer.registry.manifest import Manifest
from retrain_trainer.registry.registry import Champion, Registry
from retrain_trainer.spec import DEFAULT_ESTIMATOR, GuardSpec, PolicySpec, Task


class Incomparable(Exception):
    """A champion whose answers cannot be had: its file is for other library versions, it fails on these rows, or the
    metric asks for more than it gives. The text says why.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is to be learned from which table. `loaded`: champions by version, since loading one takes a second."""

    registry: Registry
    spec: PolicySpec
    task: Task
    table: Table
    metric: Metric
    guards: tuple[tuple[GuardSpec, Metric], ...] = ()
    loaded: dict[int, Pipeline] = field(default_factory=dict)

    def samples(self, *, schema: FeatureSchema, where: Where) -> Samples:
        """Labelled rows in the form that a model of this schema takes."""
        return read_samples(
            table=self.table,
            schema=schema,
            target=self.spec.model.target,
            task=self.task,
            time_column=self.spec.data.time_column,
            group_column=self.spec.data.holdout.group_column,
            where=where,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Challenger:
    """A fitted model and all that its manifest tells of the fit."""

    pipeline: Pipeline
    data: bytes
    schema: FeatureSchema
    classes: tuple[str, ...]
    training: Samples
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
    """The metrics for the classes in the data and those the champion knows. SpecError where one does not fit them."""
    known = () if champion is None else champion.manifest.classes
    if table.columns.get(spec.model.target) in ("Integer", "Number"):
        known = whole_texts(known)
    classes = sorted({*(profile.classes or {}), *known})
    positive = spec.model.positive_class or (None if champion is None else champion.manifest.positive_class)
    metric = resolve_metric(
        name=spec.evaluation.metric,
        task=profile.task,
        positive_class=positive,
        classes=classes,
        show_classes=spec.validation.show_examples,
    )
    guards = resolve_guards(
        guards=[*spec.evaluation.guardrails, *spec.evaluation.slices],
        main=metric,
        task=profile.task,
        positive_class=positive,
        classes=classes,
        show_classes=spec.validation.show_examples,
    )
    return Problem(registry=registry, spec=spec, task=profile.task, table=table, metric=metric, guards=guards)


def answers_of(*, problem: Problem, manifest: Manifest, samples: Samples) -> Prediction:
    """What a version says. Raises Incomparable; RegistryDamaged if its model cannot be trusted."""
    if manifest.version not in problem.loaded:
        try:
            problem.loaded[manifest.version] = load_model(
                data=problem.registry.versions.model(manifest=manifest),
                sha256=manifest.model_digest,
                versions=manifest.libraries,
                any_version=True,
            )
        except RegistryDamaged as error:
            # Its bytes are those that were published. What other library versions wrote may hold types that these do
            # not know; it is not loaded, but it is no sign of tampering either.
            upgraded = error.reason == "ChampionUntrusted" and _other_libraries(manifest.libraries)
            if error.reason != "ChampionUnloadable" and not upgraded:
                raise
            raise Incomparable(f"{_upgrade(manifest.libraries)}{error.message}") from error
    try:
        prediction = predict(model=problem.loaded[manifest.version], X=samples.X, task=problem.task)
    except PredictionFailed as why:
        raise Incomparable(str(why)) from why
    if problem.table.columns[problem.spec.model.target] in ("Integer", "Number"):
        prediction = of_whole_labels(prediction)
    if not problem.metric.fits(prediction):
        raise Incomparable(f"{problem.metric.name} needs probabilities, which version {manifest.version} does not give")
    return prediction


def _other_libraries(made: Mapping[str, str]) -> bool:
    here = library_versions()
    return any(made.get(name) != here.get(name) for name in ("scikit-learn", "numpy", "scipy", "skops"))


def _upgrade(made: Mapping[str, str]) -> str:
    before, here = made.get("scikit-learn"), library_versions().get("scikit-learn")
    return "" if before == here else f"it was made with scikit-learn {before}, this is {here}; "


def score_on(*, problem: Problem, champion: Champion, where: Where) -> Score:
    """The champion's score on some rows, seen through the columns of its own manifest. Raises Incomparable."""
    samples = problem.samples(schema=champion.manifest.schema, where=where)
    prediction = answers_of(problem=problem, manifest=champion.manifest, samples=samples)
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
        training=samples,
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
            features=learn_shares(table=problem.table, schema=schema, where=rows.train),
        ),
    )


def judge_challenger(
    *, problem: Problem, challenger: Challenger, rows: Split, champion: Champion | None, incomparable: str = ""
) -> Judgement:
    """Challenger against champion on the same holdout rows; or, without one or where it is `incomparable` (why),
    against the floor of a first version. SpecError `TrainingFailed` where the challenger cannot predict them.
    """
    spec = problem.spec
    samples = problem.samples(schema=challenger.schema, where=rows.comparison)
    try:
        prediction = predict(model=challenger.pipeline, X=samples.X, task=problem.task)
    except PredictionFailed as why:
        name = spec.model.estimator or DEFAULT_ESTIMATOR[problem.task]
        message = f"spec.model: {name[:60]} was fitted, and {why}"
        raise SpecError(reason="TrainingFailed", message=message) from why
    opponent = None
    if champion is not None and not incomparable:
        seen = problem.samples(schema=champion.manifest.schema, where=rows.comparison)
        if not np.array_equal(seen.unit, samples.unit) or not np.array_equal(seen.y, samples.y):
            raise RuntimeError("champion and challenger were given different rows of one holdout")
        opponent = answers_of(problem=problem, manifest=champion.manifest, samples=seen)
    comparison = compare(
        metric=problem.metric,
        samples=samples,
        challenger=prediction,
        champion=opponent,
        constant=constant_prediction(metric=problem.metric, training_y=challenger.training.y, rows=samples.rows),
        confidence=spec.promotion.confidence,
        min_rows=spec.data.holdout.min_rows,
        guards=_guards(problem=problem, rows=rows, samples=samples, challenger=prediction, champion=opponent),
        incomparable=incomparable,
        show_values=spec.validation.show_examples,
    )
    verdict = _judged(problem=problem, comparison=comparison)
    if verdict.verdict == "Better":  # only then does it matter, and it costs a tree for each column
        before = None if opponent is None or champion is None else champion.manifest
        known = None if before is None or before.metric != problem.metric.name else before.score
        telling = most_telling(
            schema=challenger.schema, training=challenger.training, holdout=samples, task=problem.task
        )
        text = suspicion(
            telling=telling,
            metric=problem.metric,
            challenger=comparison.challenger,
            best_before=better_of(metric=problem.metric, scores=[comparison.champion, known]),
        )
        verdict = _judged(problem=problem, comparison=replace(comparison, suspicion=text))
        if verdict.reason == "FirstModel" and telling is not None:
            # Nothing to compare a first model with: a person sees at once whether one column carries it all.
            told = f"{verdict.message}; column {telling.column[:60]!r} alone has {telling.metric} {telling.score:.4g}"
            verdict = replace(verdict, message=told)
    return Judgement(
        verdict=verdict,
        score=evaluate(metric=problem.metric, samples=samples, prediction=prediction),
        constant_score=comparison.constant,
    )


def _judged(*, problem: Problem, comparison: Comparison) -> Verdict:
    spec = problem.spec
    return judge(
        comparison=comparison,
        promotion=spec.promotion,
        threshold=spec.evaluation.threshold,
        min_per_class=spec.data.holdout.min_per_class,
    )


def _guards(
    *, problem: Problem, rows: Split, samples: Samples, challenger: Prediction, champion: Prediction | None
) -> tuple[Guard, ...]:
    spec, found = problem.spec, []
    for guard, metric in problem.guards:
        part: dict[str, Any] = {
            "guard": guard,
            "metric": metric,
            "samples": samples,
            "challenger": challenger,
            "champion": champion,
            "confidence": spec.promotion.confidence,
        }
        if guard.column is None:
            found.append(guardrail(**part))
            continue
        values = read_texts(
            table=problem.table, column=guard.column, time_column=spec.data.time_column, where=rows.comparison
        )
        found += slices(values=values, show_values=spec.validation.show_examples, **part)
    return tuple(found)
