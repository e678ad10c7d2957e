"""Whole runs on real files: what each situation comes to, and what it leaves behind."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from retrain_trainer import load_champion
from retrain_trainer.errors import DataUnavailable, RegistryDamaged, RunError, SpecError
from retrain_trainer.message import encode
from retrain_trainer.run import failure

from tests.unit.trainer.run.builders import HEADER, Site, model, rows, spec, write_csv
from tests.unit.trainer.run.schema import violations


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Sixty days of rows, no champion yet."""
    made = Site(root=tmp_path)
    made.add(days=60)
    return made


def outcome(body: dict[str, Any]) -> tuple[object, object]:
    assert violations(json.loads(encode(body=body))) == []
    return body["outcome"], body["trigger"]


def test_a_first_run_trains_and_promotes_version_1(site: Site) -> None:
    body = site.run()
    assert outcome(body) == ("Promoted", "NoChampion"), body
    champion = body["champion"]
    assert (champion["version"], champion["previousVersion"]) == (1, None)
    assert champion["uri"] == "pvc://models/kept/team/delays/versions/1"
    assert champion["run"] == body["run"] == "uid-1.delays-0001"
    assert body["score"] > 0.8
    assert body["accuracy"] > 0.7
    assert body["thresholdMet"] is True
    assert body["data"] == {"valid": True, "reason": "", "message": "", "rows": 60 * 72}
    assert body["counters"] == {"checks": 1, "trainings": 1, "promotions": 1}
    assert body["trainedTime"] == body["checkTime"] == "2013-03-02T00:00:00Z"


def test_unchanged_data_is_said_so_and_the_score_stands(site: Site) -> None:
    first = site.run()
    body = site.run()
    assert outcome(body) == ("Kept", None)
    assert body["reason"] == "DataUnchanged"
    assert body["score"] == first["score"]
    assert body["data"]["rows"] == first["data"]["rows"]
    assert not any(line.startswith("profile") for line in site.lines)
    assert [(entry["job"], entry["outcome"]) for entry in body["earlier"]] == [("delays-0001", "Promoted")]


def test_unchanged_data_that_became_too_old_is_rejected(site: Site) -> None:
    aging = spec(validation={"maxAge": "10d"})
    assert site.run(spec=aging)["outcome"] == "Promoted"
    body = site.run(spec=aging, now=site.now + timedelta(days=20))
    assert (outcome(body)[0], body["reason"]) == ("DataRejected", "TooOld")


def test_fresh_rows_of_the_usual_kind_keep_the_champion(site: Site) -> None:
    site.run()
    site.add(days=5)
    body = site.run()
    assert outcome(body) == ("Kept", None)
    assert body["reason"] == "ThresholdMet"
    assert "on 360 rows up to 2013-03-06" in body["message"]


def test_too_few_fresh_rows_give_no_new_score(site: Site) -> None:
    first = site.run()
    site.add(days=1)
    body = site.run()
    assert (outcome(body)[0], body["reason"], body["score"]) == ("Kept", "TooFewFreshRows", first["score"])
    site.add(days=1)
    body = site.run()
    assert (outcome(body)[0], body["reason"]) == ("Kept", "ThresholdMet")
    assert "on 144 rows" in body["message"]


def test_a_shifted_relation_is_learned_and_promoted(site: Site) -> None:
    site.run()
    site.add(days=40, relation="reversed")
    body = site.run()
    assert outcome(body) == ("Promoted", "BelowThreshold"), body
    assert (body["champion"]["version"], body["champion"]["previousVersion"]) == (2, 1)
    assert body["score"] > 0.8
    site.add(days=5, relation="reversed")
    assert outcome(site.run()) == ("Kept", None)


