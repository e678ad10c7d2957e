"""A new champion that turns out worse than the one before is taken back; one that does not stays."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from retrain_trainer.errors import SpecError
from retrain_trainer.spec import parse_spec

from tests.unit.trainer.run.builders import HEADER, Site, model, rows, spec, write_csv

QUIET = {"triggers": {"newRows": {"enabled": False}}, "evaluation": {"metric": "roc_auc", "threshold": 0.75}}
WATCHED = spec(**QUIET, promotion={"probation": {"checks": 2}})


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 1 knows the usual relation; version 2 was promoted when it had turned for forty days."""
    site = Site(root=tmp_path_factory.mktemp("origin"))
    site.add(days=60)
    site.run(spec=WATCHED)
    site.add(days=40, relation="reversed")
    body = site.run(spec=WATCHED)
    assert (body["outcome"], body["champion"]["version"]) == ("Promoted", 2)
    return site.root


@pytest.fixture
def site(origin: Path, tmp_path: Path) -> Site:
    """A copy of it."""
    shutil.copytree(origin, tmp_path, dirs_exist_ok=True)
    return Site(root=tmp_path, days=100, runs=2)


def log(site: Site) -> list[tuple[int, str]]:
    bodies = [json.loads(path.read_bytes()) for path in sorted((site.registry / "promotions").iterdir())]
    return [(entry["version"], entry["kind"]) for entry in (body.get("body", body) for body in bodies)]


def test_a_champion_that_is_clearly_worse_on_the_rows_since_is_taken_back(site: Site) -> None:
    site.add(days=8)  # the relation is the usual one again
    body = site.run(spec=WATCHED)
    assert (body["outcome"], body["reason"]) == ("RolledBack", "ProbationFailed"), body
    assert (body["champion"]["version"], body["champion"]["previousVersion"]) == (1, 2)
    assert "version 2 is clearly worse than version 1 on 576 rows of 8 days" in body["message"]
    assert log(site) == [(1, "Promotion"), (2, "Promotion"), (1, "Probation")]
    site.add(days=4)
    assert site.run(spec=WATCHED)["outcome"] in ("Kept", "Deferred"), "what was rolled back to is on no probation"
    again = site.run(spec=WATCHED, action="approve", cause="Request", request="2")
    assert (again["outcome"], again["reason"]) == ("Approved", "Overruled"), "only a person brings it back"


def test_without_probation_nothing_is_taken_back(site: Site) -> None:
    site.add(days=8)
    body = site.run(spec=spec(**QUIET))
    assert (body["outcome"], body["champion"]["version"]) != ("RolledBack", 1)
    assert log(site) == [(1, "Promotion"), (2, "Promotion")]


def test_a_call_that_came_with_the_check_waits_until_it_can_train(site: Site) -> None:
    called = {**WATCHED, "triggers": {"newRows": {"enabled": False}, "webhook": {"matchLabels": {"a": "b"}}}}
    site.add(days=8)
    assert site.run(spec=called, cause="Webhook", request="alert")["reason"] == "ProbationFailed"
    site.add(days=8)
    body = site.run(spec=called)
    assert (body["trigger"], site.versions()) == ("Webhook", ["1", "2", "3"]), body


def test_a_good_champion_serves_its_time_and_is_watched_no_more(site: Site) -> None:
    for _ in range(2):
        site.add(days=8, relation="reversed")
        assert site.run(spec=WATCHED)["outcome"] == "Kept"
    site.add(days=8)
    body = site.run(spec=WATCHED)
    assert body["champion"]["version"] == 2, "two checks were asked for, and they are over"
    assert body["reason"] != "ProbationFailed"


def test_on_probation_no_other_is_trained_until_the_holdout_is_all_new(site: Site) -> None:
    strict = spec(
        triggers=QUIET["triggers"], evaluation={"metric": "roc_auc", "threshold": 0.99}, promotion={"probation": {}}
    )
    site.add(days=9, relation="reversed")
    body = site.run(spec=strict)
    assert (body["outcome"], body["trigger"], body["reason"]) == ("Deferred", "BelowThreshold", "OnProbation")
    site.add(days=6, relation="reversed")
    body = site.run(spec=strict)
    assert body["outcome"] == "NotPromoted", "fifteen days are a whole new holdout"


