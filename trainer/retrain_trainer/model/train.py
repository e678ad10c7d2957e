"""Fits one challenger. What is scored afterwards is exactly this object; nothing is fitted again after the gate."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.pipeline import Pipeline

from retrain_trainer.data.split import SplitRejected
from retrain_trainer.errors import SpecError
from retrain_trainer.features import FeatureSchema, Samples
from retrain_trainer.model.estimators import build_pipeline
from retrain_trainer.model.trust import without_functions
from retrain_trainer.spec import DEFAULT_ESTIMATOR, ModelSpec, Task


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """A fitted pipeline. `seconds` of fitting; `classes` as the model orders them, () for regression; `warnings`: what
    scikit-learn said while fitting (no convergence …), each once.
    """

    pipeline: Pipeline
    seconds: float
    classes: tuple[str, ...]
    warnings: tuple[str, ...]


def train(*, spec: ModelSpec, task: Task, schema: FeatureSchema, samples: Samples) -> Fitted:
    """Builds and fits the pipeline of a spec. Same spec, schema, samples and library versions: same model.

    Raises SpecError: what `build_pipeline` raises, and `TrainingFailed` when the estimator refuses parameters or rows
    (which it would do again, so the run is not retried). SplitRejected `OneClass`: a rare class has come only of late.
    """
    pipeline = build_pipeline(spec=spec, task=task, schema=schema)
    y = samples.y.astype(str) if task == "Classification" else samples.y.astype(np.float64)
    if task == "Classification" and samples.rows and (y == y[0]).all():
        raise SplitRejected(
            reason="OneClass",
            message=f"the target {spec.target[:60]!r} has the same value in all {samples.rows:,} training rows, though "
            "not in later ones; a classifier needs two classes: deliver more, or change spec.data.holdout or window",
        )
    started = time.monotonic()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            pipeline.fit(samples.X, y)
        except (ValueError, TypeError, IndexError, ArithmeticError, np.linalg.LinAlgError) as error:
            name = spec.estimator or DEFAULT_ESTIMATOR[task]
            raise SpecError(
                reason="TrainingFailed",
                message=f"spec.model: {name[:60]} cannot be fitted on {samples.rows:,} rows: "
                f"{' '.join(str(error).split())[:160]}",
            ) from error
    said = dict.fromkeys(" ".join(str(warning.message).split())[:200] for warning in caught)
    return Fitted(
        pipeline=without_functions(pipeline),
        seconds=time.monotonic() - started,
        classes=tuple(str(label) for label in pipeline.classes_) if task == "Classification" else (),
        warnings=tuple(said),
    )
