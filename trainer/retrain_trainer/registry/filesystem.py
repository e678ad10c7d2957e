"""The few operations of a file system that publishing needs, one call each.

They stand behind one small class so that a test can record the calls of the real publish code and try a power loss
after each of them: killing the process cannot show a missing fsync, because the page cache survives it.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path


class FileSystem:
    """The operating system's calls, unchanged. Every method raises OSError as the system gives it."""

    def make_directory(self, path: Path) -> None:
        """Make one directory; it may exist already."""
        path.mkdir(exist_ok=True)

    def create(self, path: Path) -> int:
        """A descriptor of a new, empty file; FileExistsError if the name is taken."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)

    def write(self, descriptor: int, data: bytes) -> None:
        """Write all of `data`."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    def sync(self, descriptor: int) -> None:
        """Wait until the file's content is on the disk."""
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        """Close the descriptor."""
        os.close(descriptor)

    def link(self, source: Path, target: Path) -> None:
        """Give the file a second name; FileExistsError if it is taken. Unlike a rename it never replaces."""
        os.link(source, target)

    def links(self, path: Path) -> int:
        """How many names the file has."""
        return path.stat().st_nlink

    def remove(self, path: Path) -> None:
        """Take one name away."""
        path.unlink()

    def sync_directory(self, path: Path) -> None:
        """Wait until the directory's names are on the disk."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self, path: Path, *, limit: int) -> bytes:
        """Up to `limit` bytes of a regular file; a link, pipe or device put there by somebody is refused (OSError)."""
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(f"{path} is no regular file")
            return file.read(limit)

    def names(self, path: Path) -> list[tuple[str, float]]:
        """The names in a directory, each with the seconds since 1970 of its last change; links are not followed.

        A name that goes while we look (another writer's temporary file) is left out; FileNotFoundError is for the
        directory alone.
        """
        found = []
        for child in path.iterdir():
            with suppress(FileNotFoundError):
                found.append((child.name, child.lstat().st_mtime))
        return found
