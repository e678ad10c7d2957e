"""A power loss after every call that the real publish code makes leaves the champion whole, and a retry finishes.

The model of the file system is weak POSIX, after Pillai et al., "All file systems are not created equal" (OSDI 2014):
file content that was not synced may be there, half there or missing; names in a directory that was not synced may be
there or not, in any combination. It reorders nothing inside one file.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import pytest
from retrain_trainer.errors import RunError
from retrain_trainer.registry.filesystem import FileSystem
from retrain_trainer.registry.log import Registry
from retrain_trainer.registry.store import DirectoryStore

from tests.unit.trainer.registry.builders import publish_and_promote, registry_in


@dataclass
class _Disk(FileSystem):
    """Performs every call and keeps what a power loss could leave: names and contents, durable or pending."""

    crash_after: int
    calls: int = 0
    contents: dict[int, tuple[bytes, bool]] = field(default_factory=dict)
    names: dict[Path, int] = field(default_factory=dict)
    pending: dict[Path, list[tuple[Path, int | None]]] = field(default_factory=dict)
    folders: set[Path] = field(default_factory=set)
    pending_folders: list[Path] = field(default_factory=list)
    open_files: dict[int, int] = field(default_factory=dict)
    without: str = ""

    def _begin(self) -> None:
        if self.calls == self.crash_after:
            raise _PowerLoss
        self.calls += 1

    def make_directory(self, path: Path) -> None:
        self._begin()
        if not path.exists():
            self.pending_folders.append(path)
        super().make_directory(path)

    def create(self, path: Path) -> int:
        self._begin()
        descriptor = super().create(path)
        file = os.fstat(descriptor).st_ino
        self.open_files[descriptor] = file
        self.contents[file] = (b"", False)
        self.pending.setdefault(path.parent, []).append((path, file))
        return descriptor

    def write(self, descriptor: int, data: bytes) -> None:
        self._begin()
        super().write(descriptor, data)
        self.contents[self.open_files[descriptor]] = (data, False)

    def sync(self, descriptor: int) -> None:
        self._begin()
        if self.without != "file sync":
            file = self.open_files[descriptor]
            self.contents[file] = (self.contents[file][0], True)

    def link(self, source: Path, target: Path) -> None:
        self._begin()
        super().link(source, target)
        self.pending.setdefault(target.parent, []).append((target, source.stat().st_ino))

    def remove(self, path: Path) -> None:
        self._begin()
        super().remove(path)
        self.pending.setdefault(path.parent, []).append((path, None))

    def sync_directory(self, path: Path) -> None:
        self._begin()
        if self.without != "directory sync":
            for name, file in self.pending.pop(path, []):
                if file is None:
                    self.names.pop(name, None)
                else:
                    self.names[name] = file
            for folder in [folder for folder in self.pending_folders if folder.parent == path]:
                self.folders.add(folder)
                self.pending_folders.remove(folder)

    def states(self) -> Iterator[tuple[set[Path], dict[Path, bytes]]]:
        """Every set of folders and files that the disk may hold after the power loss."""
        waiting = [change for changes in self.pending.values() for change in changes]
        for kept_folders in product([True, False], repeat=len(self.pending_folders)):
            folders = self.folders | {
                folder for folder, kept in zip(self.pending_folders, kept_folders, strict=True) if kept
            }
            for kept_changes in product([True, False], repeat=len(waiting)):
                names = dict(self.names)
                for (name, file), kept in zip(waiting, kept_changes, strict=True):
                    if kept and file is None:
                        names.pop(name, None)
                    elif kept and file is not None:
                        names[name] = file
                unsynced = sorted({file for file in names.values() if not self.contents[file][1]})
                for shares in product([0, 1, 2], repeat=len(unsynced)):
                    length = dict(zip(unsynced, shares, strict=True))
                    yield (
                        folders,
                        {
                            name: data[: len(data) * length[file] // 2] if file in length else data
                            for name, file in names.items()
                            for data in [self.contents[file][0]]
                        },
                    )


class _PowerLoss(Exception):
    """Raised by every call from the crash on, those of `finally` blocks too."""


def _restored(*, root: Path, base: Path, folders: set[Path], files: dict[Path, bytes]) -> None:
    """Put on the disk what is left: a file or folder below a folder that was lost is lost with it."""
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(base, root)
    for folder in sorted(folders, key=lambda path: len(path.parts)):
        if folder.parent.is_dir():
            folder.mkdir(exist_ok=True)
    for name, data in files.items():
        if name.parent.is_dir():
            name.write_bytes(data)


def _recorded_run(*, root: Path, base: Path, disk: _Disk) -> bool:
    """One run on a disk that fails after so many calls; True if it ended before that."""
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(base, root)
    registry = Registry(store=DirectoryStore(mount=root, prefix="default/flights", files=disk))
    try:
        publish_and_promote(registry=registry, run="second", model=b"model two")
    except _PowerLoss:
        return False
    return True


def _faults(*, root: Path, acknowledged: bool) -> list[str]:
    """What is wrong with a registry that had version 1 before, was written to, and lost power."""
    found = []
    registry = registry_in(root)
    try:
        for attempt in range(2):
            champion = registry.champion()
            model = None if champion is None else registry.model(manifest=champion.manifest)
            if model not in (b"model one", b"model two"):
                found.append(f"champion has model {model!r}")
            if (acknowledged or attempt) and model != b"model two":
                found.append("an acknowledged promotion is lost")
            publish_and_promote(registry=registry, run="second", model=b"model two")
        if registry.counters().promotions != 2:
            found.append("a retry promoted twice")
    except RunError as error:
        found.append(error.reason)
    return found


def _enumerate(tmp_path: Path, *, without: str = "") -> tuple[int, list[str]]:
    base, root = tmp_path / "base", tmp_path / "claim"
    base.mkdir()
    publish_and_promote(registry=registry_in(base), run="first", model=b"model one")
    states, crash_after = 0, 0
    faults: list[str] = []
    seen = set()
    while True:
        disk = _Disk(crash_after=crash_after, without=without)
        done = _recorded_run(root=root, base=base, disk=disk)
        for folders, files in disk.states():
            state = (
                done,
                frozenset(folders),
                frozenset((n, d) for n, d in files.items() if not n.name.startswith(".")),
            )
            states += 1
            if state in seen:
                continue
            seen.add(state)
            _restored(root=root, base=base, folders=folders, files=files)
            faults += _faults(root=root, acknowledged=done)
        if done or faults:
            return states, faults
        crash_after += 1


def test_no_power_loss_harms_the_champion(tmp_path: Path) -> None:
    states, faults = _enumerate(tmp_path)
    assert states >= 50
    assert faults == []


@pytest.mark.parametrize("without", ["file sync", "directory sync"])
def test_a_missing_fsync_would_be_found(tmp_path: Path, without: str) -> None:
    _, faults = _enumerate(tmp_path, without=without)
    assert faults != []
