"""Whole runs that do what a person says, on real registries."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from retrain_trainer import load_champion
from retrain_trainer.message import encode
from retrain_trainer.registry.layout import blob_name
from retrain_trainer.registry.registry import Registry
from retrain_trainer.registry.store import DirectoryStore

from tests.unit.trainer.run.builders import Site, spec
from tests.unit.trainer.run.schema import violations

MANUAL = spec(promotion={"mode": "Manual"})


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 1 is the champion of sixty days; version 2 learned that the relation has turned, and waits."""
    site = Site(root=tmp_path_factory.mktemp("origin"))
    site.add(days=60)
    assert site.run()["outcome"] == "Promoted"
    site.add(days=40, relation="reversed")
    body = site.run(spec=MANUAL)
    assert (body["outcome"], body["reason"], body["waiting"]) == ("AwaitingApproval", "ClearlyBetter", 2), body
    assert body["champion"]["version"] == 1
    assert body["challenger"]["version"] == 2
    return site.root


@pytest.fixture
def site(origin: Path, tmp_path: Path) -> Site:
    """A copy of it."""
    shutil.copytree(origin, tmp_path, dirs_exist_ok=True)
    return Site(root=tmp_path, days=100, runs=2)


def ask(site: Site, action: str, request: str, **changes: Any) -> dict[str, Any]:
    body = site.run(action=action, cause="Request", request=request, **{"spec": MANUAL, **changes})
    assert violations(json.loads(encode(body=body))) == []
    assert not any(line.startswith(("data:", "profile:")) for line in site.lines)
    return body


def log(site: Site) -> list[tuple[int, str]]:
    """The promotion log: versions and kinds."""
    entries = sorted((site.registry / "promotions").iterdir())
    bodies = [json.loads(path.read_bytes()) for path in entries]
    return [(entry["version"], entry["kind"]) for entry in (body.get("body", body) for body in bodies)]


def test_what_waits_is_approved_and_serves(site: Site) -> None:
    body = ask(site, "approve", "2")
    assert (body["outcome"], body["reason"], body["waiting"]) == ("Approved", "ApprovedByRequest", None)
    assert (body["champion"]["version"], body["champion"]["previousVersion"]) == (2, 1)
    assert body["score"] > 0.8
    assert log(site) == [(1, "Promotion"), (2, "Approval")]
    rows = {"speed": [2.0, -2.0], "load": [0.0, 0.0], "site": ["A", "A"]}
    assert list(load_champion(site.registry).predict(rows)) == ["false", "true"]
    assert site.run(spec=MANUAL)["outcome"] == "Kept"


def test_while_one_waits_no_other_is_trained(site: Site) -> None:
    site.add(days=10, relation="reversed")
    body = site.run(spec=MANUAL)
    assert (body["outcome"], body["reason"], body["waiting"]) == ("Deferred", "AwaitingApproval", 2)
    assert site.versions() == ["1", "2"]


def test_what_is_rejected_waits_no_more(site: Site) -> None:
    body = ask(site, "reject", "2")
    assert (body["outcome"], body["reason"], body["waiting"]) == ("NotPromoted", "Rejected", None)
    assert body["champion"]["version"] == 1
    again = ask(site, "reject", "2@again")
    assert (again["outcome"], again["reason"]) == ("Refused", "NothingWaiting")
    overruled = ask(site, "approve", "2@after all")
    assert (overruled["outcome"], overruled["reason"]) == ("Approved", "Overruled")
    assert "it had been rejected" in overruled["message"]


def test_back_to_the_version_before_and_forth(site: Site) -> None:
    ask(site, "approve", "2")
    body = ask(site, "rollback", "1")
    assert (body["outcome"], body["champion"]["version"], body["champion"]["previousVersion"]) == ("RolledBack", 1, 2)
    assert ask(site, "rollback", "1@again")["reason"] == "AlreadyChampion"
    assert ask(site, "rollback", "2")["outcome"] == "RolledBack"
    assert ask(site, "rollback", "7")["reason"] == "UnknownVersion"
    assert log(site) == [(1, "Promotion"), (2, "Approval"), (1, "Rollback"), (2, "Rollback")]


def test_words_of_long_ago_are_not_told_as_done_where_another_version_serves_since(site: Site) -> None:
    """Rollback 1, then 2, then 1 in the words of the first time: the same Job name, so the same run key."""
    ask(site, "approve", "2")
    first = ask(site, "rollback", "1", key="uid-1.rollback-1")
    lost_pod = ask(site, "rollback", "1", key="uid-1.rollback-1")
    assert {**lost_pod, "jobUID": ""} == {**first, "jobUID": ""}  # nothing has changed since: the answer is still true
    ask(site, "rollback", "2")
    again = ask(site, "rollback", "1", key="uid-1.rollback-1")
    assert (again["outcome"], again["reason"], again["champion"]["version"]) == ("Refused", "AlreadyHandled", 2)
    assert "RolledBack on" in again["message"]
    assert "version 2 is the champion since" in again["message"]
    assert [version for version, _ in log(site)] == [1, 2, 1, 2]


