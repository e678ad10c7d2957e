"""Small data with every kind of feature, and models fitted on it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from retrain_trainer.features import Feature, FeatureSchema, Samples
from retrain_trainer.model.prediction import Prediction
from retrain_trainer.model.train import Fitted, train
from retrain_trainer.spec import ModelSpec, Scalar, Task

SCHEMA = FeatureSchema(
    features=(
        Feature(name="load", kind="numeric"),
        Feature(name="depot", kind="categorical", categories=("north", "south", "west")),
        Feature(name="express", kind="boolean"),
        Feature(name="sent", kind="datetime"),
    )
)

#: Parameters without which an estimator is slow, or cannot be fitted, on the small data.
PARAMETERS: dict[str, dict[str, Scalar]] = {
    "HistGradientBoostingClassifier": {"max_iter": 10},
    "HistGradientBoostingRegressor": {"max_iter": 10},
    "GradientBoostingClassifier": {"n_estimators": 10},
    "GradientBoostingRegressor": {"n_estimators": 10},
    "RandomForestClassifier": {"n_estimators": 10},
    "RandomForestRegressor": {"n_estimators": 10},
    "ExtraTreesClassifier": {"n_estimators": 10},
    "ExtraTreesRegressor": {"n_estimators": 10},
    "AdaBoostClassifier": {"n_estimators": 5},
    "AdaBoostRegressor": {"n_estimators": 5},
    "LogisticRegressionCV": {"Cs": 2, "cv": 2, "scoring": "accuracy"},
    "MLPClassifier": {"hidden_layer_sizes": 4, "max_iter": 20},
    "MLPRegressor": {"hidden_layer_sizes": 4, "max_iter": 20},
    "NuSVC": {"nu": 0.3},
    "QuadraticDiscriminantAnalysis": {"reg_param": 0.5},
    "RadiusNeighborsClassifier": {"radius": 100.0},
    "RadiusNeighborsRegressor": {"radius": 100.0},
    "TheilSenRegressor": {"max_subpopulation": 50},
}


def samples(*, task: Task, rows: int = 200, seed: int = 0, days: int = 10) -> Samples:
    """Rows whose target depends on `load` and on one depot; a twentieth of the values is missing."""
    draw = np.random.default_rng(seed)
    X = np.column_stack(
        [
            draw.normal(size=rows),
            draw.integers(0, 4, rows),
            draw.integers(0, 2, rows),
            draw.integers(1, 13, rows),
            draw.integers(1, 8, rows),
            draw.integers(0, 24, rows),
        ]
    ).astype(np.float64)
    signal = X[:, 0] + (X[:, 1] == 1) + draw.normal(size=rows) / 2
    X[draw.random(X.shape) < 0.05] = np.nan
    unit = np.sort(draw.integers(0, days, rows)) + 20_000
    if task == "Regression":
        return Samples(X=X, y=np.exp(signal / 3), unit=unit)
    return Samples(X=X, y=np.where(signal > 0, "yes", "no").astype(object), unit=unit)


def fitted(*, name: str | None, task: Task, parameters: Mapping[str, Scalar] | None = None) -> Fitted:
    """A model of one estimator on `samples`."""
    chosen = PARAMETERS.get(name or "HistGradientBoostingClassifier", {}) if parameters is None else parameters
    spec = ModelSpec(target="y", estimator=name, parameters=chosen)
    return train(spec=spec, task=task, schema=SCHEMA, samples=samples(task=task))


def two_class(*, positive: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Prediction:
    """A prediction of the classes no and yes from the probability of yes."""
    return Prediction(
        labels=np.where(positive > 0.5, "yes", "no"),
        classes=("no", "yes"),
        probabilities=np.column_stack([1 - positive, positive]),
    )
