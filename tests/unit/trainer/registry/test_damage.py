"""What damage does to a registry: the file is named with what to do, and no wrong model is ever in use."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retrain_trainer.errors import EXIT_PASSING, DataUnavailable, RegistryDamaged, RunError
from retrain_trainer.registry.documents import sealed
from retrain_trainer.registry.filesystem import FileSystem
from retrain_trainer.registry.layout import document
from retrain_trainer.registry.manifest import Manifest, Promotion
from retrain_trainer.registry.registry import Registry
from retrain_trainer.registry.store import DirectoryStore

from tests.unit.trainer.registry.builders import NOW, Place, draft, promotion

MANIFEST, OTHER_MANIFEST = "versions/2/manifest.json", "versions/1/manifest.json"
PROMOTION, OTHER_PROMOTION = f"promotions/{2:020d}.json", f"promotions/{1:020d}.json"


def _two_versions(place: Place) -> Registry:
    registry = place.registry()
    for number, run in enumerate(["a", "b"], start=1):
        model = f"model {run}".encode()
        registry.runs.start(key=run)
        registry.versions.publish(draft=draft(run=run, model=model), model=model)
        entry = promotion(number=number, version=number, run=run, previous_version=number - 1 or None)
        assert registry.log.append(promotion=entry)
        registry.runs.finish(key=run, result={"time": f"2013-03-0{number}"})
    return registry


def _blob(place: Place, model: bytes) -> Path:
    (found,) = [path for path in (place.files / "blobs/sha256").iterdir() if path.read_bytes() == model]
    return found


def _model_in_use(registry: Registry) -> bytes:
    champion = registry.champion()
    assert champion is not None
    return registry.versions.model(manifest=champion.manifest)


def _resealed(path: Path, **changes: object) -> None:
    """As somebody would write it who knows how checksums are made."""
    body = json.loads(path.read_text())
    path.write_bytes(sealed({k: v for k, v in {**body, **changes}.items() if k not in ("checksum", "format")}))


Damage = Callable[[Path], object]
KINDS: dict[str, Damage] = {
    "cut in the middle": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "without its last byte": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "empty": lambda path: path.write_bytes(b""),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "one bit": lambda path: path.write_bytes(_flipped(path.read_bytes(), len(path.read_bytes()) * 4)),
    "another document": lambda path: path.write_text('{"kind": "something else"}'),
    "a list": lambda path: path.write_text("[]"),
    "much too large": lambda path: path.write_bytes(b" " * (8 * 1024**2 + 1)),
    "gone": Path.unlink,
}
#: file, what happens to it, and the reasons it may be told by
TABLE = [
    pytest.param(name, kind, reasons, id=f"{name.split('/')[0]}: {kind}")
    for name, reasons in {
        MANIFEST: ("ManifestDamaged", "ManifestMissing", "RegistryUnreadable"),
        PROMOTION: ("PromotionDamaged", "RegistryUnreadable"),
        "blob": ("ChampionCorrupt", "ChampionMissing", "RegistryUnreadable"),
    }.items()
    for kind in KINDS
    if not (name == PROMOTION and kind == "gone")  # a log without its last entry is a log of before
]


def _flipped(data: bytes, bit: int) -> bytes:
    return data[: bit // 8] + bytes([data[bit // 8] ^ (1 << bit % 8)]) + data[bit // 8 + 1 :]


@pytest.mark.parametrize(("name", "kind", "reasons"), TABLE)
def test_damage_is_named_with_what_to_do(place: Place, name: str, kind: str, reasons: tuple[str, ...]) -> None:
    registry = _two_versions(place)
    path = _blob(place, b"model b") if name == "blob" else place.files / name
    KINDS[kind](path)
    with pytest.raises(RegistryDamaged) as caught:
        _model_in_use(registry)
    assert caught.value.reason in reasons
    assert place.store().name_of(str(path.relative_to(place.files))) in caught.value.message
    assert any(word in caught.value.message for word in ("restore", "none of our files"))
    assert caught.value.exit_code == 65


@pytest.mark.parametrize("name", ["started.json", "version-1.json", "result.json"])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "gone"])
def test_a_damaged_record_of_a_run_is_named_to_that_run_and_harms_no_other(place: Place, name: str, kind: str) -> None:
    registry = _two_versions(place)
    KINDS[kind](place.files / "runs/b" / name)
    reads: dict[str, Callable[..., object]] = {
        "started.json": registry.runs.start,
        "version-1.json": registry.versions.of_run,
        "result.json": registry.runs.find,
    }
    with pytest.raises(RegistryDamaged, match=place.store().name_of(f"runs/b/{name}")):
        reads[name](key="b")
    assert _model_in_use(registry) == b"model b"
    assert [key for key, _ in registry.runs.newest(limit=5)] == (["a"] if name == "result.json" else ["b", "a"])
    model = b"model c"
    assert registry.versions.publish(draft=draft(run="c", model=model), model=model).version == 3


def _copy(place: Place, source: str, target: str) -> None:
    (place.files / target).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(place.files / source, place.files / target)


def _swap_models(place: Place) -> str:
    one, two = _blob(place, b"model a"), _blob(place, b"model b")
    one.write_bytes(b"model b")
    two.write_bytes(b"model a")
    return f"blobs/sha256/{two.name}"


def _forged_version(place: Place) -> str:
    _resealed(place.files / PROMOTION, version=9)
    return "versions/9/manifest.json"


def _forged_number(place: Place) -> str:
    _copy(place, PROMOTION, f"promotions/{9:020d}.json")
    return f"promotions/{8:020d}.json"


def _highest_number(place: Place) -> str:
    _copy(place, PROMOTION, f"promotions/{10**20 - 1}.json")
    return f"promotions/{10**20 - 1}.json"


def _swapped_manifest(place: Place) -> str:
    _copy(place, OTHER_MANIFEST, MANIFEST)
    return MANIFEST


def _swapped_promotion(place: Place) -> str:
    _copy(place, OTHER_PROMOTION, PROMOTION)
    return PROMOTION


def _other_digest(place: Place) -> str:
    _resealed(place.files / MANIFEST, model_digest="sha256:" + 64 * "a")
    return "blobs/sha256/" + 64 * "a"


def _traversal(place: Place) -> str:
    _resealed(place.files / MANIFEST, model_digest="sha256:../../../../etc/passwd")
    return MANIFEST


def _lost_predecessor(place: Place) -> str:
    (place.files / OTHER_PROMOTION).unlink()
    return OTHER_PROMOTION


FORGERIES = {
    "models of two versions swapped": _swap_models,
    "a promotion of a version that is not there": _forged_version,
    "a promotion with a number above": _forged_number,
    "a promotion with the highest number there is": _highest_number,
    "the manifest of another version": _swapped_manifest,
    "the entry of another promotion": _swapped_promotion,
    "a manifest with another digest": _other_digest,
    "a manifest whose digest is a path": _traversal,
    "the entry before the last one gone": _lost_predecessor,
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_what_was_forged_is_named_and_never_used(place: Place, forge: Callable[[Place], str]) -> None:
    registry = _two_versions(place)
    named = forge(place)
    with pytest.raises(RegistryDamaged) as caught:
        _model_in_use(registry)
    assert place.store().name_of(named) in caught.value.message
    assert any(word in caught.value.message for word in ("restore", "remove"))


@pytest.mark.parametrize("name", [PROMOTION, "runs/b/started.json"])
def test_a_record_that_must_be_there_and_is_not_is_said_to_be_missing(place: Place, name: str) -> None:
    registry = _two_versions(place)
    (place.files / name).unlink()
    reads: dict[str, Callable[[], object]] = {
        PROMOTION: lambda: registry.log.entry(number=2),
        "runs/b/started.json": lambda: document(place.store(), name=name),
    }
    with pytest.raises(RegistryDamaged, match=f"{name} is missing; restore it from a backup"):
        reads[name]()


@pytest.mark.parametrize(
    "body",
    [{"number": 1}, {"number": 0}, {"number": 1, "version": "2"}, {"number": 1, "version": 1, "time": None}, {}],
    ids=["fields are missing", "no number of ours", "a version as text", "no time", "nothing"],
)
@pytest.mark.parametrize(("record", "reason"), [(Promotion, "PromotionDamaged"), (Manifest, "ManifestDamaged")])
def test_what_is_sealed_and_not_of_this_release_is_told_as_what_it_should_be(
    body: dict[str, object], record: type[Manifest] | type[Promotion], reason: str
) -> None:
    with pytest.raises(RegistryDamaged, match="the file does not hold what this release writes") as caught:
        record.from_bytes(data=sealed(body), name="the file")
    assert caught.value.reason == reason


def test_files_of_others_change_nothing(place: Place) -> None:
    registry = _two_versions(place)
    for name in (
        *("README.txt", "promotions/3.json", "promotions/notes.txt", "promotions/0.json", "versions/003/manifest.json"),
        *("versions/x/manifest.json", "versions/٣/manifest.json", "versions/.hidden", "runs/.tmp", "blobs/sha256/x"),
        *(f"promotions/{10**24}.json", f"versions/{10**24}/manifest.json", "promotions/00000000000000000003.json.bak"),
    ):
        path = place.files / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    assert _model_in_use(registry) == b"model b"
    newest = registry.versions.newest()
    assert newest is not None
    assert newest.version == 2
    model = b"model c"
    assert registry.versions.publish(draft=draft(run="c", model=model), model=model).version == 3
    assert registry.log.append(promotion=promotion(number=3, version=3, run="c", previous_version=2))
    assert _model_in_use(registry) == b"model c"


def test_a_forged_version_above_all_others_burns_numbers_and_no_more(place: Place) -> None:
    registry = _two_versions(place)
    _copy(place, MANIFEST, "versions/99999999999999999999/manifest.json")
    newest = registry.versions.newest()
    assert newest is not None
    assert newest.version == 2
    assert _model_in_use(registry) == b"model b"


@given(bit=st.integers(0, 10**9), what=st.sampled_from(["manifest", "promotion"]))
def test_a_flipped_bit_is_found_or_changes_nothing(bit: int, what: str) -> None:
    record: Manifest | Promotion = (
        draft(run="a", model=b"m", version=3, trained_time=NOW)
        if what == "manifest"
        else promotion(number=3, version=3, run="a")
    )
    data = record.to_bytes()
    with suppress(RunError):
        assert type(record).from_bytes(data=_flipped(data, bit % (8 * len(data))), name="the file") == record


def test_a_missing_model_without_a_tombstone_is_damage_and_with_one_is_none(place: Place) -> None:
    registry = _two_versions(place)
    _blob(place, b"model a").unlink()
    manifest = registry.versions.manifest(version=1)
    with pytest.raises(RegistryDamaged, match="restore"):
        registry.versions.model(manifest=manifest)
    (place.files / "tombstones").mkdir(parents=True)
    (place.files / "tombstones/1.json").write_bytes(b"{}")
    with pytest.raises(RunError, match=r"tombstones/1\.json") as caught:
        registry.versions.model(manifest=manifest)
    assert not isinstance(caught.value, DataUnavailable)


class _MountAway(FileSystem):
    """Manifests cannot be read just now: a mount that timed out says what a broken disk says."""

    def read(self, path: Path, *, limit: int) -> bytes:
        if path.name == "manifest.json":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().read(path, limit=limit)


def test_a_champion_that_cannot_be_read_just_now_is_tried_again(tmp_path: Path) -> None:
    _two_versions(Place(kind="folder", files=tmp_path, root=str(tmp_path)))
    registry = Registry(store=DirectoryStore(mount=tmp_path, prefix="default/flights", files=_MountAway()))
    with pytest.raises(RegistryDamaged, match="names version 2 as champion") as caught:
        registry.champion()
    assert caught.value.exit_code == EXIT_PASSING