def test_a_pin_wins_over_everything_and_unpinning_keeps_the_champion(site: Site) -> None:
    ask(site, "approve", "2")
    pinned = spec(promotion={"mode": "Automatic", "pinnedVersion": 1})
    body = site.run(spec=pinned)
    assert (body["outcome"], body["champion"]["version"]) == ("Pinned", 1)
    assert ask(site, "rollback", "2", spec=pinned)["reason"] == "PinnedBySpec"
    assert ask(site, "pin", "1", spec=pinned)["reason"] == "PinnedBySpec"
    trained = site.run(spec=pinned, action="train", cause="Request")
    assert (trained["outcome"], trained["reason"], trained["champion"]["version"]) == ("NotPromoted", "PinnedBySpec", 1)
    unpinned = ask(site, "pin", "", spec=spec())
    assert (unpinned["reason"], unpinned["champion"]["version"]) == ("Unpinned", 1)
    assert log(site) == [(1, "Promotion"), (2, "Approval"), (1, "Pin")]


def test_a_pin_to_what_is_not_there_is_refused_and_checks_go_on(site: Site) -> None:
    nowhere = spec(promotion={"pinnedVersion": 9})
    body = ask(site, "pin", "9", spec=nowhere)
    assert (body["outcome"], body["reason"], body["champion"]["version"]) == ("Refused", "UnknownVersion", 1)
    assert site.run(spec=nowhere)["outcome"] in ("Kept", "Deferred")


@pytest.mark.parametrize("lacking", ["no such version", "given up by retention", "model damaged"])
def test_checks_go_on_and_tell_of_a_pin_that_cannot_be_followed(site: Site, lacking: str) -> None:
    number = 9 if lacking == "no such version" else 1
    registry = Registry(store=DirectoryStore(mount=site.root / "models", prefix="kept/team/delays"))
    ask(site, "approve", "2")
    first = registry.versions.manifest(version=1)
    if lacking == "given up by retention":
        model = registry.versions.model(manifest=registry.versions.manifest(version=2))
        draft = replace(registry.versions.manifest(version=2), version=0, run="run-3")
        registry.versions.publish(draft=draft, model=model)
        registry.log.append(promotion=replace(registry.log.entry(number=2), number=3, version=3, previous_version=2))
        registry.retain(keep=1, now=site.now, run="run-3")
        assert registry.tombstone(version=1) is not None
    elif lacking == "model damaged":
        (site.registry / blob_name(first.model_digest)).write_bytes(b"scrambled")
    champion, entries = site.run(spec=MANUAL)["champion"]["version"], log(site)
    pinned = spec(promotion={"mode": "Manual", "pinnedVersion": number})
    reason = "UnknownVersion" if lacking == "no such version" else "VersionUnusable"
    assert ask(site, "pin", f"{number}", spec=pinned)["reason"] == reason
    site.add(days=8, relation="reversed")
    body = site.run(spec=pinned)
    assert (body["outcome"], body["champion"]["version"], body["data"]["valid"]) == ("Kept", champion, True), body
    assert body["message"].startswith(f"promotion.pinnedVersion {number} cannot be followed ({reason}); roc_auc ")
    assert any(line.startswith(f"promotion.pinnedVersion {number} cannot be followed: ") for line in site.lines)
    trained = site.run(spec=pinned, action="train", cause="Request", request="now")
    assert (trained["outcome"], trained["trigger"], trained["champion"]["version"]) == (
        "NotPromoted",
        "Requested",
        champion,
    )
    assert log(site) == entries


def test_checks_go_on_where_the_version_that_the_spec_approves_cannot_serve(site: Site) -> None:
    registry = Registry(store=DirectoryStore(mount=site.root / "models", prefix="kept/team/delays"))
    (site.registry / blob_name(registry.versions.manifest(version=2).model_digest)).write_bytes(b"scrambled")
    body = site.run(spec=spec(promotion={"mode": "Manual", "approvedVersion": 2}))
    assert (body["outcome"], body["champion"]["version"], body["waiting"]) == ("Deferred", 1, 2), body
    assert body["message"].startswith("promotion.approvedVersion 2 cannot be followed (VersionUnusable); ")