def test_noise_teaches_nothing_and_the_champion_stays(site: Site) -> None:
    site.run()
    site.add(days=40, relation="noise")
    body = site.run()
    assert outcome(body) == ("NotPromoted", "BelowThreshold"), body
    assert body["champion"]["version"] == 1
    assert body["challenger"]["version"] == 2
    assert body["challenger"]["verdict"] in ("NotBetter", "Inconclusive")
    assert body["thresholdMet"] is False
    site.add(days=3, relation="noise")
    body = site.run()
    assert outcome(body) == ("Deferred", "BelowThreshold")
    assert body["reason"] == "HoldoutNotFresh"
    body = site.run()
    assert (outcome(body), body["reason"]) == (("Deferred", "BelowThreshold"), "HoldoutNotFresh")
    assert site.versions() == ["1", "2"]


def test_a_first_version_must_reach_the_threshold(site: Site) -> None:
    body = site.run(spec=spec(evaluation={"metric": "roc_auc", "threshold": 0.99}))
    assert outcome(body) == ("NotPromoted", "NoChampion")
    assert body["champion"] is None
    assert body["challenger"]["reason"] == "BelowMinScore"


def test_a_request_trains_whatever_the_score(site: Site) -> None:
    site.run()
    body = site.run(action="train", cause="Request", request="again $(HOME) $$(X)")
    assert outcome(body) == ("NotPromoted", "Requested")
    assert body["request"] == "again $(HOME) $$(X)"
    assert site.versions() == ["1", "2"]


def test_another_spec_calls_for_training_once(site: Site) -> None:
    site.run()
    changed = spec(model=model(parameters={"max_iter": 5}))
    body = site.run(spec=changed)
    assert outcome(body) == ("NotPromoted", "SpecChange"), body
    assert outcome(site.run(spec=changed)) == ("Kept", None)
    body = site.run(spec=changed, action="train", cause="SpecChange")
    assert outcome(body) == ("NotPromoted", "SpecChange")
    off = {**spec(model=model(seed=3)), "triggers": {"specChange": {"enabled": False}}}
    assert outcome(site.run(spec=off)) == ("Kept", None)


def test_a_changed_threshold_is_judged_by_the_score_that_stands(site: Site) -> None:
    site.run()
    body = site.run(spec=spec(evaluation={"metric": "roc_auc", "threshold": 0.99}))
    assert outcome(body) == ("Deferred", "BelowThreshold")
    assert body["thresholdMet"] is False


def test_another_metric_is_scored_anew(site: Site) -> None:
    site.run()
    body = site.run(spec=spec(evaluation={"metric": "accuracy", "threshold": 0.6}))
    assert outcome(body) == ("NotPromoted", "SpecChange")
    assert body["metric"] == "accuracy"
    assert body["score"] == pytest.approx(body["accuracy"])


def _without_load(site: Site) -> dict[str, Any]:
    """A column disappears from the data and from the spec."""
    for path in (site.root / "rows/in").iterdir():
        path.unlink()
    made = _without("load")(rows(first_day=0, days=60))
    write_csv(site.root / "rows/in/rest.csv", made, header=("time", "speed", "site", "late"))
    return {"model": model(features={"include": ["speed", "site"]})}


def _another_target(site: Site) -> dict[str, Any]:
    """A regression where a classification was."""
    return {"model": model(target="speed"), "evaluation": {"metric": "r2", "threshold": 0.2}}


@pytest.mark.parametrize(
    "change, why",
    [
        pytest.param(_without_load, "'load' is no longer in the data", id="a column that is gone"),
        pytest.param(_another_target, "the target is 'speed' now, and was 'late'", id="another target"),
    ],
)
@pytest.mark.parametrize("on_incomparable", ["Approve", "Promote"])
def test_a_champion_that_cannot_be_scored_is_replaced_by_a_person_or_if_the_policy_says_so(
    site: Site, change: Any, why: str, on_incomparable: str
) -> None:
    first = site.run()
    changed = spec(**change(site), promotion={"onIncomparable": on_incomparable})
    body = site.run(spec=changed)
    assert site.versions() == ["1", "2"]
    assert why in body["message"]
    if on_incomparable == "Promote":
        assert (outcome(body), body["reason"]) == (("Promoted", "SpecChange"), "ReplacesIncomparable")
        assert (body["champion"]["version"], body["champion"]["previousVersion"]) == (2, 1)
        assert outcome(site.run(spec=changed)) == ("Kept", None)
        return
    assert (outcome(body), body["reason"]) == (("AwaitingApproval", "SpecChange"), "Incomparable")
    assert (body["challenger"]["verdict"], body["challenger"]["version"]) == ("Better", 2)
    assert body["champion"] == first["champion"]
    again = site.run(spec=changed)
    assert (outcome(again), site.versions()) == (("Kept", None), ["1", "2"]), again


