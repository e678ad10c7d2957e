"""The same values of another kind: labels and features that a data frame, or another export, has stored anew."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest
from retrain_trainer import load_champion

from tests.unit.trainer.run.builders import Site, rows, spec, write_csv

PARQUET = {"uri": "pvc://rows/in/*.parquet", "timeColumn": "time", "window": "21d", "holdout": {"window": "14d"}}
#: No challenger of the same rows is so much better; against a champion whose answers are read wrongly any is.
GREAT = {"minImprovement": 0.05}
#: What `late` of `rows` becomes.
WHOLE = "(late = 'true')::INTEGER"
DECIMALS = "(late = 'true')::INTEGER::DOUBLE"
WITH_GAPS = "CASE WHEN hash(time) % 20 > 0 THEN (late = 'true')::INTEGER::DOUBLE END"


def policy(
    *, data: Mapping[str, Any] = PARQUET, model: Mapping[str, Any] | None = None, **changes: Any
) -> dict[str, Any]:
    """A quick model of `late`; `model` adds to it."""
    chosen = {"target": "late", "estimator": "LogisticRegression", **(model or {})}
    return spec(
        **{"data": dict(data), "model": chosen, "evaluation": {"threshold": 0.75}, "promotion": GREAT, **changes}
    )


def deliver(site: Site, *, days: int, columns: Mapping[str, str]) -> None:
    """All rows of the first days, as one Parquet file; `columns`: SQL by name, over the columns of `rows` as text."""
    site.days = days
    text, path = site.root / "rows.csv", site.root / "rows/in/all.parquet"
    write_csv(text, rows(first_day=0, days=days))
    path.parent.mkdir(parents=True, exist_ok=True)
    made = {"time": "time::TIMESTAMP", "speed": "speed::DOUBLE", "load": "load::DOUBLE", "site": "site", **columns}
    chosen = ", ".join(f"{sql} AS {name}" for name, sql in made.items())
    duckdb.sql(f"COPY (SELECT {chosen} FROM read_csv('{text}', all_varchar = true)) TO '{path}' (FORMAT parquet)")


def manifest(site: Site, version: int) -> Any:
    return json.loads((site.registry / f"versions/{version}/manifest.json").read_text())


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(root=tmp_path)


@pytest.mark.parametrize("evaluation", [{}, {"metric": "roc_auc"}])
def test_labels_that_a_data_frame_stored_with_decimals_are_the_same_labels(
    site: Site, evaluation: dict[str, Any]
) -> None:
    deliver(site, days=40, columns={"late": WHOLE})
    assert site.run(spec=policy(evaluation=evaluation))["outcome"] == "Promoted"
    deliver(site, days=54, columns={"late": DECIMALS})
    body = site.run(spec=policy(evaluation=evaluation))
    assert (body["outcome"], manifest(site, 2)["classes"]) == ("NotPromoted", ["0", "1"]), body
    assert body["reason"] in ("NotSettled", "NotAboveMinImprovement")
    assert body["score"] > 0.75


def test_one_label_written_with_decimals_in_a_csv_file_changes_no_label(site: Site) -> None:
    made = [[*row[:4], 1 if row[4] == "true" else 0] for row in rows(first_day=0, days=54)]
    site.days = 40
    write_csv(site.root / "rows/in/a.csv", made[: 40 * 72])
    csv = policy(data={**PARQUET, "uri": "pvc://rows/in/*.csv"})
    assert site.run(spec=csv)["outcome"] == "Promoted"
    site.days = 54
    write_csv(site.root / "rows/in/a.csv", [[*row[:4], "1.0" if at == 7 else row[4]] for at, row in enumerate(made)])
    body = site.run(spec=csv)
    assert (body["outcome"], body["score"] > 0.7) == ("NotPromoted", True), body
    assert load_champion(site.registry).predict([{"speed": 3.0, "load": 0.0, "site": "A"}]).tolist() == ["1"]


def test_a_few_whole_numbers_are_classes_also_with_gaps(site: Site) -> None:
    deliver(site, days=40, columns={"late": WITH_GAPS})
    assert site.run(spec=policy())["outcome"] == "Promoted"
    assert (manifest(site, 1)["task"], manifest(site, 1)["classes"]) == ("Classification", ["0", "1"])


@pytest.mark.parametrize(
    "label",
    [
        pytest.param("round(speed::DOUBLE, 0) + 0.5", id="halves"),
        pytest.param("floor(speed::DOUBLE * 20)", id="more than twenty whole numbers"),
    ],
)
def test_other_numbers_are_a_quantity(site: Site, label: str) -> None:
    deliver(site, days=40, columns={"late": label})
    site.run(spec=policy(model={"estimator": "Ridge"}, evaluation={}))
    assert manifest(site, 1)["task"] == "Regression"


def _as_before(site: Site) -> None:
    """The champion as an earlier release made it of labels with decimals: model and manifest say 0.0 and 1.0."""
    from retrain_trainer.model.persist import digest, dumps, parse
    from retrain_trainer.registry.documents import sealed

    old = manifest(site, 1)
    blob = site.registry / "blobs/sha256" / old["model_digest"].removeprefix("sha256:")
    pipeline = parse(blob.read_bytes())
    final = pipeline.steps[-1][1]
    final.classes_ = final.classes_.astype("<U3")
    final.classes_[:] = ["0.0", "1.0"]
    data = dumps(model=pipeline)
    (blob.parent / digest(data).removeprefix("sha256:")).write_bytes(data)
    for name in ("checksum", "format"):
        old.pop(name)
    old |= {"model_digest": digest(data), "model_bytes": len(data), "classes": ["0.0", "1.0"]}
    old["learned"]["labels"]["classes"] = ["0.0", "1.0"]
    (site.registry / "versions/1/manifest.json").write_bytes(sealed(old))


@pytest.mark.parametrize(
    ("label", "positive"),
    [
        pytest.param(WHOLE, {}, id="whole numbers again"),
        pytest.param(DECIMALS, {}, id="decimals still"),
        pytest.param(WITH_GAPS, {"positiveClass": "1.0"}, id="the class named as it was written"),
    ],
)
def test_a_champion_of_before_that_says_1_0_is_compared_and_served_as_ever(
    site: Site, label: str, positive: dict[str, str]
) -> None:
    chosen = policy(model={"task": "Classification", **positive}, evaluation={"metric": "f1"})
    deliver(site, days=40, columns={"late": DECIMALS})
    assert site.run(spec=chosen)["outcome"] == "Promoted"
    _as_before(site)
    deliver(site, days=54, columns={"late": label})
    body = site.run(spec=chosen, action="train", cause="Request", request="again")
    assert (body["outcome"], body["data"]["valid"]) == ("NotPromoted", True), body
    assert body["score"] > 0.75
    assert "UnseenClass" not in json.dumps(body)
    assert load_champion(site.registry).predict([{"speed": 3.0, "load": 0.0, "site": "A"}]).tolist() == ["1.0"]


def test_a_rule_that_allows_1_allows_1_0_where_the_column_has_decimals(site: Site) -> None:
    deliver(site, days=40, columns={"late": WITH_GAPS})
    rule = {"columns": [{"name": "late", "allowed": ["0", "1"]}]}
    assert site.run(spec=policy(validation=rule))["outcome"] == "Promoted"


#: What the column `odd` held when the champion learned from it, and what it holds later.
FLAG = "speed::DOUBLE > 0"
TIME = "time::TIMESTAMP"
CODE = "CASE WHEN hash(time) % 10 < 8 THEN (late = 'true')::INTEGER ELSE 2 END"


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        pytest.param(FLAG, f"CASE WHEN {FLAG} THEN 'yes' ELSE 'maybe' END", "holds text now", id="a flag, now text"),
        pytest.param(FLAG, TIME, "holds times now", id="a flag, now times"),
        pytest.param(TIME, f"epoch({TIME})::BIGINT", "holds whole numbers now", id="times, now seconds"),
        pytest.param(TIME, "time", "holds text now", id="times, now text"),
        pytest.param(f"({CODE})::VARCHAR", f"({CODE})::DOUBLE", "holds numbers now", id="codes as text, now numbers"),
        pytest.param(f"({CODE})::VARCHAR", CODE, "holds whole numbers now", id="codes as text, now whole numbers"),
        pytest.param(f"({CODE})::VARCHAR", FLAG, "holds true and false now", id="codes as text, now a flag"),
        pytest.param("speed::DOUBLE", "speed", "holds text now", id="numbers, now text"),
        pytest.param("speed::DOUBLE", TIME, "holds times now", id="numbers, now times"),
    ],
)
def test_a_champion_that_would_see_other_values_is_not_compared(site: Site, before: str, now: str, told: str) -> None:
    deliver(site, days=40, columns={"late": WHOLE, "odd": before})
    assert site.run(spec=policy())["outcome"] == "Promoted"
    deliver(site, days=54, columns={"late": WHOLE, "odd": now})
    rejected = site.run(spec=policy())
    assert (rejected["outcome"], rejected["reason"]) == ("DataRejected", "TypeMismatch"), rejected
    body = site.run(spec=policy(model={"features": {"exclude": ["odd"]}}))
    assert (body["outcome"], body["reason"]) == ("AwaitingApproval", "Incomparable"), body
    assert told in body["message"]


@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param(CODE, f"({CODE})::DOUBLE", id="whole numbers, now decimals"),
        pytest.param(f"({CODE})::DOUBLE", CODE, id="decimals, now whole numbers"),
        pytest.param(FLAG, f"({FLAG})::INTEGER", id="a flag, now 0 and 1"),
        pytest.param(f"({FLAG})::DOUBLE", FLAG, id="0.0 and 1.0, now a flag"),
    ],
)
def test_a_champion_that_sees_the_same_values_is_compared(site: Site, before: str, now: str) -> None:
    deliver(site, days=40, columns={"late": WHOLE, "odd": before})
    assert site.run(spec=policy())["outcome"] == "Promoted"
    deliver(site, days=54, columns={"late": WHOLE, "odd": now})
    body = site.run(spec=policy(model={"features": {"exclude": ["odd"]}}))
    assert (body["outcome"], body["reason"] != "Incomparable") == ("NotPromoted", True), body
    assert "against the champion's" in body["message"]


def test_a_champion_that_learned_a_flag_is_not_compared_on_other_numbers(site: Site) -> None:
    deliver(site, days=40, columns={"late": WHOLE, "odd": FLAG})
    assert site.run(spec=policy())["outcome"] == "Promoted"
    deliver(site, days=54, columns={"late": WHOLE, "odd": CODE})
    body = site.run(spec=policy(model={"features": {"exclude": ["odd"]}}))
    assert (body["reason"], "holds other numbers than 0 and 1 now" in body["message"]) == ("Incomparable", True), body


def test_a_champion_that_knows_none_of_the_labels_is_not_compared(site: Site) -> None:
    deliver(site, days=40, columns={"late": WHOLE})
    assert site.run(spec=policy())["outcome"] == "Promoted"
    deliver(site, days=54, columns={"late": "late::BOOLEAN"})
    assert site.run(spec=policy())["reason"] == "TypeMismatch"
    body = site.run(spec=policy(model={"seed": 1}))
    assert (body["outcome"], body["reason"]) == ("AwaitingApproval", "Incomparable"), body
    assert "the labels hold true and false now" in body["message"]


def test_where_a_column_that_dealt_the_lots_is_gone_the_champion_is_not_compared(site: Site) -> None:
    timeless = policy(data={"uri": PARQUET["uri"]}, model={"features": {"exclude": ["odd"]}})
    deliver(site, days=40, columns={"late": WHOLE, "odd": "site"})
    assert site.run(spec=timeless)["outcome"] == "Promoted"
    deliver(site, days=54, columns={"late": WHOLE})
    body = site.run(spec=timeless, action="train", cause="Request", request="now")
    assert (body["outcome"], body["reason"]) == ("AwaitingApproval", "Incomparable"), body
    assert "nobody can tell which rows it has not seen" in body["message"]


def test_a_policy_that_gives_its_time_column_up_goes_on(site: Site) -> None:
    deliver(site, days=40, columns={"late": WHOLE})
    assert site.run(spec=policy())["outcome"] == "Promoted"
    deliver(site, days=54, columns={"late": WHOLE})
    timeless = policy(data={"uri": PARQUET["uri"]})
    body = site.run(spec=timeless)
    assert (body["outcome"], body["reason"]) == ("AwaitingApproval", "Incomparable"), body
    assert "it was trained on days" in body["message"]
    approved = site.run(spec=timeless, action="approve", cause="Request", request="2")
    assert approved["outcome"] == "Approved"
    again = site.run(spec=timeless, action="train", cause="Request", request="more")
    assert again["reason"] not in ("Incomparable", "NothingToCompare"), again