def test_an_approval_by_pull_request_acts_on_the_waiting_version_alone(site: Site) -> None:
    for number, outcome in ((1, "Deferred"), (2, "Approved")):
        body = site.run(spec=spec(promotion={"mode": "Manual", "approvedVersion": number}))
        assert body["outcome"] == outcome, body
    assert site.run(spec=spec(promotion={"mode": "Manual", "approvedVersion": 2}))["outcome"] == "Kept"


def test_what_was_approved_by_pull_request_and_rolled_back_by_a_person_stays_rolled_back(site: Site) -> None:
    approving = spec(promotion={"mode": "Manual", "approvedVersion": 2})
    assert site.run(spec=approving)["outcome"] == "Approved"
    body = ask(site, "rollback", "1", spec=approving)
    assert (body["outcome"], body["champion"]["version"], body["waiting"]) == ("RolledBack", 1, None)
    body = site.run(spec=approving)
    assert (body["champion"]["version"], body["waiting"]) == (1, None), body
    assert log(site) == [(1, "Promotion"), (2, "Approval"), (1, "Rollback")]
    assert ask(site, "approve", "2@after all", spec=approving)["outcome"] == "Approved", "a person's word counts anew"


def test_a_version_that_was_rolled_back_from_waits_no_more_and_holds_no_training_back(site: Site) -> None:
    ask(site, "approve", "2")
    ask(site, "rollback", "1")
    site.add(days=15, relation="reversed")
    body = site.run(spec=MANUAL)
    assert (body["outcome"], body["waiting"], site.versions()) == ("AwaitingApproval", 3, ["1", "2", "3"]), body


def test_observe_never_promotes(tmp_path: Path) -> None:
    site = Site(root=tmp_path)
    site.add(days=60)
    body = site.run(spec=spec(promotion={"mode": "Observe"}))
    assert (body["outcome"], body["champion"], body["waiting"]) == ("Observed", None, None)
    assert body["challenger"]["verdict"] == "Better"
    assert ask(site, "approve", "1")["outcome"] == "Approved"


@pytest.mark.parametrize("lost", ["result", "result and entry"])
def test_a_request_has_one_effect_however_often_its_run_dies(site: Site, lost: str) -> None:
    first = ask(site, "approve", "2", key="uid-1.approve")
    (site.registry / "runs/uid-1.approve/result.json").unlink()
    if lost == "result and entry":
        (site.registry / "promotions" / f"{2:020d}.json").unlink()
    again = ask(site, "approve", "2", key="uid-1.approve")
    assert (again["outcome"], again["champion"]) == ("Approved", first["champion"])
    assert log(site) == [(1, "Promotion"), (2, "Approval")]


def test_a_rejection_is_told_as_it_was_when_its_run_dies(site: Site) -> None:
    first = ask(site, "reject", "2", key="uid-1.reject")
    (site.registry / "runs/uid-1.reject/result.json").unlink()
    again = ask(site, "reject", "2", key="uid-1.reject")
    assert (again["outcome"], again["reason"], again["message"]) == ("NotPromoted", "Rejected", first["message"])
    assert ask(site, "reject", "2@again")["reason"] == "NothingWaiting", "another run did not reject it"


def test_an_overrule_stays_one_when_its_run_dies(site: Site) -> None:
    ask(site, "reject", "2")
    for _ in range(2):
        body = ask(site, "approve", "2", key="uid-1.overrule")
        assert (body["outcome"], body["reason"], body["champion"]["version"]) == ("Approved", "Overruled", 2)
        (site.registry / "runs/uid-1.overrule/result.json").unlink()
    assert log(site) == [(1, "Promotion"), (2, "Overrule")]


def test_a_request_restored_from_a_backup_is_not_carried_out_again(site: Site) -> None:
    assert ask(site, "approve", "2")["outcome"] == "Approved"
    assert ask(site, "rollback", "1")["outcome"] == "RolledBack"
    entries = log(site)
    restored = ask(site, "approve", "2", key="uid-of-the-restored-policy.approve")
    assert (restored["outcome"], restored["reason"], restored["champion"]["version"]) == (
        "Refused",
        "AlreadyHandled",
        1,
    )
    assert "2@" in restored["message"]
    assert log(site) == entries
    assert ask(site, "approve", "2@again")["outcome"] == "Approved"


def test_a_refused_request_is_not_carried_out_after_a_restore_either(site: Site) -> None:
    refused = ask(site, "rollback", "2")
    assert (refused["outcome"], refused["reason"]) == ("Refused", "NeverChampion")
    assert ask(site, "approve", "2")["outcome"] == "Approved"
    assert ask(site, "rollback", "1@now")["outcome"] == "RolledBack"
    restored = ask(site, "rollback", "2", key="uid-of-the-restored-policy.rollback")
    assert (restored["outcome"], restored["reason"]) == ("Refused", "AlreadyHandled")
    assert ask(site, "rollback", "2@now")["outcome"] == "RolledBack"