def test_a_new_lineage_must_reach_the_floor(site: Site) -> None:
    site.run()
    high = {"metric": "r2", "threshold": 0.99}
    body = site.run(spec=spec(model=model(target="speed"), evaluation=high, promotion={"onIncomparable": "Promote"}))
    assert (outcome(body), body["reason"]) == (("NotPromoted", "SpecChange"), "BelowMinScore")
    assert body["champion"]["version"] == 1


@pytest.mark.parametrize(
    "changes, reason",
    [
        pytest.param({"data": {"minPerClass": 1_000}}, "TooFewPerClass", id="rows of a class"),
        pytest.param(
            {"evaluation": {"guardrails": [{"metric": "log_loss", "max": 0.1}]}}, "GuardrailBroken", id="a guardrail"
        ),
        pytest.param(
            {"evaluation": {"guardrails": [{"metric": "log_loss", "max": 1, "minRows": 5_000}]}},
            "GuardrailNotSettled",
            id="a guardrail on few rows",
        ),
        pytest.param({"evaluation": {"slices": [{"column": "site", "min": 0.999}]}}, "SliceBroken", id="a slice"),
        pytest.param(
            {"evaluation": {"slices": [{"column": "site", "min": 0.999, "minRows": 5_000}]}},
            "FirstModel",
            id="slices with few rows",
        ),
        pytest.param(
            {
                "evaluation": {
                    "guardrails": [{"metric": "log_loss", "max": 0.6}],
                    "slices": [{"column": "site", "metric": "accuracy", "min": 0.6}],
                },
                "data": {"groupColumn": "site"},
            },
            "TooFewUnits",
            id="three groups",
        ),
    ],
)
def test_the_parts_of_the_gate_on_real_rows(site: Site, changes: dict[str, Any], reason: str) -> None:
    policy = spec()
    policy["evaluation"] |= changes.get("evaluation", {})
    policy["data"]["holdout"] |= changes.get("data", {})
    body = site.run(spec=policy)
    assert (body["reason"], body["outcome"] == "Promoted") == (reason, reason == "FirstModel"), body


def test_a_refresh_need_not_be_better(site: Site) -> None:
    site.run()
    site.add(days=20)
    policy = spec(promotion={"rule": "NonInferior", "tolerance": 0.05})
    body = site.run(spec=policy, action="train", cause="Request")
    assert (outcome(body), body["reason"]) == (("Promoted", "Requested"), "NotInferior"), body


def _without(column: str) -> Any:
    index = HEADER.index(column)
    return lambda made: [row[:index] + row[index + 1 :] for row in made]


@pytest.mark.parametrize(
    "damage, header, reason, named",
    [
        pytest.param(_without("late"), ("time", "speed", "load", "site"), "TargetMissing", "late", id="no target"),
        pytest.param(
            _without("load"), ("time", "speed", "site", "late"), "ColumnMissing", "load", id="a feature of the champion"
        ),
        pytest.param(
            lambda made: [[row[0], *row[1:4], "true"] for row in made], HEADER, "OneClass", "late", id="one class"
        ),
        pytest.param(lambda made: made[:50], HEADER, "TooFewRows", "50", id="too few rows"),
        pytest.param(
            lambda made: [["2099-01-01T00:00:00+00:00", *made[0][1:]], *made],
            HEADER,
            "FutureRows",
            "1",
            id="a row of 2099",
        ),
    ],
)
def test_bad_data_is_rejected_and_the_champion_untouched(
    site: Site, damage: Any, header: tuple[str, ...], reason: str, named: str
) -> None:
    first = site.run()
    for path in (site.root / "rows/in").iterdir():
        path.unlink()
    write_csv(site.root / "rows/in/bad.csv", damage(rows(first_day=0, days=60)), header=header)
    body = site.run()
    assert outcome(body) == ("DataRejected", None)
    assert body["data"]["valid"] is False
    assert (body["reason"], body["data"]["reason"]) == (reason, reason)
    assert named in body["data"]["message"]
    assert body["champion"] == first["champion"]
    assert body["score"] == first["score"]
    assert site.versions() == ["1"]


