"""Create-if-absent in a directory, on real files, and in a bucket, on a real server."""

from __future__ import annotations

import errno
import os
from multiprocessing import get_context
from pathlib import Path
from threading import Event, Thread

import pytest
from retrain_trainer.errors import DataUnavailable, RegistryDamaged, RunError
from retrain_trainer.registry.filesystem import FileSystem
from retrain_trainer.registry.store import DirectoryStore

from tests.unit.trainer.registry.builders import Place, store_at


def test_what_is_created_is_read_back_and_listed(place: Place) -> None:
    store = place.store()
    assert store.create(key="versions/1/manifest.json", data=b"one")
    assert store.read(key="versions/1/manifest.json") == b"one"
    assert [entry.name for entry in store.entries(folder="versions")] == ["1"]
    assert (place.files / "versions/1/manifest.json").read_bytes() == b"one"


def test_what_exists_is_never_changed(place: Place) -> None:
    store = place.store()
    assert store.create(key="a/b", data=b"first")
    assert not store.create(key="a/b", data=b"second")
    assert not place.store().create(key="a/b", data=b"third")
    assert store.read(key="a/b") == b"first"


def test_no_temporary_file_stays(tmp_path: Path) -> None:
    store = DirectoryStore(mount=tmp_path)
    assert store.create(key="a/b", data=b"first")
    assert not store.create(key="a/b", data=b"second")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_what_does_not_exist_is_none_and_empty(place: Place) -> None:
    store = place.store()
    store.create(key="file", data=b"")
    assert store.read(key="no/such") is None
    assert store.read(key="file/below") is None
    assert store.entries(folder="no") == []
    assert store.entries(folder="file") == []


def test_what_is_deleted_is_gone_and_deleting_it_again_is_no_error(place: Place) -> None:
    store = place.store()
    store.create(key="blobs/a", data=b"a")
    store.create(key="blobs/b", data=b"b")
    for _ in range(2):
        store.delete(key="blobs/a")
    store.delete(key="never/was")
    assert store.read(key="blobs/a") is None
    assert [entry.name for entry in store.entries(folder="blobs")] == ["b"]


def test_a_folder_is_as_new_as_its_newest_object_and_names_of_others_are_passed_over(place: Place) -> None:
    store = place.store()
    for key in ("runs/a/1", "runs/b/1", "runs/a/2"):
        store.create(key=key, data=b"x")
    for alien in (".hidden", "with space", "uml\u00e4ut", "back\\slash", "per%20cent"):
        (place.files / "runs" / alien).write_bytes(b"x")
    found = {entry.name: entry.modified for entry in store.entries(folder="runs")}
    assert list(found) == ["a", "b"]
    newest = max((place.files / name).stat().st_mtime for name in ("runs/a/1", "runs/a/2"))
    assert int(found["a"]) == int(newest)


def test_names_that_come_and_go_hide_no_others(tmp_path: Path) -> None:
    """A writer's temporary file that vanished under the reader once made the folder look empty: no champion."""
    store = DirectoryStore(mount=tmp_path)
    store.create(key="promotions/first", data=b"")
    over = Event()

    def write() -> None:
        while not over.is_set():
            (tmp_path / "promotions/.new-0").touch()
            (tmp_path / "promotions/.new-0").unlink()

    writer = Thread(target=write)
    writer.start()
    try:
        seen = {tuple(entry.name for entry in store.entries(folder="promotions")) for _ in range(3000)}
    finally:
        over.set()
        writer.join()
    assert seen == {("first",)}


def test_more_than_a_page_of_names_is_listed(place: Place) -> None:
    (place.files / "promotions").mkdir(parents=True)
    for number in range(1, 1203):  # a page of S3 has 1,000
        (place.files / f"promotions/{number:020d}.json").write_bytes(b"x")
    assert len(place.store().entries(folder="promotions")) == 1202


def test_an_object_larger_than_asked_for_is_not_read(place: Place) -> None:
    store = place.store()
    store.create(key="versions/1/manifest.json", data=b"x" * 11)
    assert store.read(key="versions/1/manifest.json", limit=11) == b"x" * 11
    with pytest.raises(RegistryDamaged, match=store.name_of("versions/1/manifest.json")) as caught:
        store.read(key="versions/1/manifest.json", limit=10)
    assert caught.value.reason == "RegistryUnreadable"


@pytest.mark.parametrize(
    "key",
    ["", "/absolute", "../up", "a/../b", "a//b", ".hidden", "a/.hidden", "a\\b", "a b", "a\x00", "a\n", "x" * 300],
)
def test_a_key_that_could_leave_the_folder_is_refused(place: Place, key: str) -> None:
    store = place.store()
    for use in (lambda: store.create(key=key, data=b""), lambda: store.read(key=key), lambda: store.delete(key=key)):
        with pytest.raises(ValueError, match="is no key"):
            use()


