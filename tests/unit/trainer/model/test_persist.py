"""Models survive saving; files that are not ours are refused, for the right reason, and nothing of theirs runs."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from retrain_trainer.errors import RegistryDamaged, SpecError
from retrain_trainer.model.encoder import RowEncoder
from retrain_trainer.model.estimators import estimator_names
from retrain_trainer.model.persist import check_archive, digest, dumps, library_versions, load_model, parse, save
from retrain_trainer.model.trees import check_trees
from retrain_trainer.model.trust import FIXED_TYPES
from retrain_trainer.spec import Scalar, Task
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from skops.io import dumps as skops_dumps
from skops.io import get_untrusted_types

from tests.unit.trainer.model.builders import PARAMETERS, SCHEMA, fitted, samples

EVERY: list[tuple[str, Task]] = [
    (name, task) for task in ("Classification", "Regression") for name in estimator_names(task=task)
]  # fmt: skip

#: Parameters that bring types which the defaults do not.
VARIANTS: list[tuple[str, Task, dict[str, Scalar]]] = [
    ("KNeighborsClassifier", "Classification", {"metric": "manhattan"}),
    ("KNeighborsClassifier", "Classification", {"algorithm": "ball_tree"}),
    ("MLPClassifier", "Classification", {"solver": "sgd", "max_iter": 5}),
    ("TweedieRegressor", "Regression", {"power": 1.5, "link": "log"}),
    ("GradientBoostingRegressor", "Regression", {"loss": "huber", "n_estimators": 3}),
    ("HistGradientBoostingRegressor", "Regression", {"loss": "quantile", "quantile": 0.9, "max_iter": 3}),
    ("CalibratedClassifierCV", "Classification", {"method": "isotonic"}),
    ("SGDClassifier", "Classification", {"loss": "modified_huber"}),
]


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """Every estimator and variant, saved, by name and parameters."""
    saved = {name: dumps(model=fitted(name=name, task=task).pipeline) for name, task in EVERY}
    for name, task, parameters in VARIANTS:
        saved[f"{name} {parameters}"] = dumps(model=fitted(name=name, task=task, parameters=parameters).pipeline)
    return saved


@pytest.mark.parametrize(("name", "task"), EVERY)
def test_every_estimator_predicts_the_same_after_saving(name: str, task: Task, files: dict[str, bytes]) -> None:
    data = samples(task=task, seed=1)
    before, after = fitted(name=name, task=task).pipeline, parse(files[name])
    np.testing.assert_array_equal(before.predict(data.X), after.predict(data.X))
    if hasattr(before, "predict_proba"):
        np.testing.assert_array_equal(before.predict_proba(data.X), after.predict_proba(data.X))
    assert after.steps[0][1].schema == SCHEMA


def test_the_list_of_trusted_types_has_nothing_too_little_and_nothing_too_much(files: dict[str, bytes]) -> None:
    needed = {name for data in files.values() for name in get_untrusted_types(data=data)}
    assert needed == FIXED_TYPES
    assert not any("partial" in name or "builtins" in name for name in FIXED_TYPES)


def test_a_model_of_a_type_that_would_not_load_is_not_saved() -> None:
    pipeline = Pipeline([("rows", RowEncoder(SCHEMA)), ("model", FunctionTransformer(func=json.loads))])
    with pytest.raises(SpecError, match="UnsaveableModel"):
        dumps(model=pipeline)


def test_a_saved_file_loads_by_its_digest_and_predicts_by_name(tmp_path: Path) -> None:
    model = fitted(name=None, task="Classification").pipeline
    path = tmp_path / "model.skops"
    sha256 = save(model=model, path=path)
    rows = [{"load": 2.0, "depot": "south", "express": True, "sent": "2026-03-01T10:00:00Z"}]
    for form in (sha256, sha256.removeprefix("sha256:")):
        loaded = load_model(data=path, sha256=form, versions=library_versions())
        np.testing.assert_array_equal(loaded.predict_proba(rows), model.predict_proba(rows))


def reason_of(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(RegistryDamaged) as caught:
        call()
    assert caught.value.exit_code == 65
    assert len(caught.value.message) <= 400
    return caught.value.reason, caught.value.message


def test_a_file_that_is_not_there_is_missing(tmp_path: Path) -> None:
    reason, message = reason_of(lambda: load_model(data=tmp_path / "model.skops", sha256="sha256:00"))
    assert (reason, "model.skops" in message) == ("ChampionMissing", True)


class _Loaded:
    """Would tell if it was ever unpickled."""

    happened = False

    def __reduce__(self) -> Any:
        return (setattr, (_Loaded, "happened", True))


def with_parts(data: bytes, change: Callable[[dict[str, bytes]], object]) -> bytes:
    """The same zip with changed parts."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def test_one_changed_byte_is_refused_before_anything_is_parsed(files: dict[str, bytes]) -> None:
    data = files["LogisticRegression"]
    changed = data[:-1] + bytes([data[-1] ^ 1])
    reason, message = reason_of(lambda: load_model(data=changed, sha256=digest(data)))
    assert (reason, "its manifest says" in message) == ("ChampionCorrupt", True)
    reason, _ = reason_of(lambda: load_model(data=pickle.dumps(_Loaded()), sha256=digest(data)))
    assert (reason, _Loaded.happened) == ("ChampionCorrupt", False)