def test_data_that_is_good_again_goes_on_where_it_was(site: Site) -> None:
    site.run()
    bad = site.root / "rows/in/bad.csv"
    write_csv(bad, [["2099-01-01T00:00:00+00:00", "1", "1", "A", "true"]])
    assert site.run()["outcome"] == "DataRejected"
    bad.unlink()
    assert outcome(site.run()) == ("Kept", None)


def test_a_missing_file_is_named_and_not_retried(site: Site) -> None:
    first = site.run()
    for path in (site.root / "rows/in").iterdir():
        path.rename(site.root / "rows" / f"moved-{path.name}")
    with pytest.raises(DataUnavailable, match="DataMissing") as caught:
        site.run()
    assert caught.value.exit_code == 66
    body = failure(run=site.description(), error=caught.value, now=site.now, say=site.lines.append)
    assert (body["outcome"], body["reason"]) == ("Failed", "DataMissing")
    assert "pvc://rows/in/*.csv" in body["message"]
    assert body["champion"] == first["champion"]
    assert violations(json.loads(encode(body=body))) == []


@pytest.mark.parametrize(
    "changes, error, reason",
    [
        (spec(model=model(estimator="RandomForrest")), SpecError, "UnknownEstimator"),
        (spec(model=model(parameters={"depth": 3})), SpecError, "UnknownParameter"),
        (spec(evaluation={"metric": "rocauc"}), SpecError, "UnknownMetric"),
        (spec(evaluation={"guardrails": [{"metric": "rocauc", "min": 0.5}]}), SpecError, "UnknownMetric"),
        (spec(evaluation={"guardrails": [{"metric": "log_loss", "min": 0.5}]}), SpecError, "GuardUnfit"),
        (spec(registry={"uri": "pvc://models/../up"}), SpecError, None),
        (spec(registry={"uri": "pvc://models/a b"}), SpecError, None),
        (spec(registry={"uri": "pvc://nowhere"}), DataUnavailable, "ClaimMissing"),
        (spec(data={"uri": "pvc://nowhere/*.csv"}), DataUnavailable, "ClaimMissing"),
    ],
    ids=[
        "estimator",
        "parameter",
        "metric",
        "guardrail",
        "side",
        "registry outside",
        "registry name",
        "registry claim",
        "data claim",
    ],
)
def test_what_cannot_work_fails_and_promotes_nothing(
    site: Site, changes: dict[str, Any], error: type[RunError], reason: str | None
) -> None:
    with pytest.raises(error) as caught:
        site.run(spec=changes)
    if reason is not None:
        assert caught.value.reason == reason
    body = failure(run=site.description(spec=changes), error=caught.value, now=site.now, say=site.lines.append)
    assert violations(json.loads(encode(body=body))) == []
    assert site.versions() == []


def test_a_damaged_champion_fails_the_run_and_names_the_file(site: Site) -> None:
    site.run()
    (blob,) = (site.registry / "blobs/sha256").iterdir()
    blob.write_bytes(blob.read_bytes()[:-1] + b"!")
    site.add(days=5)
    with pytest.raises(RegistryDamaged, match=blob.name) as caught:
        site.run()
    assert (caught.value.reason, caught.value.exit_code) == ("ChampionCorrupt", 65)


def test_the_same_run_key_twice_has_one_effect(site: Site) -> None:
    first = site.run(key="uid-1.slot")
    site.add(days=40, relation="reversed")
    again = site.run(key="uid-1.slot")
    assert again == {**first, "jobUID": again["jobUID"]}
    assert again["jobUID"] != first["jobUID"]
    assert site.versions() == ["1"]


