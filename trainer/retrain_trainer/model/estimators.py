"""An estimator's name and parameters → a pipeline that takes rows by name.

Names come from a fixed table, never from a dotted path, so that a policy cannot import code; an installed package adds
names under the entry-point group `retrain_trainer.estimators`. What goes between rows and estimator follows from the
estimator's own tags: those that take codes with missing values get them as they are; the others get imputed, scaled and
one-hot columns, sparse where they can.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.utils import get_tags

from retrain_trainer.errors import SpecError
from retrain_trainer.features import FeatureSchema
from retrain_trainer.model.encoder import RowEncoder
from retrain_trainer.spec import DEFAULT_ESTIMATOR, ModelSpec, Task

ENTRY_POINT_GROUP = "retrain_trainer.estimators"

#: One-hot columns per feature for estimators that take no sparse matrix; rarer categories share one.
DENSE_CATEGORIES = 32

_MODULES: dict[Task, dict[str, str]] = {
    "Classification": {
        "calibration": "CalibratedClassifierCV",
        "discriminant_analysis": "LinearDiscriminantAnalysis QuadraticDiscriminantAnalysis",
        "dummy": "DummyClassifier",
        "ensemble": "AdaBoostClassifier BaggingClassifier ExtraTreesClassifier GradientBoostingClassifier "
        "HistGradientBoostingClassifier RandomForestClassifier",
        "gaussian_process": "GaussianProcessClassifier",
        "linear_model": "LogisticRegression LogisticRegressionCV Perceptron RidgeClassifier RidgeClassifierCV "
        "SGDClassifier",
        "naive_bayes": "BernoulliNB CategoricalNB ComplementNB GaussianNB MultinomialNB",
        "neighbors": "KNeighborsClassifier NearestCentroid RadiusNeighborsClassifier",
        "neural_network": "MLPClassifier",
        "semi_supervised": "LabelPropagation LabelSpreading",
        "svm": "LinearSVC NuSVC SVC",
        "tree": "DecisionTreeClassifier ExtraTreeClassifier",
    },
    "Regression": {
        "cross_decomposition": "PLSRegression",
        "dummy": "DummyRegressor",
        "ensemble": "AdaBoostRegressor BaggingRegressor ExtraTreesRegressor GradientBoostingRegressor "
        "HistGradientBoostingRegressor RandomForestRegressor",
        "gaussian_process": "GaussianProcessRegressor",
        "kernel_ridge": "KernelRidge",
        "linear_model": "ARDRegression BayesianRidge ElasticNet ElasticNetCV GammaRegressor HuberRegressor Lars LarsCV "
        "Lasso LassoCV LassoLars LassoLarsCV LassoLarsIC LinearRegression OrthogonalMatchingPursuit "
        "OrthogonalMatchingPursuitCV PoissonRegressor QuantileRegressor RANSACRegressor Ridge RidgeCV SGDRegressor "
        "TheilSenRegressor TweedieRegressor",
        "neighbors": "KNeighborsRegressor RadiusNeighborsRegressor",
        "neural_network": "MLPRegressor",
        "svm": "LinearSVR NuSVR SVR",
        "tree": "DecisionTreeRegressor ExtraTreeRegressor",
    },
}

_TABLES: dict[Task, dict[str, str]] = {
    task: {name: f"sklearn.{module}" for module, names in modules.items() for name in names.split()}
    for task, modules in _MODULES.items()
}

_NESTED = "is built from another estimator, which a policy cannot name"
_SEVERAL = "predicts several targets, and a policy has one"
_GOING = "leaves scikit-learn in 1.10; SGDClassifier and SGDRegressor do the same"

#: Estimators of scikit-learn that a policy cannot use, and why.
UNSUPPORTED: dict[str, str] = {
    **dict.fromkeys(
        "ClassifierChain FixedThresholdClassifier OneVsOneClassifier OneVsRestClassifier OutputCodeClassifier "
        "RegressorChain SelfTrainingClassifier StackingClassifier StackingRegressor TransformedTargetRegressor "
        "TunedThresholdClassifierCV VotingClassifier VotingRegressor".split(),
        _NESTED,
    ),
    **dict.fromkeys(
        "CCA MultiOutputClassifier MultiOutputRegressor MultiTaskElasticNet MultiTaskElasticNetCV MultiTaskLasso "
        "MultiTaskLassoCV PLSCanonical".split(),
        _SEVERAL,
    ),
    **dict.fromkeys(["PassiveAggressiveClassifier", "PassiveAggressiveRegressor"], _GOING),
    "IsotonicRegression": "takes one single feature as a vector; HistGradientBoostingRegressor takes many",
}

#: Parameters that belong to the run, not to the policy, and why.
_REFUSED_PARAMETERS: dict[str, str] = {
    "n_jobs": "the run uses the cores of its container; set spec.job.resources",
    "verbose": "the run writes its own progress",
    "memory": "it would write a cache to the container's disk",
    "callback": "a policy holds no code",
    "callbacks": "a policy holds no code",
    "random_state": "set spec.model.seed",
}


def estimator_names(*, task: Task) -> tuple[str, ...]:
    """Names that `spec.model.estimator` may have for a task, sorted: scikit-learn's, then all registered ones."""
    return (*sorted(_TABLES[task]), *sorted(entry_points(group=ENTRY_POINT_GROUP).names))


