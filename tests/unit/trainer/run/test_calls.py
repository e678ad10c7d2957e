"""Whole runs that are called for by each trigger, and whole runs that a limit holds back: monitoring goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from retrain_trainer.errors import RunError
from retrain_trainer.message import encode
from retrain_trainer.registry.documents import sha256
from retrain_trainer.registry.registry import Registry
from retrain_trainer.registry.store import DirectoryStore
from sklearn.linear_model import LogisticRegression
from skops.io import dumps

from tests.unit.trainer.run.builders import HEADER, Relation, Site, model, rows, spec, write_csv
from tests.unit.trainer.run.schema import violations

DAY = timedelta(days=1)
#: Without a threshold no score is bad.
LENIENT = {"metric": "roc_auc"}


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty days of rows, and a champion made of them by a policy without any wish."""
    site = Site(root=tmp_path_factory.mktemp("origin"))
    site.add(days=60)
    site.run(spec=spec(evaluation=LENIENT))
    return site.root


@pytest.fixture
def site(origin: Path, tmp_path: Path) -> Site:
    """A copy of it."""
    import shutil

    shutil.copytree(origin, tmp_path, dirs_exist_ok=True)
    return Site(root=tmp_path, days=60, runs=1)


def told(body: dict[str, Any]) -> tuple[object, object, object]:
    assert violations(json.loads(encode(body=body))) == []
    return body["outcome"], body["trigger"], body["reason"]


def trained(body: dict[str, Any]) -> object:
    """The trigger, of a run that trained."""
    assert violations(json.loads(encode(body=body))) == []
    assert body["outcome"] in ("Promoted", "NotPromoted"), body
    return body["trigger"]


@pytest.mark.parametrize(
    "days, relation, triggers, later, expected",
    [
        pytest.param(10, "usual", {}, 0, None, id="ten days are less than half of what was trained on"),
        pytest.param(11, "usual", {}, 0, "NewRows", id="eleven are more, and a better model is possible"),
        pytest.param(11, "usual", {"newRows": {"enabled": False}}, 0, None, id="new rows can be switched off"),
        pytest.param(8, "usual", {"newRows": {"count": 500}}, 0, "NewRows", id="a count of new rows"),
        pytest.param(8, "usual", {"always": {}}, 0, "Always", id="always"),
        pytest.param(0, "usual", {"maxAge": {"age": "30d"}}, 31, None, id="old, but nothing new to judge on: it waits"),
        pytest.param(8, "usual", {"maxAge": {"age": "8d"}}, 0, "MaxAge", id="a champion of eight days is too old"),
        pytest.param(8, "usual", {"maxAge": {"age": "9d"}}, 0, None, id="or not yet"),
    ],
)
def test_each_trigger_trains(
    site: Site, days: int, relation: Relation, triggers: dict[str, Any], later: int, expected: str | None
) -> None:
    if days:
        site.add(days=days, relation=relation)
    body = site.run(spec=spec(evaluation=LENIENT, triggers=triggers), now=site.now + later * DAY)
    if expected is None:
        assert body["outcome"] in ("Kept", "Deferred"), body
    else:
        assert trained(body) == expected
        assert expected in "".join(site.lines)


def test_a_fall_from_the_first_scores_calls_for_training(site: Site) -> None:
    falls = spec(evaluation=LENIENT, triggers={"drop": {"by": 0.1}, "newRows": {"enabled": False}})
    for _ in range(2):
        site.add(days=4)
        assert told(site.run(spec=falls))[0] == "Kept"
    site.add(days=8, relation="reversed")
    assert trained(site.run(spec=falls)) == "Drop"


def test_two_bad_scores_in_a_row_are_asked_for_and_one_good_one_begins_anew(site: Site) -> None:
    twice = spec(
        evaluation={"metric": "roc_auc", "threshold": 0.75},
        triggers={"belowThreshold": {"consecutive": 2}, "newRows": {"enabled": False}},
    )
    outcomes = []
    for relation in ("reversed", "usual", "reversed", "reversed"):
        site.add(days=7, relation=relation)
        outcomes.append(site.run(spec=twice)["trigger"])
    assert outcomes == [None, None, None, "BelowThreshold"]