@pytest.mark.parametrize("lost", ["result", "result and promotion"])
def test_a_run_that_died_after_publishing_goes_on_without_training_again(site: Site, lost: str) -> None:
    first = site.run(key="uid-1.slot")
    (site.registry / "runs/uid-1.slot/result.json").unlink()
    if lost == "result and promotion":
        (site.registry / "promotions" / f"{1:020d}.json").unlink()
    again = site.run(key="uid-1.slot")
    assert outcome(again) == ("Promoted", "NoChampion")
    assert again["champion"]["digest"] == first["champion"]["digest"]
    assert again["score"] == first["score"]
    assert again["counters"] == {"checks": 1, "trainings": 1, "promotions": 1}
    assert not any(line.startswith("trained") for line in site.lines)


def test_a_run_that_died_after_publishing_never_overrules_a_champion_it_was_not_judged_against(site: Site) -> None:
    site.run(key="uid-1.slot")
    (site.registry / "runs/uid-1.slot/result.json").unlink()
    (site.registry / "promotions" / f"{1:020d}.json").unlink()
    other = site.run(key="uid-1.other")
    assert outcome(other) == ("Promoted", "NoChampion")
    again = site.run(key="uid-1.slot")
    assert (again["outcome"], again["reason"]) == ("NotPromoted", "ChampionChanged")
    assert again["champion"]["version"] == 2
    assert again["challenger"]["version"] == 1


def test_a_registry_that_is_found_is_adopted(site: Site) -> None:
    first = site.run()
    site.uid = "uid-2"
    body = site.run()
    assert outcome(body) == ("Kept", None)
    assert body["policyUID"] == "uid-2"
    assert body["champion"]["run"] == first["run"] != body["run"]


def test_rows_without_time_work_too(site: Site) -> None:
    untimed = spec(data={"uri": "pvc://rows/in/*.csv"}, model=model(features={"exclude": ["time"]}))
    body = site.run(spec=untimed)
    assert outcome(body) == ("Promoted", "NoChampion"), body
    assert site.run(spec=untimed)["reason"] == "DataUnchanged"
    site.add(days=120, relation="reversed")
    body = site.run(spec=untimed)
    assert body["thresholdMet"] is False
    assert body["trigger"] == "BelowThreshold"


def test_columns_may_be_called_like_anything_our_queries_use(site: Site) -> None:
    for path in (site.root / "rows/in").iterdir():
        path.unlink()
    header = ("day", "y", "unit", "value", "label")
    write_csv(site.root / "rows/in/odd.csv", rows(first_day=0, days=60), header=header)
    odd = spec(
        data={"uri": "pvc://rows/in/*.csv", "timeColumn": "day"},
        model=model(target="label"),
        validation={"columns": [{"name": "value", "allowed": ["A", "B", "C"]}]},
    )
    assert outcome(site.run(spec=odd)) == ("Promoted", "NoChampion")


def test_a_regression_works_by_its_error(site: Site) -> None:
    body = site.run(
        spec=spec(
            model=model(target="speed", features={"exclude": ["load"]}),
            evaluation={"metric": "mean_absolute_error", "threshold": 0.9},
        )
    )
    assert outcome(body) == ("Promoted", "NoChampion"), body
    assert body["score"] < 0.9
    assert body["accuracy"] is None


@pytest.mark.parametrize("place", ["policy", "version", "uri"])
def test_a_champion_predicts_rows_by_name(site: Site, place: str) -> None:
    body = site.run()
    location = {
        "policy": str(site.registry),
        "version": str(site.registry / "versions/1"),
        "uri": body["champion"]["uri"],
    }[place]
    model = load_champion(location, mounts={"models": site.root / "models"})
    answer = model.predict({"speed": [3.0, -3.0], "load": [0.0, 0.0], "site": ["A", "never seen"]})
    assert list(answer) == ["true", "false"]


def test_a_registry_without_champion_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(DataUnavailable, match="NoChampion"):
        load_champion(tmp_path)
