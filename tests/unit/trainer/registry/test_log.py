"""Versions, promotions and runs of one policy."""

from __future__ import annotations

import json
import os
from multiprocessing import get_context
from pathlib import Path

import pytest
from retrain_trainer.errors import RegistryDamaged
from retrain_trainer.registry.manifest import Manifest

from tests.unit.trainer.registry.builders import Place, draft, promotion, publish_and_promote, registry_at, registry_in


def test_an_empty_registry_has_no_champion(place: Place) -> None:
    registry = place.registry()
    assert registry.champion() is None
    assert registry.runs.newest(limit=5) == []
    assert registry.counters().checks == 0


def test_a_manifest_survives_writing_and_reading() -> None:
    manifest = draft(run="a", model=b"model", version=3)
    assert Manifest.from_bytes(data=manifest.to_bytes(), name="manifest.json") == manifest


def test_the_champion_is_what_the_newest_promotion_names(place: Place) -> None:
    registry = place.registry()
    for run in ("a", "b"):
        assert publish_and_promote(registry=registry, run=run, model=run.encode())
    champion = registry.champion()
    assert champion is not None
    assert (champion.manifest.version, champion.promotion.number) == (2, 2)
    assert registry.versions.model(manifest=champion.manifest) == b"b"
    assert registry.log.append(promotion=promotion(number=3, version=1, run="c"))
    rolled_back = registry.champion()
    assert rolled_back is not None
    assert rolled_back.manifest.version == 1
    counters = registry.counters()
    assert (counters.checks, counters.trainings, counters.promotions) == (2, 2, 3)


def test_one_run_key_gets_one_version_and_one_result_however_often_it_tries(place: Place) -> None:
    registry = place.registry()
    first = registry.runs.start(key="uid.job")
    assert not first.resumed
    published = registry.versions.publish(draft=draft(run="uid.job", model=b"one"), model=b"one")
    again = place.registry()
    assert again.runs.start(key="uid.job").resumed
    assert again.versions.of_run(key="uid.job") == published
    assert again.versions.publish(draft=draft(run="uid.job", model=b"two"), model=b"two") == published
    assert again.runs.finish(key="uid.job", result={"time": "1"}) == {"time": "1"}
    assert again.runs.finish(key="uid.job", result={"time": "2"}) == {"time": "1"}
    assert again.runs.find(key="uid.job") == {"time": "1"}


def test_previous_runs_come_newest_first_without_the_asking_one(place: Place) -> None:
    registry = place.registry()
    for key in ("b", "a", "d", "c"):
        registry.runs.start(key=key)
        registry.runs.finish(key=key, result={"time": f"2013-01-0{'abcd'.index(key) + 1}"})
    registry.runs.start(key="unfinished")
    assert [key for key, _ in registry.runs.newest(limit=2, without="d")] == ["c", "b"]


@pytest.mark.parametrize(
    "counts, times, order",
    [
        pytest.param([1, 2, 3], ["1", "2", "3"], "cba", id="one after the other"),
        pytest.param([1, 2, 3], ["1", "9", "3"], "cba", id="the second by a clock that was ahead"),
        pytest.param([1, 2, 3], ["8", "9", "3"], "cba", id="the third by a clock that was behind"),
        pytest.param([2, 2, 3], ["2", "1", "3"], "cab", id="two at once, in the order of their times"),
        pytest.param([None, 2, 3], ["9", "2", "3"], "cba", id="one that does not tell comes last"),
        pytest.param([71, 72, 3], ["1", "2", "3"], "cba", id="two of before many runs were taken away"),
        pytest.param([5, 4, 3, 4], ["1", "2", "3", "4"], "dcba", id="one was taken away, and two began since"),
    ],
)
def test_results_are_ordered_by_how_many_runs_had_begun(
    place: Place, counts: list[int | None], times: list[str], order: str
) -> None:
    registry = place.registry()
    for key, count, time in zip("abcd"[: len(counts)], counts, times, strict=True):
        body = {"body": {"counters": {"checks": count}}} if count else {}
        registry.runs.finish(key=key, result={"time": time, **body})
    assert "".join(key for key, _ in registry.runs.newest(limit=5)) == order