def test_a_link_a_pipe_and_a_giant_put_there_by_somebody_are_refused(tmp_path: Path) -> None:
    store = DirectoryStore(mount=tmp_path)
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "giant").write_bytes(b"x" * 11)
    for name in ("link", "pipe", "giant"):
        with pytest.raises(RegistryDamaged, match=name):
            store.read(key=name, limit=10)


def _create_all(root: str, mine: str, keys: int) -> int:
    store = store_at(root)
    return sum(store.create(key=f"race/{index}", data=mine.encode()) for index in range(keys))


def test_of_eight_processes_exactly_one_creates_each_key(place: Place) -> None:
    keys = 40
    with get_context("spawn").Pool(8) as pool:
        won = pool.starmap(_create_all, [(place.root, f"{number}", keys) for number in range(8)])
    assert sum(won) == keys
    winners = [(place.files / f"race/{index}").read_text() for index in range(keys)]
    assert [winners.count(str(number)) for number in range(8)] == won


class _LostReply(FileSystem):
    """link(2) does its work and answers with an error, as NFS may."""

    def __init__(self, *, error: int) -> None:
        self._error = error

    def link(self, source: Path, target: Path) -> None:
        super().link(source, target)
        raise OSError(self._error, os.strerror(self._error))


@pytest.mark.parametrize("error", [errno.EEXIST, errno.EIO], ids=["as if it existed", "input/output error"])
def test_a_link_that_was_made_counts_whatever_the_answer(tmp_path: Path, error: int) -> None:
    store = DirectoryStore(mount=tmp_path, files=_LostReply(error=error))
    assert store.create(key="a", data=b"mine")
    assert store.read(key="a") == b"mine"


class _Failing(FileSystem):
    def __init__(self, *, error: int) -> None:
        self._error = error

    def write(self, descriptor: int, data: bytes) -> None:
        raise OSError(self._error, os.strerror(self._error))

    def read(self, path: Path, *, limit: int) -> bytes:
        raise OSError(self._error, os.strerror(self._error))

    def names(self, path: Path) -> list[tuple[str, float]]:
        raise OSError(self._error, os.strerror(self._error))


@pytest.mark.parametrize(
    "error, reason, code",
    [
        (errno.ENOSPC, "RegistryFull", 66),
        (errno.EDQUOT, "RegistryFull", 66),
        (errno.EROFS, "RegistryReadOnly", 66),
        (errno.ENOTSUP, "RegistryUnavailable", 66),
        (errno.EIO, "RegistryUnavailable", 75),
        (errno.ESTALE, "RegistryUnavailable", 75),
        (errno.ETIMEDOUT, "RegistryUnavailable", 75),
    ],
    ids=["full disk", "quota", "read-only file system", "no such call", "broken disk", "stale handle", "mount away"],
)
def test_what_cannot_be_written_is_explained_and_leaves_nothing(
    tmp_path: Path, error: int, reason: str, code: int
) -> None:
    store = DirectoryStore(mount=tmp_path, files=_Failing(error=error))
    with pytest.raises(DataUnavailable, match="versions/1") as caught:
        store.create(key="versions/1/manifest.json", data=b"x")
    assert (caught.value.reason, caught.value.exit_code) == (reason, code)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "error, reason, code",
    [
        (errno.EACCES, "RegistryUnavailable", 66),
        (errno.ELOOP, "RegistryUnreadable", 65),
        (errno.EIO, "RegistryUnreadable", 75),
        (errno.ESTALE, "RegistryUnavailable", 75),
        (errno.ECONNREFUSED, "RegistryUnavailable", 75),
    ],
    ids=["no right", "a link", "broken disk, or a mount away", "stale handle", "server away"],
)
def test_what_cannot_be_read_is_tried_again_where_that_may_help(
    tmp_path: Path, error: int, reason: str, code: int
) -> None:
    store = DirectoryStore(mount=tmp_path, files=_Failing(error=error))
    for use in (lambda: store.read(key="versions/1"), lambda: store.entries(folder="versions")):
        with pytest.raises(RunError, match="versions") as caught:
            use()
        assert (caught.value.reason, caught.value.exit_code) == (reason, code)


def _reason_as_nobody(root: str) -> str:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setuid(65534)
    os.chdir(root)
    try:
        DirectoryStore(mount=Path()).create(key="a/b", data=b"x")
    except DataUnavailable as error:
        return error.reason
    return "written"


def test_a_directory_without_write_permission_is_named_read_only(tmp_path: Path) -> None:
    folder = tmp_path / "claim"
    folder.mkdir()
    folder.chmod(0o555)
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_uid == os.geteuid() and parent.is_relative_to(Path("/tmp")) and parent != Path("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o011)
    with get_context("fork").Pool(1) as pool:
        assert pool.apply(_reason_as_nobody, (str(folder),)) == "RegistryReadOnly"