def renamed_joblib() -> bytes:
    out = io.BytesIO()
    joblib.dump(_Loaded(), out)
    return out.getvalue()


def bomb() -> bytes:
    """Says that it unpacks to 4 GiB."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b"{}")
        archive.writestr("a.npy", bytes(1000))
    data = bytearray(out.getvalue())
    at = data.rindex(b"PK\x01\x02") + 24
    data[at : at + 4] = (0xFFFFFFF0).to_bytes(4, "little")
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "part"),
    [
        pytest.param(renamed_joblib, "never loaded", id="a joblib file under our name"),
        pytest.param(lambda: pickle.dumps(_Loaded()), "never loaded", id="a pickle under our name"),
        pytest.param(lambda: b"", "never loaded", id="nothing"),
        pytest.param(lambda: b"PK\x03\x04 and no more", "no whole zip", id="half a zip"),
        pytest.param(lambda: with_parts(zipped(), lambda p: p.update({"x.pkl": b""})), "'x.pkl'", id="a pickle inside"),
        pytest.param(lambda: with_parts(zipped(), lambda p: p.update({"../x.npy": b""})), "'../x", id="a way out"),
        pytest.param(
            lambda: with_parts(zipped(), lambda p: p.update({"a.npy": p.pop("schema.json")})), "schema", id="no head"
        ),
        pytest.param(bomb, "would unpack to 4,294,96", id="a bomb"),
    ],
)
def test_what_is_no_skops_file_is_refused_by_its_outside(
    data: Callable[[], bytes], part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrain_trainer.model.persist.MAX_UNPACKED_BYTES", 1 << 31)
    content = data()
    reason, message = reason_of(lambda: check_archive(content))
    assert (reason, part in message) == ("ChampionCorrupt", True)
    assert not _Loaded.happened


def zipped() -> bytes:
    return skops_dumps(LogisticRegression())  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("model", "reason", "part"),
    [
        pytest.param(FunctionTransformer(func=json.loads), "ChampionUntrusted", "json", id="a function"),
        pytest.param(Path("/etc/passwd"), "ChampionUntrusted", "pathlib", id="a type of Python"),
        pytest.param(LogisticRegression(), "ChampionUntrusted", "no pipeline of this trainer", id="an estimator alone"),
        pytest.param(
            Pipeline([("model", LogisticRegression())]),
            "ChampionUntrusted",
            "no pipeline",
            id="a pipeline without rows",
        ),
    ],
)
def test_types_that_are_not_ours_are_refused(model: Any, reason: str, part: str) -> None:
    found, message = reason_of(lambda: parse(skops_dumps(model)))
    assert (found, part in message) == (reason, True), message


def test_a_file_cannot_trust_itself(files: dict[str, bytes]) -> None:
    def change(parts: dict[str, bytes]) -> None:
        schema = json.loads(parts["schema.json"])
        schema["__module__"], schema["__class__"] = "os", "system"
        schema["trusted"] = ["os.system"]
        parts["schema.json"] = json.dumps(schema).encode()

    reason, message = reason_of(lambda: parse(with_parts(files["LogisticRegression"], change)))
    assert (reason, "os.system" in message) == ("ChampionUntrusted", True)


def test_a_model_of_another_scikit_learn_names_the_versions(files: dict[str, bytes]) -> None:
    def change(parts: dict[str, bytes]) -> None:
        versions = library_versions()
        parts["schema.json"] = parts["schema.json"].replace(versions["scikit-learn"].encode(), b"1.5.0")

    reason, message = reason_of(
        lambda: parse(with_parts(files["LogisticRegression"], change), versions={"scikit-learn": "1.5.0"})
    )
    assert reason == "ChampionUnloadable"
    assert "scikit-learn 1.5.0 (here " in message


def broken(model: Pipeline, change: Callable[[Any], None]) -> Pipeline:
    """A model whose first tree was changed, as one in a tampered file would be."""
    estimator = model.steps[-1][1]
    if hasattr(estimator, "_predictors"):
        nodes = estimator._predictors[0][0].nodes.copy()
        change(nodes)
        estimator._predictors[0][0].nodes = nodes
        return model
    tree = estimator.tree_
    state = tree.__getstate__()
    state["nodes"] = state["nodes"].copy()
    change(state["nodes"])
    tree.__setstate__(state)
    return model


def set_root(field: str, value: int) -> Callable[[Any], None]:
    def change(nodes: Any) -> None:
        nodes[field][0] = value

    return change


@pytest.mark.parametrize(
    ("name", "field", "value", "part"),
    [
        ("DecisionTreeClassifier", "left_child", 1 << 28, "outside itself"),
        ("DecisionTreeClassifier", "right_child", 0, "backwards"),
        ("DecisionTreeClassifier", "feature", 1 << 20, "feature that is not there"),
        ("HistGradientBoostingClassifier", "left", 1 << 28, "outside itself"),
        ("HistGradientBoostingClassifier", "right", 0, "backwards"),
        ("HistGradientBoostingClassifier", "feature_idx", 1 << 20, "feature that is not there"),
    ],
)
def test_a_tree_that_points_elsewhere_is_refused_before_it_predicts(
    name: str, field: str, value: int, part: str
) -> None:
    model = broken(fitted(name=name, task="Classification").pipeline, set_root(field, value))
    with pytest.raises(ValueError, match=part):
        check_trees(model)
    reason, message = reason_of(lambda: parse(dumps(model=model)))
    assert (reason, part in message) == ("ChampionUntrusted", True)


def test_a_file_that_kills_its_process_kills_only_the_child(files: dict[str, bytes]) -> None:
    """The index of a k-d tree is walked in C too, and no check of ours knows how."""

    def change(parts: dict[str, bytes]) -> None:
        for name in [name for name in parts if name.endswith(".npy")]:
            array = np.load(io.BytesIO(parts[name]))
            if array.dtype == np.int64 and array.ndim == 1 and list(np.sort(array)) == list(range(len(array))):
                out = io.BytesIO()
                np.save(out, np.full_like(array, 1 << 44))
                parts[name] = out.getvalue()

    data = with_parts(files["KNeighborsRegressor"], change)
    reason, message = reason_of(lambda: load_model(data=data, sha256=digest(data)))
    assert reason == "ChampionUntrusted"
    assert "child process" in message
    assert "status -11" in message, "SIGSEGV"


def test_what_the_child_refuses_keeps_its_reason() -> None:
    data = skops_dumps(FunctionTransformer(func=json.loads), compression=zipfile.ZIP_DEFLATED)
    reason, message = reason_of(lambda: load_model(data=data, sha256=digest(data)))
    assert (reason, "json" in message) == ("ChampionUntrusted", True)


def test_every_estimator_needs_no_parameters_that_are_not_named_here() -> None:
    assert set(PARAMETERS) <= {name for name, _ in EVERY}