#: Runs in the order in which they began, by a word each: what they came to, or that they left no result.
KEPT, STOPPED, TOLD, FAILED, ASKED = "kept", "stopped", "told", "failed", "asked"


@pytest.mark.parametrize(
    "runs, ahead, failures",
    [
        pytest.param([], None, 0, id="no run"),
        pytest.param([FAILED, FAILED], None, 2, id="two that failed"),
        pytest.param([FAILED, KEPT, FAILED], None, 1, id="a result ends the row"),
        pytest.param([FAILED, TOLD, FAILED], None, 2, id="what a person said does not"),
        pytest.param([FAILED, FAILED, FAILED, STOPPED], None, 3, id="nor does what the row held back"),
        pytest.param([FAILED, FAILED, FAILED, STOPPED, FAILED], None, 3, id="whatever comes after it"),
        pytest.param([FAILED, FAILED, ASKED, FAILED], None, 1, id="a request to train begins anew"),
        pytest.param([KEPT, FAILED, FAILED], 0, 2, id="a clock that was ahead keeps no earlier result in front"),
        pytest.param([FAILED, KEPT, FAILED], 1, 1, id="and hides none that ends the row"),
        pytest.param([STOPPED, KEPT], 0, 0, id="nor does it hold back what has run since"),
    ],
)
def test_failures_in_a_row(tmp_path: Path, runs: list[str], ahead: int | None, failures: int) -> None:
    registry = registry_in(tmp_path)
    for number, word in enumerate(runs):
        key, action = f"run-{number}", {TOLD: "reject", ASKED: "train"}.get(word, "check")
        registry.runs.start(key=key, action=action)
        if word not in (FAILED, ASKED):
            reason = "StoppedAfterFailures" if word == STOPPED else "ThresholdMet"
            body = {"action": action, "reason": reason, "counters": {"checks": number + 1}}
            registry.runs.finish(key=key, result={"time": "1", "body": body})
        time = 1_000_000 if number == ahead else number
        os.utime(tmp_path / "default/flights/runs" / key, (time, time))
    assert registry.runs.failures_in_a_row(generation=0, edition="", limit=3) == failures


def test_an_unreadable_result_of_an_earlier_run_stops_nobody(place: Place) -> None:
    registry = place.registry()
    registry.runs.finish(key="good", result={"time": "2"})
    registry.runs.finish(key="torn", result={"time": "1"})
    (place.files / "runs/torn/result.json").write_bytes(b'{"ti')
    assert [key for key, _ in registry.runs.newest(limit=5)] == ["good"]


def test_the_salt_is_made_once(place: Place) -> None:
    assert place.registry().salt() == place.registry().salt()


def _publish_many(root: str, mine: int, times: int) -> list[int]:
    registry = registry_at(root)
    versions = []
    for index in range(times):
        run, model = f"run-{mine}-{index}", f"{mine}-{index}".encode()
        versions.append(registry.versions.publish(draft=draft(run=run, model=model), model=model).version)
    return versions


def test_eight_processes_get_distinct_rising_versions(place: Place) -> None:
    with get_context("spawn").Pool(8) as pool:
        versions = pool.starmap(_publish_many, [(place.root, number, 5) for number in range(8)])
    assert all(mine == sorted(mine) for mine in versions)
    flat = [version for mine in versions for version in mine]
    assert len(set(flat)) == 40
    registry = place.registry()
    for number, mine in enumerate(versions):
        for index, version in enumerate(mine):
            manifest = registry.versions.manifest(version=version)
            assert registry.versions.model(manifest=manifest) == f"{number}-{index}".encode()


def _publish_same_key(root: str, mine: int) -> int:
    model = str(mine).encode()
    return registry_at(root).versions.publish(draft=draft(run="same", model=model), model=model).version