@pytest.mark.parametrize("days", [0, 60, -30], ids=["right", "two months ahead", "a month behind"])
def test_a_check_on_a_node_whose_clock_is_wrong_rules_none_that_come_after_it(site: Site, days: int) -> None:
    thrice = spec(
        evaluation={"metric": "roc_auc", "threshold": 0.75},
        triggers={"belowThreshold": {"consecutive": 3}, "newRows": {"enabled": False}},
        limits={"cooldown": "20d"},
    )
    site.add(days=7, relation="noise")
    assert site.run(spec=thrice)["trigger"] is None
    body = site.run(spec=thrice, now=site.now + days * DAY)
    assert told(body)[:2] == (("DataRejected", None) if days < 0 else ("Kept", None)), body
    called = []
    for _ in range(3):
        site.add(days=7, relation="noise")
        body = site.run(spec=thrice)
        called.append((body["outcome"], body["trigger"]))
    assert called == [("Kept", None), ("NotPromoted", "BelowThreshold"), ("Deferred", "BelowThreshold")]


def test_a_call_that_came_while_a_clock_was_ahead_trains_once(site: Site) -> None:
    site.add(days=8)
    held = {**UPSTREAM, "limits": {"cooldown": "70d"}}
    assert told(site.run(spec=held, cause="Upstream", now=site.now + 60 * DAY))[:2] == ("Deferred", "Upstream")
    site.add(days=8)
    assert trained(site.run(spec=UPSTREAM)) == "Upstream"
    site.add(days=15)
    assert told(site.run(spec=UPSTREAM))[0] == "Kept"


def test_a_training_by_a_clock_that_was_ahead_holds_no_other_back_until_that_day(site: Site) -> None:
    policy = _noisy(site, limits={"cooldown": "5d"})
    made = site.run(spec=policy, action="train", cause="Request", now=site.now + 60 * DAY)
    assert told(made)[0] == "NotPromoted"
    site.add(days=15, relation="noise")
    assert trained(site.run(spec=policy)) == "BelowThreshold"


def _noisy(site: Site, **changes: Any) -> dict[str, Any]:
    """A spec whose threshold is missed on rows of noise."""
    site.add(days=14, relation="noise")
    return spec(
        evaluation={"metric": "roc_auc", "threshold": 0.75}, triggers={"newRows": {"enabled": False}}, **changes
    )


@pytest.mark.parametrize(
    "limits, reason",
    [
        pytest.param({"cooldown": "30d"}, "Cooldown", id="cooldown"),
        pytest.param({"maxTrainings": {"count": 1, "per": "30d"}}, "BudgetSpent", id="a budget of one"),
        pytest.param(
            {"blackouts": [{"start": "0 0 * * *", "duration": "1h"}]}, "Blackout", id="a blackout at midnight"
        ),
    ],
)
def test_each_limit_defers_training_and_monitoring_goes_on(site: Site, limits: dict[str, Any], reason: str) -> None:
    body = site.run(spec=_noisy(site, limits=limits))
    assert told(body) == ("Deferred", "BelowThreshold", reason)
    assert body["thresholdMet"] is False
    assert body["score"] < 0.75
    assert body["data"]["valid"] is True
    assert site.versions() == ["1"]
    assert trained(site.run(spec=spec(limits=limits), action="train", cause="Request")) == "Requested"


def test_a_limit_that_ends_lets_unchanged_data_train(site: Site) -> None:
    policy = _noisy(site, limits={"blackouts": [{"start": "0 0 * * *", "duration": "1h"}]})
    assert site.run(spec=policy)["reason"] == "Blackout"
    again = site.run(spec=policy)
    assert (again["reason"], any(line.startswith("profile") for line in site.lines)) == ("Blackout", False)
    assert trained(site.run(spec=policy, now=site.now + timedelta(hours=2))) == "BelowThreshold"


def _served_by_another_release(site: Site) -> None:
    """The champion is a file that other libraries wrote, and that these do not load."""
    registry = Registry(store=DirectoryStore(mount=site.root / "models", prefix="kept/team/delays"))
    champion, file = registry.champion(), dumps(LogisticRegression())
    assert champion is not None
    draft = replace(
        champion.manifest, version=0, run="run-2", libraries={"scikit-learn": "1.0.2"}, model_digest=sha256(file)
    )
    made = registry.versions.publish(draft=replace(draft, model_bytes=len(file)), model=file)
    registry.enter(manifest=made, after=champion, run="run-2", request="", time=site.now, kind="Promotion")


