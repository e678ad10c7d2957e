"""Scores that look too good: what is suspected, and what is not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from retrain_trainer.features import Feature, FeatureSchema, Samples
from retrain_trainer.model.leak import Telling, better_of, most_telling, suspicion
from retrain_trainer.model.metrics import Metric, resolve_metric

from examples.flights.months import flights_by_month
from tests.unit.trainer.run.builders import Site, spec


def metric(name: str) -> Metric:
    task: Any = "Classification" if name in ("roc_auc", "log_loss") else "Regression"
    return resolve_metric(name=name, task=task, positive_class=None, classes=("no", "yes"))


@pytest.mark.parametrize(
    ("name", "alone", "challenger", "before", "suspected"),
    [
        pytest.param("roc_auc", 0.989, 0.995, None, False, id="a first model, no column alone"),
        pytest.param("roc_auc", 0.99, 0.995, None, True, id="a first model, one column alone"),
        pytest.param("roc_auc", 0.7, 0.84, 0.70, False, id="AUC: a little under half of the error gone"),
        pytest.param("roc_auc", 0.7, 0.86, 0.70, True, id="AUC: more than half"),
        pytest.param("roc_auc", 0.7, 0.68, 0.70, False, id="a worse score"),
        pytest.param("log_loss", 0.7, 0.4, 0.6, False, id="log loss: a third gone"),
        pytest.param("log_loss", 0.7, 0.2, 0.6, True, id="log loss: two thirds"),
        pytest.param("neg_mean_absolute_error", 0.7, -8.0, -10.0, False, id="an error with its sign: a fifth"),
        pytest.param("neg_mean_absolute_error", 0.7, -4.0, -10.0, True, id="an error with its sign: 60 %"),
        pytest.param("r2", None, 0.5, 0.4, False, id="r2, nothing known of columns"),
    ],
)
def test_suspicion(name: str, alone: float | None, challenger: float, before: float | None, suspected: bool) -> None:
    telling = None if alone is None else Telling(column="x", metric="roc_auc", score=alone)
    text = suspicion(telling=telling, metric=metric(name), challenger=challenger, best_before=before)
    assert bool(text) == suspected, text
    assert len(text) <= 200


def test_a_decayed_champion_is_measured_by_its_best_day() -> None:
    assert better_of(metric=metric("roc_auc"), scores=[0.4, 0.9, None]) == 0.9
    assert better_of(metric=metric("log_loss"), scores=[0.7, 0.4, float("nan")]) == 0.4
    assert better_of(metric=metric("r2"), scores=[None]) is None


@pytest.mark.parametrize("task", ["Classification", "Regression", "three classes"])
def test_the_column_that_tells_most_is_found_whatever_its_form(task: str) -> None:
    draw = np.random.default_rng(1)
    noise, hump, code = draw.normal(size=(2, 3000)), draw.normal(size=3000), draw.integers(0, 9, 3000)
    target = {
        "Classification": np.where(np.abs(hump) > 0.7, "yes", "no").astype(object),  # not monotone
        "Regression": np.array([3.0, 9, 1, 7, 2, 8, 4, 6, 5])[code],  # of codes in no order
        "three classes": np.array(["a", "b", "c"], dtype=object)[code % 3],
    }[task]
    noise[0, ::7] = np.nan
    samples = Samples(X=np.column_stack([noise[0], hump, code, noise[1]]).astype(float), y=target, unit=np.arange(3000))
    schema = FeatureSchema(
        features=(
            Feature(name="noise", kind="numeric"),
            Feature(name="hump", kind="numeric"),
            Feature(name="code", kind="categorical", categories=tuple("abcdefgh")),
            Feature(name="more", kind="numeric"),
        )
    )
    kind: Any = "Regression" if task == "Regression" else "Classification"
    found = most_telling(schema=schema, training=samples, holdout=samples, task=kind)
    assert found is not None
    assert found.column == ("hump" if task == "Classification" else "code")
    assert found.score > 0.99


@pytest.mark.parametrize("huge", [1e39, -1e39, 1.7976931348623157e308])
def test_a_value_that_no_tree_can_hold_is_the_largest_one_it_can(huge: float) -> None:
    draw = np.random.default_rng(1)
    x = draw.normal(size=(2000, 1))
    x[::9] = huge
    y = np.where(x[:, 0] > 0, "yes", "no").astype(object)
    samples = Samples(X=x, y=y, unit=np.arange(2000))
    schema = FeatureSchema(features=(Feature(name="x", kind="numeric"),))
    found = most_telling(schema=schema, training=samples, holdout=samples, task="Classification")
    assert found is not None
    assert (found.column, found.score > 0.99) == ("x", True)


@pytest.fixture(scope="module")
def flights() -> list[list[str]]:
    """Every fourth flight of three months, with what is known only after departure and after arrival."""
    by_month = flights_by_month(afterwards=("dep_delay", "arr_delay"))
    return [[lines[0], *lines[1::4]] for lines in (by_month[month].splitlines() for month in (1, 2, 3))]


def test_delays_known_only_afterwards_wait_for_a_person(flights: list[list[str]], tmp_path: Path) -> None:
    site = Site(root=tmp_path)
    (tmp_path / "rows/in").mkdir(parents=True)
    for month, lines in enumerate(flights, start=1):
        (tmp_path / f"rows/in/{month}.csv").write_text("\n".join(lines) + "\n")

    def run(*, exclude: list[str], root: str = "models") -> dict[str, Any]:
        (tmp_path / root).mkdir(exist_ok=True)
        policy = spec(
            data={"uri": "pvc://rows/in/*.csv", "timeColumn": "time_hour"},
            model={"target": "late", "parameters": {"max_iter": 30}, "features": {"exclude": ["flight", *exclude]}},
            evaluation={"metric": "roc_auc", "threshold": 0.55},
            registry={"uri": f"pvc://{root}"},
        )
        return site.run(spec=policy, now=datetime(2013, 4, 2, tzinfo=UTC))

    honest = run(exclude=["dep_delay", "arr_delay"])
    assert (honest["outcome"], honest["champion"]["version"]) == ("Promoted", 1)

    # The departure's delay does not tell all (AUC 0.9 alone), but the jump does not happen to honest models.
    leaking = run(exclude=["arr_delay"])
    assert (leaking["outcome"], leaking["reason"]) == ("AwaitingApproval", "LeakSuspected"), leaking
    assert (leaking["challenger"]["verdict"], leaking["challenger"]["version"]) == ("Better", 2)
    assert "'dep_delay' tells most" in leaking["message"]
    assert leaking["champion"] == honest["champion"]

    # The arrival's delay is the target in other words: seen in a first version too.
    first = run(exclude=[], root="others")
    assert (first["outcome"], first["reason"], first["champion"]) == ("AwaitingApproval", "LeakSuspected", None), first
    assert "'arr_delay' alone has roc_auc 1" in first["message"]
    # The departure's delay is not caught without a champion, but it is named.
    blind = run(exclude=["arr_delay"], root="blind")
    assert (blind["outcome"], blind["reason"]) == ("Promoted", "FirstModel"), blind
    assert "column 'dep_delay' alone has roc_auc 0.9" in blind["message"]
    # The version that waits is not trained again with the next check, though there is no champion.
    again = run(exclude=[], root="others")
    assert (again["outcome"], again["trigger"], again["reason"]) == ("Deferred", "NoChampion", "AwaitingApproval"), (
        again
    )