def test_eight_processes_with_one_run_key_end_at_one_version(place: Place) -> None:
    with get_context("spawn").Pool(8) as pool:
        versions = pool.starmap(_publish_same_key, [(place.root, number) for number in range(8)])
    assert versions == [1] * 8
    assert place.registry().counters().trainings == 1


def _promote_many(root: str, mine: int, times: int) -> list[int]:
    registry = registry_at(root)
    won: list[int] = []
    while len(won) < times:
        champion = registry.champion()
        assert champion is not None
        number = champion.promotion.number + 1
        if registry.log.append(promotion=promotion(number=number, version=1, run=f"run-{mine}-{len(won)}")):
            won.append(number)
    return won


def test_a_race_of_promotions_has_one_winner_a_number_and_losers_come_later(place: Place) -> None:
    publish_and_promote(registry=place.registry(), run="first", model=b"m")
    with get_context("spawn").Pool(8) as pool:
        won = pool.starmap(_promote_many, [(place.root, number, 5) for number in range(8)])
    assert sorted(number for mine in won for number in mine) == list(range(2, 42))


def _damage(path: Path, kind: str) -> None:
    match kind:
        case "torn":
            path.write_bytes(path.read_bytes()[:-20])
        case "empty":
            path.write_bytes(b"")
        case "edited":
            path.write_bytes(path.read_bytes().replace(b'"metric": "roc_auc"', b'"metric": "r2"'))
        case "without checksum":
            body = json.loads(path.read_bytes())
            del body["checksum"]
            path.write_text(json.dumps(body))
        case "missing":
            path.unlink()


@pytest.mark.parametrize("kind", ["torn", "empty", "edited", "without checksum", "missing"])
def test_a_damaged_manifest_of_the_champion_is_named(place: Place, kind: str) -> None:
    registry = place.registry()
    publish_and_promote(registry=registry, run="a", model=b"model")
    path = place.files / "versions/1/manifest.json"
    _damage(path, kind)
    name = place.store().name_of("versions/1/manifest.json")
    with pytest.raises(RegistryDamaged, match=name) as caught:
        registry.champion()
    assert caught.value.reason == ("ManifestMissing" if kind == "missing" else "ManifestDamaged")
    assert caught.value.exit_code == 65


@pytest.mark.parametrize(
    "change, reason",
    [(b"other", "ChampionCorrupt"), (b"much longer than it was", "RegistryUnreadable"), (None, "ChampionMissing")],
    ids=["other content", "longer", "missing"],
)
def test_a_damaged_model_is_named_and_never_returned(place: Place, change: bytes | None, reason: str) -> None:
    registry = place.registry()
    publish_and_promote(registry=registry, run="a", model=b"model")
    (blob,) = (place.files / "blobs/sha256").iterdir()
    blob.unlink()
    if change is not None:
        blob.write_bytes(change)
    champion = registry.champion()
    assert champion is not None
    with pytest.raises(RegistryDamaged, match=blob.name) as caught:
        registry.versions.model(manifest=champion.manifest)
    assert caught.value.reason == reason


def test_a_torn_blob_of_before_is_hashed_again_not_trusted(place: Place) -> None:
    registry = place.registry()
    publish_and_promote(registry=registry, run="a", model=b"model")
    (blob,) = (place.files / "blobs/sha256").iterdir()
    blob.write_bytes(b"mod")
    with pytest.raises(RegistryDamaged, match=blob.name) as caught:
        registry.versions.publish(draft=draft(run="b", model=b"model"), model=b"model")
    assert caught.value.reason == "BlobCorrupt"


def test_a_torn_manifest_burns_its_number_and_the_next_is_taken(place: Place) -> None:
    registry = place.registry()
    registry.runs.start(key="a")
    registry.versions.publish(draft=draft(run="a", model=b"model"), model=b"model")
    _damage(place.files / "versions/1/manifest.json", "torn")
    assert registry.versions.publish(draft=draft(run="a", model=b"model"), model=b"model").version == 2
    resumed = registry.versions.of_run(key="a")
    assert resumed is not None
    assert resumed.version == 2
