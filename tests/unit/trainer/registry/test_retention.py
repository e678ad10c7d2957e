"""`registry.keepVersions`: nothing is deleted without a recorded reason, and nothing that is needed."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retrain_trainer.errors import DataUnavailable, RegistryDamaged
from retrain_trainer.registry.registry import Registry
from retrain_trainer.registry.retention import given_up, needed_versions

from tests.unit.trainer.registry.builders import NOW, Place, draft, promotion, publish_and_promote

HOUR = timedelta(hours=1)


@given(
    versions=st.sets(st.integers(1, 40), max_size=40), keep=st.integers(1, 10), draw=st.randoms(use_true_random=False)
)
def test_what_is_given_up_is_old_and_not_needed(versions: set[int], keep: int, draw: Random) -> None:
    some = [None, *sorted(versions)]
    champion, previous = draw.choice(some), draw.choice(some)
    unsettled = {version for version in versions if draw.random() < 0.2}
    needed = needed_versions(
        among=versions,
        champion=champion,
        previous=previous,
        newest=max(versions, default=None),
        unsettled=unsettled.__contains__,
    )
    gone = given_up(kept=versions, protected=needed, keep=keep)
    left, newest = versions - set(gone), set(sorted(versions)[-keep:])
    assert newest <= left
    assert {champion, previous} - {None} <= left
    assert {version for version in unsettled if version > (champion or 0)} <= left
    assert left == newest | needed


def _filled(place: Place, count: int) -> Registry:
    """Versions 1 to `count`, each promoted."""
    registry = place.registry()
    for number in range(1, count + 1):
        previous = number - 1 or None
        model = f"model {number}".encode()
        registry.versions.publish(draft=draft(run=f"run-{number}", model=model), model=model)
        entry = promotion(number=number, version=number, run=f"run-{number}", previous_version=previous)
        assert registry.log.append(promotion=entry)
    return registry


def _models(place: Place) -> list[str]:
    return sorted(path.read_text() for path in (place.files / "blobs/sha256").iterdir())


def test_old_models_get_a_tombstone_first_and_go_an_hour_later(place: Place) -> None:
    registry = _filled(place, 5)
    before = {path for path in place.files.rglob("*") if path.is_file()}
    told = registry.retain(keep=2, now=NOW, run="run-5")
    assert len(told) == 3
    assert _models(place) == [f"model {number}" for number in range(1, 6)]
    assert registry.retain(keep=2, now=NOW + HOUR / 2, run="run-6") == []
    told = registry.retain(keep=2, now=NOW + HOUR, run="run-7")
    assert told == [f"retention: version {number}: its model is deleted" for number in (1, 2, 3)]
    assert _models(place) == ["model 4", "model 5"]
    assert registry.retain(keep=2, now=NOW + 2 * HOUR, run="run-8") == []
    # S8: what is gone has its reason, and nothing but models is gone.
    gone = before - {path for path in place.files.rglob("*") if path.is_file()}
    assert {path.parent.name for path in gone} == {"sha256"}
    reasons = [registry.tombstone(version=number) for number in range(1, 6)]
    assert [None if reason is None else (reason.reason, reason.time, reason.run) for reason in reasons] == [
        *([("KeepVersions", NOW, "run-5")] * 3),
        None,
        None,
    ]
    assert {reason.model_digest.removeprefix("sha256:") for reason in reasons if reason} == {path.name for path in gone}


def test_a_version_that_is_gone_says_so_by_name(place: Place) -> None:
    registry = _filled(place, 3)
    for time in (NOW, NOW + HOUR):
        registry.retain(keep=1, now=time, run="run-3")
    manifest = registry.versions.manifest(version=1)
    with pytest.raises(DataUnavailable, match=r"version 1 .* registry.keepVersions is 1") as caught:
        registry.versions.model(manifest=manifest)
    assert caught.value.reason == "VersionRemoved"
    assert (
        registry.versions.model(manifest=registry.versions.manifest(version=2)) == b"model 2"
    )  # the one before the champion


def test_a_model_that_two_versions_share_stays_while_one_needs_it(place: Place) -> None:
    registry = place.registry()
    for number, model in enumerate([b"same", b"other", b"same", b"newest"], start=1):
        registry.versions.publish(draft=draft(run=f"run-{number}", model=model), model=model)
    registry.log.append(promotion=promotion(number=1, version=4, run="run-4", previous_version=3))
    for time in (NOW, NOW + HOUR):
        registry.retain(keep=1, now=time, run="run-4")
    assert _models(place) == ["newest", "same"]
    registry.log.append(promotion=promotion(number=2, version=4, run="run-5", previous_version=4))
    for time in (NOW + 2 * HOUR, NOW + 3 * HOUR):
        registry.retain(keep=1, now=time, run="run-5")
    assert _models(place) == ["newest"]


def test_what_is_needed_again_after_its_tombstone_stays(place: Place) -> None:
    registry = _filled(place, 4)
    registry.retain(keep=1, now=NOW, run="run-4")
    registry.log.append(promotion=promotion(number=5, version=1, run="rollback", previous_version=4))
    told = registry.retain(keep=1, now=NOW + HOUR, run="run-5")
    assert "retention: version 1 was given up and is needed again; its model stays" in told
    champion = registry.champion()
    assert champion is not None
    assert registry.versions.model(manifest=champion.manifest) == b"model 1"


@pytest.mark.parametrize(
    ("promoted", "ended", "kept"),
    [
        pytest.param([], [1, 2, 3, 4], [4], id="without a champion the newest stays"),
        pytest.param([], [], [1, 2, 3, 4], id="what a run published that has not ended stays"),
        pytest.param([1], [1, 2, 3, 4], [1, 4], id="losers newer than the champion go once their runs have ended"),
        pytest.param([1], [1, 2, 4], [1, 3, 4], id="one whose run has not ended may still be promoted"),
        pytest.param([1, 2], [1, 2, 3, 4], [1, 2, 4], id="the champion and the one before it stay"),
    ],
)
def test_what_is_newer_than_the_champion_goes_when_it_cannot_be_promoted_any_more(
    place: Place, promoted: list[int], ended: list[int], kept: list[int]
) -> None:
    registry = place.registry()
    for number in range(1, 5):
        model = f"model {number}".encode()
        registry.versions.publish(draft=draft(run=f"run-{number}", model=model), model=model)
        if number in ended:
            registry.runs.finish(key=f"run-{number}", result={"job": f"run-{number}"})
    for number in promoted:
        entry = promotion(number=number, version=number, run=f"run-{number}", previous_version=number - 1 or None)
        assert registry.log.append(promotion=entry)
    for time in (NOW, NOW + HOUR):
        registry.retain(keep=1, now=time, run="run-4")
    assert _models(place) == [f"model {number}" for number in kept]


def test_a_manifest_that_cannot_be_read_stops_retention(place: Place) -> None:
    registry = _filled(place, 4)
    (place.files / "versions/3/manifest.json").write_bytes(b"{")
    with pytest.raises(RegistryDamaged, match=r"versions/3/manifest\.json"):
        registry.retain(keep=1, now=NOW, run="run-4")
    assert len(_models(place)) == 4


def test_a_published_model_that_retention_takes_away_meanwhile_is_stored_again(place: Place) -> None:
    registry = publish_registry(place)
    manifest = registry.versions.publish(draft=draft(run="again", model=b"model"), model=b"model")
    assert registry.versions.model(manifest=manifest) == b"model"


def publish_registry(place: Place) -> Registry:
    """A registry whose store loses the model right when the number of the next version is claimed."""
    publish_and_promote(registry=place.registry(), run="first", model=b"model")

    class _Losing:
        def __init__(self) -> None:
            self._store = place.store()

        def create(self, *, key: str, data: bytes) -> bool:
            if key == "versions/2/manifest.json":
                (blob,) = (place.files / "blobs/sha256").iterdir()
                blob.unlink()
            return self._store.create(key=key, data=data)

        def __getattr__(self, name: str) -> object:
            return getattr(self._store, name)

    return Registry(store=_Losing())  # type: ignore[arg-type]