def test_a_champion_that_loads_no_more_is_replaced_when_a_limit_ends_though_no_row_has_come(site: Site) -> None:
    _served_by_another_release(site)
    held = spec(evaluation=LENIENT, triggers={"newRows": {"enabled": False}}, limits={"cooldown": "20d"})
    site.add(days=16)
    for _ in range(2):
        body = site.run(spec=held)
        assert told(body) == ("Deferred", "NoChampion", "Cooldown")
        assert "made with scikit-learn 1.0.2" in body["message"]
    body = site.run(spec=held, now=site.now + 5 * DAY)
    assert told(body) == ("AwaitingApproval", "NoChampion", "Incomparable")
    assert told(site.run(spec=held, now=site.now + 6 * DAY))[0] in ("Kept", "Deferred")
    assert site.versions() == ["1", "2", "3"]


def test_a_lost_challenger_makes_its_trigger_wait_for_new_rows(site: Site) -> None:
    policy = _noisy(site)
    first = site.run(spec=policy)
    assert told(first)[:2] == ("NotPromoted", "BelowThreshold")
    site.add(days=1, relation="noise")
    assert told(site.run(spec=policy))[0] == "Deferred"
    site.add(days=13, relation="noise")
    assert trained(site.run(spec=policy)) == "BelowThreshold"


def test_failures_stop_training_until_an_edit_or_a_request(site: Site) -> None:
    broken = _noisy(site, model=model(estimator="NoSuchEstimator"), limits={"stopAfterFailures": 2})
    for _ in range(2):
        with pytest.raises(RunError, match="UnknownEstimator"):
            site.run(spec=broken)
    body = site.run(spec=broken)
    assert told(body) == ("Deferred", "SpecChange", "StoppedAfterFailures")
    with pytest.raises(RunError, match="UnknownEstimator"):
        site.run(spec=broken, action="train", cause="Request")
    site.generation = 2
    with pytest.raises(RunError, match="UnknownEstimator"):
        site.run(spec=broken)


@pytest.mark.parametrize("first", ["left out", "written down"])
def test_a_default_that_is_written_down_or_left_out_again_trains_nothing(tmp_path: Path, first: str) -> None:
    written = spec(
        model=model(estimator="HistGradientBoostingClassifier", task="Classification"),
        evaluation={"metric": "balanced_accuracy"},
    )
    before, after = (spec(evaluation={}), written) if first == "left out" else (written, spec(evaluation={}))
    site = Site(root=tmp_path)
    site.add(days=60)
    assert site.run(spec=before)["outcome"] == "Promoted"
    assert told(site.run(spec=after)) == ("Kept", None, "DataUnchanged")
    edited = {**after, "model": {**after["model"], "seed": 1}}
    assert site.run(spec=edited)["trigger"] == "SpecChange"


def test_what_stopped_after_failures_stays_so_at_every_check_and_whatever_people_say_of_versions(site: Site) -> None:
    broken = _noisy(site, model=model(estimator="NoSuchEstimator"), limits={"stopAfterFailures": 2})
    for _ in range(2):
        with pytest.raises(RunError, match="UnknownEstimator"):
            site.run(spec=broken)
    for _ in range(3):
        body = site.run(spec=broken)
        assert told(body) == ("Deferred", "SpecChange", "StoppedAfterFailures")
        assert "2 runs in a row failed" in body["message"]
        assert told(site.run(spec=broken, action="reject", cause="Request", request="1"))[0] == "Refused"
    with pytest.raises(RunError, match="UnknownEstimator"):
        site.run(spec=broken, action="train", cause="Request")
    with pytest.raises(RunError, match="UnknownEstimator"):
        site.run(spec=broken)


@pytest.mark.parametrize("held_back", [0, 2])
def test_on_a_laptop_an_edit_ends_the_row_of_failures_too(site: Site, held_back: int) -> None:
    site.generation = 0  # as of every policy in a file
    broken = _noisy(site, model=model(estimator="NoSuchEstimator"), limits={"stopAfterFailures": 2})
    for _ in range(2):
        with pytest.raises(RunError, match="UnknownEstimator"):
            site.run(spec=broken)
    for _ in range(held_back):
        assert told(site.run(spec=broken))[2] == "StoppedAfterFailures"
    assert trained(site.run(spec={**broken, "model": model()})) == "BelowThreshold"