def build_pipeline(*, spec: ModelSpec, task: Task, schema: FeatureSchema) -> Pipeline:
    """RowEncoder, what the estimator's tags call for, and the estimator, unfitted.

    Raises SpecError: `UnknownEstimator` (with the nearest names), `WrongTask`, `UnsupportedEstimator`,
    `UnknownParameter` (with the valid ones), `ParameterRefused`, `InvalidParameter`, `EstimatorUnloadable`.
    """
    name = spec.estimator or DEFAULT_ESTIMATOR[task]
    factory = _factory(name=name, task=task)
    estimator = _instance(name=name, factory=factory, parameters=spec.parameters, seed=spec.seed, schema=schema)
    wanted = "classifier" if task == "Classification" else "regressor"
    if get_tags(estimator).estimator_type != wanted:
        raise SpecError(
            reason="WrongTask", message=f"spec.model.estimator: {name[:60]} is no {wanted}, and the task is {task}"
        )
    return Pipeline(
        [("rows", RowEncoder(schema)), *_preparation(estimator=estimator, schema=schema), ("model", estimator)]
    )


def _factory(*, name: str, task: Task) -> Any:
    """The class of a name, or what an entry point registers under it."""
    if name in _TABLES[task]:
        return getattr(importlib.import_module(_TABLES[task][name]), name)
    for entry_point in entry_points(group=ENTRY_POINT_GROUP):
        if entry_point.name == name:
            try:
                return entry_point.load()
            except Exception as error:
                raise SpecError(
                    reason="EstimatorUnloadable",
                    message=f"spec.model.estimator: {name[:60]} is registered by an installed package as "
                    f"{entry_point.value[:60]} and cannot be imported: {str(error)[:60]}",
                ) from error
    if name in UNSUPPORTED:
        raise SpecError(reason="UnsupportedEstimator", message=f"spec.model.estimator: {name} {UNSUPPORTED[name]}")
    for other, table in _TABLES.items():
        if name in table:
            raise SpecError(
                reason="WrongTask",
                message=f"spec.model.estimator: {name} is for {other}, and the task is {task} "
                f"(spec.model.task, or from the target); for example {DEFAULT_ESTIMATOR[task]}",
            )
    near = difflib.get_close_matches(name, estimator_names(task=task), n=3, cutoff=0.4) or [DEFAULT_ESTIMATOR[task]]
    raise SpecError(
        reason="UnknownEstimator",
        message=f"spec.model.estimator: {name[:60]!r} is no {task} estimator of scikit-learn or an installed package; "
        f"nearest: {', '.join(near)}",
    )


def _instance(*, name: str, factory: Any, parameters: Mapping[str, Any], seed: int, schema: FeatureSchema) -> Any:
    """The estimator with the policy's parameters, the seed, and the mask of categorical columns where it takes one."""
    valid = {
        key
        for key, parameter in inspect.signature(factory).parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }
    for key in parameters:
        if key in _REFUSED_PARAMETERS:
            raise SpecError(
                reason="ParameterRefused",
                message=f"spec.model.parameters.{key} cannot be set: {_REFUSED_PARAMETERS[key]}",
            )
        if key not in valid:
            known = ", ".join(sorted(valid - set(_REFUSED_PARAMETERS)))
            raise SpecError(
                reason="UnknownParameter",
                message=f"spec.model.parameters.{key[:60]} is no parameter of {name[:60]}; it has: {known}",
            )
    given = dict(parameters)
    if "random_state" in valid:
        given["random_state"] = seed
    if "categorical_features" in valid and any(schema.categorical_mask):
        given.setdefault("categorical_features", list(schema.categorical_mask))
    try:
        return factory(**given)
    except (TypeError, ValueError) as error:
        raise SpecError(
            reason="InvalidParameter", message=f"spec.model.parameters: {name[:60]} refuses them: {str(error)[:120]}"
        ) from error


def _preparation(*, estimator: Any, schema: FeatureSchema) -> list[tuple[str, Any]]:
    """Steps between matrix and estimator: none for those that take missing values, else impute, scale and one-hot."""
    tags = get_tags(estimator).input_tags
    if tags.allow_nan:
        return []
    codes = [index for index, is_code in enumerate(schema.categorical_mask) if is_code]
    numbers = [index for index, is_code in enumerate(schema.categorical_mask) if not is_code]
    scaler = MinMaxScaler(clip=True) if tags.positive_only else StandardScaler()
    impute = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    one_hot = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        sparse_output=tags.sparse,
        max_categories=None if tags.sparse else DENSE_CATEGORIES,
        dtype=np.float64,
    )
    columns = [
        *([("numbers", make_pipeline(impute, scaler), numbers)] if numbers else []),
        *([("codes", one_hot, codes)] if codes else []),
    ]
    return [("columns", ColumnTransformer(columns, sparse_threshold=0.3 if tags.sparse else 0.0))]
