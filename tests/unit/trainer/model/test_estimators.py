"""Names and parameters of a policy become pipelines, or sentences."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from retrain_trainer.errors import SpecError
from retrain_trainer.features import Feature, FeatureSchema, Samples
from retrain_trainer.model.estimators import UNSUPPORTED, build_pipeline, estimator_names
from retrain_trainer.model.evaluate import predict
from retrain_trainer.model.train import train
from retrain_trainer.spec import ModelSpec, Scalar, Task
from sklearn.utils import all_estimators

from tests.unit.trainer.model.builders import SCHEMA, fitted, samples

TASKS: tuple[Task, Task] = ("Classification", "Regression")


@pytest.mark.parametrize("task", TASKS)
def test_every_estimator_of_scikit_learn_is_known_or_refused_with_a_reason(task: Task) -> None:
    kind = "classifier" if task == "Classification" else "regressor"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        theirs = {name for name, _ in all_estimators(type_filter=kind)}
    assert theirs <= set(estimator_names(task=task)) | set(UNSUPPORTED)
    assert set(estimator_names(task=task)) <= theirs


@pytest.mark.parametrize(
    ("task", "estimator", "parameters", "reason", "part"),
    [
        ("Classification", "HistGradientBoosting", {}, "UnknownEstimator", "HistGradientBoostingClassifier"),
        ("Classification", "sklearn.svm.SVC", {}, "UnknownEstimator", "no Classification estimator"),
        ("Classification", "os.system", {}, "UnknownEstimator", "nearest: "),
        ("Classification", "Ridge", {}, "WrongTask", "Ridge is for Regression"),
        ("Regression", "SVC", {}, "WrongTask", "SVC is for Classification"),
        ("Classification", "VotingClassifier", {}, "UnsupportedEstimator", "another estimator"),
        ("Classification", "SVC", {"c": 1}, "UnknownParameter", "it has: C, "),
        ("Classification", "BaggingClassifier", {"estimator__C": 1}, "UnknownParameter", "estimator__C"),
        ("Classification", "RandomForestClassifier", {"n_jobs": -1}, "ParameterRefused", "spec.job.resources"),
        ("Classification", "SVC", {"verbose": True}, "ParameterRefused", "progress"),
        ("Classification", "SVC", {"random_state": 3}, "ParameterRefused", "spec.model.seed"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    task: Task, estimator: str, parameters: dict[str, Scalar], reason: str, part: str
) -> None:
    spec = ModelSpec(target="y", estimator=estimator, parameters=parameters)
    with pytest.raises(SpecError) as caught:
        build_pipeline(spec=spec, task=task, schema=SCHEMA)
    assert caught.value.reason == reason
    assert part in caught.value.message


@pytest.mark.parametrize(
    ("task", "estimator", "steps"),
    [
        pytest.param("Classification", None, ["rows", "model"], id="boosting takes codes and missing values"),
        pytest.param("Regression", "RandomForestRegressor", ["rows", "model"], id="forests take missing values"),
        pytest.param("Classification", "LogisticRegression", ["rows", "columns", "model"], id="linear models do not"),
        pytest.param("Classification", "MultinomialNB", ["rows", "columns", "model"], id="nor counts"),
    ],
)
def test_preparation_follows_the_tags_of_the_estimator(task: Task, estimator: str | None, steps: list[str]) -> None:
    pipeline = build_pipeline(spec=ModelSpec(target="y", estimator=estimator), task=task, schema=SCHEMA)
    assert [name for name, _ in pipeline.steps] == steps


def test_boosting_knows_which_columns_are_codes() -> None:
    model = build_pipeline(spec=ModelSpec(target="y", seed=7), task="Classification", schema=SCHEMA).steps[-1][1]
    assert model.categorical_features == [False, True, False, False, False, False]
    assert model.random_state == 7


def test_the_same_spec_and_rows_give_the_same_model() -> None:
    X = samples(task="Classification", seed=1).X
    first, second = (
        predict(model=fitted(name="RandomForestClassifier", task="Classification").pipeline, X=X, task="Classification")
        for _ in range(2)
    )
    assert first.probabilities is not None
    np.testing.assert_array_equal(first.probabilities, second.probabilities)


def test_categories_never_seen_in_training_are_scored() -> None:
    data = samples(task="Classification")
    seen = Samples(X=data.X[data.X[:, 1] != 3], y=data.y[data.X[:, 1] != 3], unit=data.unit[data.X[:, 1] != 3])
    for name in ("HistGradientBoostingClassifier", "LogisticRegression", "GaussianNB", "CategoricalNB"):
        model = train(spec=ModelSpec(target="y", estimator=name), task="Classification", schema=SCHEMA, samples=seen)
        assert predict(model=model.pipeline, X=data.X, task="Classification").rows == data.rows


@pytest.mark.parametrize(
    ("estimator", "parameters", "part"),
    [
        pytest.param("SVC", {"C": -1}, "'C' parameter of SVC", id="a value out of range"),
        pytest.param("SVC", {"C": "much"}, "'C' parameter of SVC", id="text for a number"),
        pytest.param("NuSVC", {"nu": 1.0}, "nu is infeasible", id="a value the rows do not allow"),
    ],
)
def test_parameters_that_cannot_be_fitted_end_the_run_for_good(
    estimator: str, parameters: dict[str, Scalar], part: str
) -> None:
    with pytest.raises(SpecError, match="TrainingFailed") as caught:
        fitted(name=estimator, task="Classification", parameters=parameters)
    assert part in caught.value.message


def test_what_scikit_learn_warns_about_is_kept() -> None:
    model = fitted(name="MLPClassifier", task="Classification")
    assert any("converged" in text for text in model.warnings)
    assert model.classes == ("no", "yes")
    assert model.seconds > 0


PACKAGE = """
from sklearn.linear_model import LogisticRegression

class Careful(LogisticRegression):
    retrain_trusted_types = ("careful.Part", 5)

def broken():
    raise RuntimeError
"""


@pytest.fixture
def installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A package on the path that registers estimators, as `pip install` would leave it."""
    (tmp_path / "careful.py").write_text(PACKAGE)
    metadata = tmp_path / "careful-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: careful\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[retrain_trainer.estimators]\nCareful = careful:Careful\nGone = careful:Gone\nSVC = careful:Careful\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    import sys

    sys.modules.pop("careful", None)


@pytest.mark.usefixtures("installed_package")
def test_an_installed_package_adds_estimators_and_trusts_its_own_types() -> None:
    from retrain_trainer.model.trust import trusted_types

    schema = FeatureSchema(features=(Feature(name="load", kind="numeric"),))

    def build(name: str) -> Any:
        spec = ModelSpec(target="y", estimator=name, parameters={"C": 2.0})
        return build_pipeline(spec=spec, task="Classification", schema=schema)

    assert type(build("Careful").steps[-1][1]).__name__ == "Careful"
    assert type(build("SVC").steps[-1][1]).__module__.startswith("sklearn"), "scikit-learn's names cannot be taken"
    assert trusted_types() == {"careful.Careful", "careful.Part"}
    with pytest.raises(SpecError, match="EstimatorUnloadable"):
        build("Gone")