def _shifted(site: Site, *, days: int, by: float) -> None:
    """Days on which `load`, which the label does not depend on, is higher than it was."""
    made = rows(first_day=site.days, days=days)
    for row in made:
        row[2] = f"{float(str(row[2])) + by:.4f}"
    write_csv(site.root / f"rows/in/from-{site.days:04d}.csv", made)
    site.days += days


def test_drift_is_told_and_calls_for_training_only_where_it_is_named(site: Site) -> None:
    quiet = {"newRows": {"enabled": False}}
    site.add(days=8)
    body = site.run(spec=spec(evaluation=LENIENT, triggers=quiet))
    assert body["drift"]["drifted"] is False, body["drift"]
    assert body["drift"]["features"] == 3
    _shifted(site, days=8, by=3.0)
    body = site.run(spec=spec(evaluation=LENIENT, triggers=quiet))
    assert (told(body)[0], body["drift"]["drifted"], body["drift"]["share"]) == (
        "Kept",
        True,
        pytest.approx(1 / 3, abs=1e-4),
    )
    assert body["drift"]["worst"].startswith("load (PSI ")
    again = site.run(spec=spec(evaluation=LENIENT, triggers=quiet))
    assert (again["reason"], again["drift"]) == ("DataUnchanged", body["drift"])
    stricter = {**quiet, "drift": {"share": 0.5}}
    assert site.run(spec=spec(evaluation=LENIENT, triggers=stricter))["trigger"] is None
    assert trained(site.run(spec=spec(evaluation=LENIENT, triggers={**quiet, "drift": {"statistic": "JS"}}))) == "Drift"


def test_a_column_that_turned_to_text_and_is_excluded_as_the_message_says_ends_no_run(site: Site) -> None:
    made = rows(first_day=site.days, days=16)
    for row in made:
        row[2] = f"n/a {row[2]}"
    write_csv(site.root / f"rows/in/from-{site.days:04d}.csv", made)
    site.days += 16
    assert told(site.run(spec=spec(evaluation=LENIENT)))[::2] == ("DataRejected", "TypeMismatch")
    body = site.run(spec=spec(evaluation=LENIENT, model=model(features={"exclude": ["load"]})))
    assert body["trigger"] == "SpecChange"
    assert body["challenger"]["reason"] == "Incomparable", body["message"]
    assert body["drift"]["worst"].startswith("load ("), "all of its values are missing, as it was learned"


def test_a_column_that_was_empty_in_training_drifts_when_it_is_filled(tmp_path: Path) -> None:
    site = Site(root=tmp_path)
    patient = spec(evaluation=LENIENT, validation={"maxNullFraction": 1}, triggers={"newRows": {"enabled": False}})

    def add(days: int, note: str) -> None:
        made = [[*row, note] for row in rows(first_day=site.days, days=days)]
        write_csv(tmp_path / f"rows/in/from-{site.days:04d}.csv", made, header=(*HEADER, "note"))
        site.days += days

    add(45, "")
    add(15, "gate closed")
    assert site.run(spec=patient)["outcome"] == "Promoted"
    add(8, "gate closed")
    body = site.run(spec=patient)
    assert body["outcome"] == "Kept"
    assert body["drift"]["worst"].startswith("note (")


def test_the_same_drift_calls_once_and_its_condition_stays(site: Site) -> None:
    drifts = spec(
        evaluation=LENIENT,
        triggers={"newRows": {"enabled": False}, "drift": {}},
        promotion={"minImprovement": 0.05},  # the label does not depend on what shifts
    )
    _shifted(site, days=40, by=3.0)
    first = site.run(spec=drifts)
    assert told(first)[:2] == ("NotPromoted", "Drift")
    _shifted(site, days=15, by=3.0)
    body = site.run(spec=drifts)
    assert (told(body)[:2], body["drift"]["drifted"]) == (("Kept", None), True)
    _shifted(site, days=15, by=9.0)
    assert trained(site.run(spec=drifts)) == "Drift", "a new drift calls again"


UPSTREAM = spec(evaluation=LENIENT, triggers={"newRows": {"enabled": False}, "upstream": {"policy": "prices"}})