def test_a_training_that_was_asked_for_before_a_restore_is_not_made_again(site: Site) -> None:
    def train(request: str, **changes: Any) -> dict[str, Any]:
        return site.run(action="train", cause="Request", request=request, spec=MANUAL, **changes)

    first = train("monday", key="uid-1.train")
    assert first["outcome"] in ("NotPromoted", "AwaitingApproval")
    trainings = first["counters"]["trainings"]
    (site.registry / "runs/uid-1.train/result.json").unlink()
    resumed = train("monday", key="uid-1.train")
    assert (resumed["outcome"], resumed["counters"]["trainings"]) == (first["outcome"], trainings), "the same run"
    restored = train("monday", key="uid-2.train")
    assert (restored["outcome"], restored["reason"]) == ("Refused", "AlreadyHandled")
    assert restored["counters"]["trainings"] == trainings
    assert train("tuesday")["counters"]["trainings"] == trainings + 1


@pytest.mark.parametrize("action, request_", [("approve", "1@x"), ("rollback", "1"), ("pin", "1")])
def test_a_version_that_retention_gave_up_never_serves_again(site: Site, action: str, request_: str) -> None:
    registry = Registry(store=DirectoryStore(mount=site.root / "models", prefix="kept/team/delays"))
    ask(site, "approve", "2")
    manifest = registry.versions.find(version=2)
    assert manifest is not None
    model = registry.versions.model(manifest=manifest)
    third = registry.versions.publish(draft=replace(manifest, version=0, run="run-3"), model=model)
    ask(site, "approve", f"{third.version}")
    registry.retain(keep=1, now=site.now, run="run-3")
    assert registry.tombstone(version=1) is not None
    entries = log(site)
    body = ask(site, action, request_)
    assert (body["outcome"], body["reason"]) == ("Refused", "VersionUnusable")
    assert log(site) == entries


def test_a_version_whose_model_is_damaged_is_refused(site: Site) -> None:
    registry = Registry(store=DirectoryStore(mount=site.root / "models", prefix="kept/team/delays"))
    waiting = registry.versions.find(version=2)
    assert waiting is not None
    (site.registry / blob_name(waiting.model_digest)).unlink()
    body = ask(site, "approve", "2")
    assert (body["outcome"], body["reason"], body["champion"]["version"]) == ("Refused", "VersionUnusable", 1)


def test_people_at_the_same_time_make_one_log_without_gaps_or_repeats(site: Site) -> None:
    asked = [("approve", "2"), ("rollback", "1"), ("approve", "2@b"), ("rollback", "1@b")] * 2
    runs = [
        site.description(action=action, cause="Request", request=request, spec=MANUAL, key=f"uid-1.race-{index}")
        for index, (action, request) in enumerate(asked)
    ]
    from retrain_trainer.run import execute

    with ThreadPoolExecutor(max_workers=8) as pool:
        bodies = list(pool.map(lambda run: execute(run=run, now=site.now, say=lambda _: None), runs))
    entries = log(site)
    done = [body for body in bodies if body["outcome"] in ("Approved", "RolledBack")]
    assert len(entries) == 1 + len(done)
    assert all(before[0] != after[0] for before, after in pairwise(entries))
    assert {body["outcome"] for body in bodies} <= {"Approved", "RolledBack", "Refused"}
    assert entries[1][1] == "Approval", "version 1 cannot be rolled back to as long as it is the champion"


def test_every_promotion_in_a_race_with_people_has_passed_the_gate_against_the_champion_of_its_moment(
    site: Site,
) -> None:
    from retrain_trainer.run import execute

    site.add(days=10, relation="reversed")
    asked = [("train", "a"), ("approve", "2"), ("train", "b"), ("rollback", "1"), ("train", "c"), ("approve", "2@b")]
    runs = [
        site.description(action=action, cause="Request", request=request, spec=spec(), key=f"uid-1.race-{index}")
        for index, (action, request) in enumerate(asked)
    ]
    with ThreadPoolExecutor(max_workers=6) as pool:
        bodies = list(pool.map(lambda run: execute(run=run, now=site.now, say=lambda _: None), runs))
    registry = Registry(store=DirectoryStore(mount=site.root / "models", prefix="kept/team/delays"))
    entries = [registry.log.entry(number=number) for number in registry.log.numbers()]
    assert [entry.number for entry in entries] == list(range(1, len(entries) + 1))
    for before, entry in pairwise(entries):
        assert entry.previous_version == before.version
        if entry.kind == "Promotion":
            gate = registry.versions.manifest(version=entry.version).gate
            assert (gate.verdict, gate.held, gate.champion) == ("Better", False, before.version)
    assert {body["outcome"] for body in bodies} & {"Approved", "Promoted"}