def test_what_a_person_approved_is_not_undone(site: Site) -> None:
    site.run(spec=WATCHED, action="rollback", cause="Request", request="1")
    site.run(spec=WATCHED, action="approve", cause="Request", request="2")
    site.add(days=8)
    assert site.run(spec=WATCHED)["champion"]["version"] == 2


def test_what_is_pinned_is_not_taken_back_however_bad_it_is(site: Site) -> None:
    pinned = spec(**QUIET, promotion={"probation": {"checks": 2}, "pinnedVersion": 2})
    assert site.run(spec=pinned, action="pin", cause="SpecChange", request="2")["outcome"] == "Pinned"
    for _ in range(2):
        site.add(days=8)
        body = site.run(spec=pinned)
        assert (body["champion"]["version"], body["reason"] != "ProbationFailed") == (2, True), body
    assert log(site) == [(1, "Promotion"), (2, "Promotion")]
    assert not (site.registry / "rejections").exists()


REPLACING = {"probation": {"checks": 3}, "onIncomparable": "Promote"}


def _delivered(site: Site, *, days: int, load: str) -> None:
    """Days of rows in which the column `load` is a number, a text, or gone."""
    made = rows(first_day=site.days, days=days)
    for row in made:
        if load == "text":
            row[2] = f"n/a {row[2]}"
        elif load == "gone":
            del row[2]
    header = tuple(name for name in HEADER if name != "load" or load != "gone")
    write_csv(site.root / f"rows/in/from-{site.days:04d}.csv", made, header=header)
    site.days += days


@pytest.mark.parametrize(
    "load, changes, why",
    [
        pytest.param(
            "gone",
            {"model": model(features={"exclude": ["load"]})},
            "column 'load' is no longer in the data",
            id="a column of the version before is delivered no more",
        ),
        pytest.param(
            "text",
            {"model": model(features={"exclude": ["load"]})},
            "column 'load' holds text now, and it learned numeric values",
            id="a column of the version before has turned to text",
        ),
        pytest.param(
            "number",
            {
                "model": model(target="speed", features={"exclude": ["site"]}, task="Regression"),
                "evaluation": {"metric": "r2"},
            },
            "the target is 'speed' now, and was 'late'",
            id="the version before told another target",
        ),
    ],
)
def test_a_version_before_that_cannot_be_scored_any_more_takes_nothing_back_and_ends_no_check(
    tmp_path: Path, load: str, changes: dict[str, Any], why: str
) -> None:
    site = Site(root=tmp_path)
    site.add(days=60)
    assert site.run(spec=spec(promotion=REPLACING))["outcome"] == "Promoted"
    shutil.rmtree(tmp_path / "rows/in")
    site.days -= 30
    _delivered(site, days=50, load=load)
    policy = spec(triggers={"newRows": {"enabled": False}}, promotion=REPLACING, **changes)
    body = site.run(spec=policy)
    assert (body["outcome"], body["reason"], body["champion"]["version"]) == ("Promoted", "ReplacesIncomparable", 2)
    for _ in range(3):
        _delivered(site, days=8, load=load)
        body = site.run(spec=policy)
        assert (body["champion"]["version"], body["score"] is not None) == (2, True), body
        assert f"probation: version 1 cannot be compared with any more: {why}" in site.lines
    _delivered(site, days=8, load=load)
    site.run(spec=policy)
    assert not any(line.startswith("probation:") for line in site.lines), "three scores were asked for"
    assert not (site.registry / "rejections").exists()


def test_a_run_that_died_after_its_rollback_tells_of_it(site: Site) -> None:
    site.add(days=8)
    site.run(spec=WATCHED, key="uid-1.slot")
    (site.registry / "runs/uid-1.slot/result.json").unlink()
    body = site.run(spec=WATCHED, key="uid-1.slot")
    assert (body["outcome"], body["reason"], body["champion"]["version"]) == ("RolledBack", "ProbationFailed", 1)
    assert len(log(site)) == 3


@pytest.mark.parametrize(
    "changes, named",
    [
        ({"promotion": {"probation": {"checks": 0}}}, "spec.promotion.probation.checks"),
        ({"promotion": {"probation": {"days": 3}}}, "spec.promotion.probation.days is not a field"),
        (
            {"promotion": {"probation": {}}, "data": {"uri": "pvc://rows/in/*.csv"}},
            "spec.promotion.probation needs spec.data.timeColumn",
        ),
    ],
)
def test_a_probation_that_cannot_be_is_refused_by_name(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(spec(**changes))
    assert named in caught.value.message
