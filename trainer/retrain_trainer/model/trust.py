"""The types that a model file may hold. They stand here, in code: a file that brings its own list trusts itself.

These are what the estimators of `estimators.py` are made of beyond what skops trusts by default (scikit-learn's public
estimators, numpy arrays, plain containers). No function, no `functools.partial`, nothing that calls what it is given. A
test fits and saves every estimator and fails when this list has too little or too much, so that a new scikit-learn is
read before it is used.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from retrain_trainer.model.estimators import ENTRY_POINT_GROUP

FIXED_TYPES: frozenset[str] = frozenset(
    {
        "numpy.dtype",
        "retrain_trainer.model.encoder.RowEncoder",
        "sklearn._loss.loss.HalfTweedieLoss",
        "sklearn._loss.loss.HalfTweedieLossIdentity",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        # Trees are walked in C without bounds checks; trees.py checks them, and a child process tries them.
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.tree._tree.Tree",
        "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
        "sklearn.gaussian_process.kernels.ConstantKernel",
        "sklearn.gaussian_process.kernels.Product",
        "sklearn.gaussian_process.kernels.RBF",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.metrics._dist_metrics.ManhattanDistance64",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    }
)


def without_functions(pipeline: Pipeline) -> Pipeline:
    """Takes the one function out of a fitted pipeline that scikit-learn puts there, so that no model file holds code.

    Histogram gradient boosting with categorical features keeps `partial(check_array, …)` for its numeric columns. What
    comes out of the RowEncoder is float64 already, so the identity does the same; without it, `functools.partial` would
    have to be trusted when models are loaded.
    """
    columns = getattr(pipeline.steps[-1][1], "_preprocessor", None)
    if isinstance(columns, ColumnTransformer):
        for attribute in ("transformers", "transformers_"):
            steps = [(name, _identity(step), where) for name, step, where in getattr(columns, attribute)]
            setattr(columns, attribute, steps)
    return pipeline


def _identity(step: Any) -> Any:
    if not isinstance(step, FunctionTransformer) or step.func is None:
        return step
    identity = FunctionTransformer()
    if hasattr(step, "n_features_in_"):
        identity.n_features_in_ = step.n_features_in_
    return identity


def trusted_types() -> frozenset[str]:
    """Types that installed entry points vouch for when a model is loaded.

    The registered class itself, and the names in its attribute `retrain_trusted_types`, if it has one. An entry point
    that cannot be imported adds nothing.
    """
    types: set[str] = set()
    for entry_point in entry_points(group=ENTRY_POINT_GROUP):
        try:
            factory = entry_point.load()
        except Exception:  # noqa: S112  # a broken package must not stop models that do not use it
            continue
        if isinstance(factory, type):
            types.add(f"{factory.__module__}.{factory.__qualname__}")
        types.update(name for name in getattr(factory, "retrain_trusted_types", ()) if isinstance(name, str))
    return frozenset(types)
