"""A disk that may lose power: the registry's own code writes to it, and every state it may come back in is listed.

The model is weak POSIX, after Pillai et al., "All file systems are not created equal" (OSDI 2014): content of a file
that was not synced may be there, half there or missing; names and folders in a directory that was not synced may be
there or not, in any combination. It reorders nothing inside one file. Killing a process cannot show a missing fsync,
since the page cache survives it; this can.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from retrain_trainer.registry.filesystem import FileSystem


class PowerLoss(Exception):
    """Raised by every call from the loss on, those of `finally` blocks too."""


@dataclass(frozen=True, slots=True)
class State:
    """What a disk holds: folders, and files with their content."""

    folders: frozenset[Path]
    files: frozenset[tuple[Path, bytes]]


@dataclass
class Disk(FileSystem):
    """Starts as `state`. `crash_after`: calls until the power goes, None for never. `without`: a seeded bug."""

    state: State
    crash_after: int | None = None
    without: str = ""
    calls: int = 0

    def __post_init__(self) -> None:
        self._contents: dict[int, bytes] = {}
        self._durable: set[int] = set()
        self._names: dict[Path, int] = {}
        self._folders = set(self.state.folders)
        for name, data in self.state.files:
            self._names[name] = self._new(data)
            self._durable.add(self._names[name])
        self._kept_names, self._kept_folders = dict(self._names), set(self._folders)
        self._pending: list[tuple[Path, int | None]] = []
        self._pending_folders: list[Path] = []
        self._times: dict[Path, float] = {}

    def _new(self, data: bytes) -> int:
        number = len(self._contents)
        self._contents[number] = data
        return number

    def _begin(self) -> None:
        if self.calls == self.crash_after:
            raise PowerLoss
        self.calls += 1

    # --- the calls of FileSystem --------------------

    def make_directory(self, path: Path) -> None:
        self._begin()
        if path not in self._folders:
            if path.parent not in self._folders:
                raise FileNotFoundError(path)
            self._folders.add(path)
            self._pending_folders.append(path)

    def create(self, path: Path) -> int:
        self._begin()
        if path in self._names:
            raise FileExistsError(path)
        file = self._new(b"")
        self._set(path, file)
        return file

    def write(self, descriptor: int, data: bytes) -> None:
        self._begin()
        self._contents[descriptor] += data

    def sync(self, descriptor: int) -> None:
        self._begin()
        if self.without != "fsync of files":
            self._durable.add(descriptor)

    def close(self, descriptor: int) -> None:
        """Tells the disk nothing."""

    def link(self, source: Path, target: Path) -> None:
        self._begin()
        if target in self._names and self.without != "link (rename instead)":
            raise FileExistsError(target)
        self._set(target, self._names[source])

    def links(self, path: Path) -> int:
        file = self._names[path]
        return sum(other == file for other in self._names.values())

    def remove(self, path: Path) -> None:
        self._begin()
        if path not in self._names:
            raise FileNotFoundError(path)
        self._set(path, None)

    def sync_directory(self, path: Path) -> None:
        self._begin()
        if path not in self._folders:
            raise FileNotFoundError(path)
        if self.without != "fsync of directories":
            for name, file in [change for change in self._pending if change[0].parent == path]:
                _apply(self._kept_names, name, file)
            self._pending = [change for change in self._pending if change[0].parent != path]
        if self.without not in ("fsync of directories", "fsync of new folders"):
            self._kept_folders.update(folder for folder in self._pending_folders if folder.parent == path)
            self._pending_folders = [folder for folder in self._pending_folders if folder.parent != path]

    def read(self, path: Path, *, limit: int) -> bytes:
        if path not in self._names:
            raise FileNotFoundError(path)
        return self._contents[self._names[path]][:limit]

    def names(self, path: Path) -> list[tuple[str, float]]:
        if path not in self._folders:
            raise FileNotFoundError(path)
        children = [name for name in (*self._names, *self._folders) if name.parent == path and name != path]
        return [(child.name, self._times.get(child, 0.0)) for child in children]

    def _set(self, name: Path, file: int | None) -> None:
        _apply(self._names, name, file)
        self._pending.append((name, file))
        self._times[name] = self._times[name.parent] = float(self.calls)

    # --- what may be left --------------------

    def now(self) -> State:
        """What is there as long as the power stays on."""
        return _state(self._folders, {name: self._contents[file] for name, file in self._names.items()})

    def states(self) -> Iterator[State]:
        """Every state that the disk may come back in after a loss of power now."""
        for folders_kept in product([True, False], repeat=len(self._pending_folders)):
            chosen = zip(self._pending_folders, folders_kept, strict=True)
            folders = self._kept_folders | {folder for folder, kept in chosen if kept}
            for changes_kept in product([True, False], repeat=len(self._pending)):
                names = dict(self._kept_names)
                for (name, file), kept in zip(self._pending, changes_kept, strict=True):
                    if kept:
                        _apply(names, name, file)
                torn = sorted(set(names.values()) - self._durable)
                for shares in product([0, 1, 2], repeat=len(torn)):
                    share = dict(zip(torn, shares, strict=True))
                    yield _state(folders, {name: self._left(file, share) for name, file in names.items()})

    def _left(self, file: int, share: dict[int, int]) -> bytes:
        data = self._contents[file]
        return data[: len(data) * share.get(file, 2) // 2]


def _apply(names: dict[Path, int], name: Path, file: int | None) -> None:
    if file is None:
        names.pop(name, None)
    else:
        names[name] = file


def _state(folders: set[Path], files: dict[Path, bytes]) -> State:
    """A file or folder below a folder that was lost is lost with it; a temporary name is nobody's."""
    there: set[Path] = set()
    for folder in sorted(folders, key=lambda path: len(path.parts)):
        if folder == ROOT or folder.parent in there:
            there.add(folder)
    return State(
        frozenset(there),
        frozenset(
            (name, data) for name, data in files.items() if name.parent in there and not name.name.startswith(".")
        ),
    )


#: Where the claim is mounted: it exists.
ROOT = Path("/claim")
EMPTY = State(frozenset({ROOT}), frozenset())
