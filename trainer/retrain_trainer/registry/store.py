"""Keys and bytes with one primitive to write: create, if absent. Everything the registry promises rests on it.

A directory offers no compare-and-swap, so nothing is ever changed in place: what is written is new, whole and on the
disk before its name appears. A bucket with conditional writes offers the same primitive.
"""

from __future__ import annotations

import errno
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol

from retrain_trainer.errors import DataUnavailable, RegistryDamaged, RunError
from retrain_trainer.registry.filesystem import FileSystem

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}(/[A-Za-z0-9][A-Za-z0-9._-]{0,254})*")
_TEMPORARY = ".new-"

#: A network file system that is away for a moment, a machine that is short of something, a file that is replaced.
_PASSING = frozenset(
    {
        *(errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN, errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED),
        *(errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH, errno.EREMOTEIO, errno.ESHUTDOWN),
        *(errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.ENOLCK, errno.ENOMEM, errno.EMFILE, errno.ENFILE),
    }
)

#: Largest object that is read: more is no model of ours but somebody's mistake.
MAX_OBJECT_BYTES = 4 * 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A name in a folder of the store; `modified` in seconds since 1970, of the object, or of the folder."""

    name: str
    modified: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """A file that never got its name: as people find it, with its size in bytes and seconds since 1970."""

    name: str
    size: int
    modified: float


class Store(Protocol):
    """What a registry needs of a directory or a bucket. Keys are `/`-separated names without `.` or `..`."""

    def create(self, *, key: str, data: bytes) -> bool:
        """Write a new object, durably. False: an object of this name exists, and nothing was changed."""

    def read(self, *, key: str, limit: int = MAX_OBJECT_BYTES) -> bytes | None:
        """The object's bytes, or None where there is none. RegistryDamaged where it cannot be read or is larger."""

    def entries(self, *, folder: str) -> list[Entry]:
        """The names right below a folder, sorted; none where there is no such folder."""

    def delete(self, *, key: str) -> None:
        """Take an object away, durably; none there is as good. Only retention calls it, and only for models."""

    def name_of(self, key: str) -> str:
        """The key as people find it: a path or a URI, for messages."""

    def leftovers(self) -> list[Leftover]:
        """What writers that were killed have left, or are writing right now: nothing reads it."""


class DirectoryStore:
    """A store in `mount`/`prefix`. `mount` exists (a claim, or a folder of a person); `prefix` is made when needed.

    Create: a temporary file in the same directory, fsync, link(2) to the final name, unlink, then fsync of every
    directory up to the mount. Directories are synced also where they exist already: whoever made them may have died
    before doing so. Where link(2) answers with an error after doing its work (NFS, lost reply), the link count tells.
    Raises DataUnavailable `RegistryReadOnly`, `RegistryFull` or `RegistryUnavailable` where writing fails, `passing`
    where another try may do.
    """

    def __init__(self, *, mount: Path, prefix: str = "", files: FileSystem | None = None) -> None:
        self._mount = mount
        self._prefix = checked_key(prefix) if prefix else ""
        self._files = files or FileSystem()

    @property
    def root(self) -> Path:
        """The folder all keys are relative to."""
        return self._mount / self._prefix

    def name_of(self, key: str) -> str:
        return str(self.root / key)

    def create(self, *, key: str, data: bytes) -> bool:
        target = self.root / checked_key(key)
        folders = [folder for folder in target.parents if folder.is_relative_to(self._mount)]
        with _explained(target):
            for folder in reversed(folders[:-1]):
                self._files.make_directory(folder)
            created = self._link_new(target=target, data=data)
            for folder in folders:
                self._files.sync_directory(folder)
        return created

    def _link_new(self, *, target: Path, data: bytes) -> bool:
        temporary = target.with_name(f"{_TEMPORARY}{secrets.token_hex(8)}")
        descriptor = self._files.create(temporary)
        try:
            try:
                self._files.write(descriptor, data)
                self._files.sync(descriptor)
            finally:
                self._files.close(descriptor)
            try:
                self._files.link(temporary, target)
            except OSError as error:
                if self._files.links(temporary) == 2:
                    return True
                if isinstance(error, FileExistsError):
                    return False
                raise
            return True
        finally:
            self._files.remove(temporary)

    def read(self, *, key: str, limit: int = MAX_OBJECT_BYTES) -> bytes | None:
        path = self.root / checked_key(key)
        try:
            data = self._files.read(path, limit=limit + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except PermissionError as error:
            raise DataUnavailable(
                reason="RegistryUnavailable",
                message=f"{path} may not be read by this user; set fsGroup for the claim or mend the file's mode",
            ) from error
        except OSError as error:
            raise _unreadable(path=path, error=error) from error
        if len(data) > limit:
            raise RegistryDamaged(
                reason="RegistryUnreadable", message=f"{path} is larger than {limit:,} bytes; this is none of our files"
            )
        return data

    def entries(self, *, folder: str) -> list[Entry]:
        path = self.root / checked_key(folder)
        try:
            found = [Entry(name=name, modified=modified) for name, modified in self._files.names(path) if is_name(name)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except PermissionError as error:
            raise DataUnavailable(
                reason="RegistryUnavailable", message=f"{path} may not be read by this user; set fsGroup for the claim"
            ) from error
        except OSError as error:
            raise _unreadable(path=path, error=error) from error
        return sorted(found, key=lambda entry: entry.name)

    def leftovers(self) -> list[Leftover]:
        # Told and not removed: that a writer is slow and not dead nobody can see from here.
        found = []
        for path in sorted(self.root.rglob(f"{_TEMPORARY}*")):
            with suppress(FileNotFoundError):
                status = path.lstat()
                found.append(Leftover(name=str(path), size=status.st_size, modified=status.st_mtime))
        return found

    def delete(self, *, key: str) -> None:
        path = self.root / checked_key(key)
        with _explained(path):
            with suppress(FileNotFoundError):
                self._files.remove(path)
            with suppress(FileNotFoundError):  # nothing was ever there
                self._files.sync_directory(path.parent)


def checked_key(key: str) -> str:
    """The key itself. ValueError if it is none: it could lead out of the store."""
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key!r} is no key: names of letters, digits, '.', '_' and '-', joined by '/'")
    return key


def is_name(name: str) -> bool:
    """Whether a name in a folder can be one of ours; temporary files and what people put there are not."""
    return "/" not in name and _KEY.fullmatch(name) is not None


@contextmanager
def _explained(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        _explain(target=target, error=error)


def _explain(*, target: Path, error: OSError) -> NoReturn:
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        raise DataUnavailable(
            reason="RegistryReadOnly",
            message=f"{target} cannot be written: {error.strerror}; the registry needs a claim this user may write "
            "(ReadWriteOnce or ReadWriteMany, fsGroup set)",
        ) from error
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        raise DataUnavailable(
            reason="RegistryFull",
            message=f"{target} cannot be written: {error.strerror}; enlarge the registry's claim",
        ) from error
    raise DataUnavailable(
        reason="RegistryUnavailable",
        message=f"{target} cannot be written: {error.strerror or error}",
        passing=error.errno in _PASSING or error.errno == errno.EIO,
    ) from error


def _unreadable(*, path: Path, error: OSError) -> RunError:
    told = f"{path} cannot be read: {error.strerror or error}"
    if error.errno in _PASSING:
        return DataUnavailable(reason="RegistryUnavailable", message=told, passing=True)
    # A mount that timed out says the same as a disk with a bad block: it is tried again, and is damage until then.
    return RegistryDamaged(reason="RegistryUnreadable", message=told, passing=error.errno == errno.EIO)