def test_a_call_from_upstream_trains(site: Site) -> None:
    site.add(days=8)
    assert told(site.run(spec=UPSTREAM))[0] == "Kept"
    assert trained(site.run(spec=UPSTREAM, cause="Upstream", request="prices@2 T2")) == "Upstream"
    assert told(site.run(spec=UPSTREAM))[0] == "Kept", "once"


def test_a_call_from_upstream_that_has_to_wait_is_kept_until_it_can_train(site: Site) -> None:
    site.add(days=8)
    held = {**UPSTREAM, "limits": {"cooldown": "9d"}}
    assert told(site.run(spec=held, cause="Upstream")) == ("Deferred", "Upstream", "Cooldown")
    assert told(site.run(spec=held)) == ("Deferred", "Upstream", "Cooldown")
    strict = {**held, "validation": {"minRows": 10**6}}
    assert told(site.run(spec=strict))[0] == "DataRejected"
    assert trained(site.run(spec=held, now=site.now + 3 * DAY)) == "Upstream"
    assert told(site.run(spec=held, now=site.now + 6 * DAY))[0] == "Kept"


#: Nothing trains but what somebody calls for, and not soon after the last training.
CALLED = spec(
    evaluation=LENIENT,
    triggers={"newRows": {"enabled": False}, "upstream": {"policy": "prices"}, "webhook": {"matchLabels": {"a": "b"}}},
    limits={"cooldown": "30d"},
)


@pytest.mark.parametrize(
    "asked, outcome",
    [
        pytest.param({"action": "rollback", "request": "1"}, "RolledBack", id="a person rolls back"),
        pytest.param({"action": "approve", "request": "2"}, "Approved", id="a person approves"),
        pytest.param({"action": "reject", "request": "2"}, "NotPromoted", id="a person rejects"),
        pytest.param({"promotion": {"pinnedVersion": 2}}, "Pinned", id="a version is pinned"),
        pytest.param({"promotion": {"approvedVersion": 2}}, "Approved", id="a version is approved by pull request"),
    ],
)
def test_what_people_decide_while_a_call_waits_does_not_end_its_waiting(
    site: Site, asked: dict[str, Any], outcome: str
) -> None:
    site.add(days=40, relation="reversed")
    rolled_back = asked.get("action") == "rollback"
    manual = {} if rolled_back else {"promotion": {"mode": "Manual"}}
    made = site.run(spec={**CALLED, **manual}, action="train", cause="Request", request="now")
    assert made["outcome"] == ("Promoted" if rolled_back else "AwaitingApproval")
    site.add(days=15, relation="reversed")
    assert told(site.run(spec={**CALLED, **manual}, cause="Webhook", request="alert"))[:2] == ("Deferred", "Webhook")
    wish = {"promotion": asked["promotion"]} if "promotion" in asked else {}
    request = {} if wish else {**asked, "cause": "Request"}
    # The run that follows the spec was itself called for from upstream: that call waits too.
    body = site.run(spec={**CALLED, **wish}, **(request or {"cause": "Upstream", "request": "prices@2"}))
    assert told(body)[0] == outcome
    site.add(days=31, relation="reversed")
    assert trained(site.run(spec=CALLED)) == ("Upstream" if wish else "Webhook")


@pytest.mark.parametrize(
    "called_again, trigger",
    [
        pytest.param(False, None, id="the call has its training"),
        pytest.param(True, "Webhook", id="one that came after the training waits for its own"),
    ],
)
def test_a_run_that_died_after_it_published_trains_once_for_a_call(
    site: Site, called_again: bool, trigger: str | None
) -> None:
    calm = {**CALLED, "limits": {"cooldown": "5d"}}
    site.add(days=2)
    assert told(site.run(spec=calm, cause="Webhook", request="alert"))[2] == "HoldoutNotFresh"
    site.add(days=14, relation="noise")
    first = site.run(spec=calm, key="uid-1.slot")
    assert told(first)[:2] == ("NotPromoted", "Webhook")
    (site.registry / "runs/uid-1.slot/result.json").unlink()
    if called_again:
        body = site.run(spec=calm, cause="Webhook", request="alert again", now=site.now + timedelta(hours=1))
        assert told(body)[:2] == ("Deferred", "Webhook")
    again = site.run(spec=calm, key="uid-1.slot", now=site.now + timedelta(hours=2))
    assert (told(again), again["challenger"]) == (told(first), first["challenger"])
    site.add(days=9)
    assert site.run(spec=calm)["trigger"] == trigger
