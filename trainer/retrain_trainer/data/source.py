"""Which files a run reads: a URI becomes a list of files on a claim, with a fingerprint of what they hold."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import Literal

from retrain_trainer.claims import DEFAULT_CLAIMS, Location, parse_uri, resolve
from retrain_trainer.errors import DataUnavailable

Format = Literal["csv", "parquet"]

SUFFIXES: dict[str, Format] = {".csv": "csv", ".csv.gz": "csv", ".parquet": "parquet"}

#: Bytes at either end of a file that the fingerprint reads.
_EDGE = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Files of one format, sorted by name. `fingerprint` changes when their content does; size in bytes.

    states: what tells that a file was changed since, for each of `files`.
    again: names that were left out, each with the file that it is again.
    """

    uri: str
    root: Path
    files: tuple[Path, ...]
    format: Format
    fingerprint: str
    size: int
    states: tuple[tuple[int, int], ...]
    again: Mapping[str, str]

    @property
    def told(self) -> str:
        """What is read, for the log."""
        text = f"{len(self.files)} file(s), {self.size:,} bytes, {self.fingerprint[:19]}"
        for name, file in islice(self.again.items(), 1):
            text += f"; {name[:60]!r} is {file[:60]!r} again and is read once"
        return text + (f", as are {len(self.again) - 1:,} more" if len(self.again) > 1 else "")

    def changed(self) -> Path | None:
        """A file that is another than it was when the source was opened, or is gone."""
        for path, state in zip(self.files, self.states, strict=True):
            try:
                if _state(path.stat()) != state:
                    return path
            except OSError:
                return path
        return None


def open_source(*, uri: str, claims: Mapping[str, Path], default: Path = DEFAULT_CLAIMS) -> Source:
    """Finds the files of `uri` below the roots in `claims`.

    Raises:
        SpecError: InvalidURI.
        DataUnavailable: ClaimMissing, DataMissing (no file), DataUnreadable (formats differ, or none we know;
            a link that leads nowhere or out of the claim), PermissionDenied.
    """
    location = parse_uri(uri=uri)
    root = resolve(location=location, claims=claims, default=default)
    # Two stars that are not a whole folder are one: Python 3.13 reads them so, earlier ones refuse them.
    pattern = "/".join(part if part == "**" else re.sub(r"\*+", "*", part) for part in location.path.split("/"))
    found = sorted(root.glob(pattern)) if pattern else []
    matching = [path for path in found if path.is_file() or path.is_symlink()]
    files = [path for path in matching if not _hidden(path=path, root=root, pattern=pattern)]
    if not files:
        dotted = "; names that begin with a dot are read only if the URI names the dot" if matching else ""
        raise DataUnavailable(reason="DataMissing", message=f"no file matches {uri}; {_holds(root, location)}{dotted}")
    for path in files:
        _check(path=path, root=root, uri=uri)
    files, again = _once(files=files, root=root)
    formats = {_format(path) for path in files}
    if len(formats) > 1 or None in formats:
        odd = next((path for path in files if _format(path) is None), files[-1])
        raise DataUnavailable(
            reason="DataUnreadable",
            message=f"{uri} matches {odd.name!r}; all files must be of one kind: {', '.join(SUFFIXES)}",
        )
    digest, states = hashlib.sha256(), []
    for path in files:
        try:
            states.append(_fold(path=path, root=root, digest=digest))
        except OSError as error:
            raise DataUnavailable(
                reason="DataUnreadable", message=f"{path.name!r} of {uri} cannot be read: {error.strerror}"
            ) from None
    return Source(
        uri=uri,
        root=root,
        files=tuple(files),
        format=formats.pop() or "csv",
        fingerprint=f"sha256:{digest.hexdigest()}",
        size=sum(size for size, _ in states),
        states=tuple(states),
        again=again,
    )


def _format(path: Path) -> Format | None:
    name = path.name.lower()
    return next((kind for suffix, kind in SUFFIXES.items() if name.endswith(suffix)), None)


def _hidden(*, path: Path, root: Path, pattern: str) -> bool:
    """Does a name begin with a dot that no wildcard stands for, as in a shell (`.ipynb_checkpoints`, `..data`)?"""
    named = [part for part in pattern.split("/") if part.startswith(".")]
    parts = path.relative_to(root).parts
    return any(part.startswith(".") and not any(fnmatchcase(part, dotted) for dotted in named) for part in parts)


def _once(*, files: Sequence[Path], root: Path) -> tuple[list[Path], dict[str, str]]:
    """Every file by one name, its own rather than a link to it, and the other names, each with the one that is kept."""
    kept: dict[Path | tuple[int, int], Path] = {}
    again: dict[str, str] = {}
    real = {path: path.resolve() for path in files}
    for path in sorted(files, key=lambda path: real[path] != root.resolve() / path.relative_to(root)):
        status = path.stat()
        # Some file systems make up inodes: they count only where a file says that it has several names.
        one = kept.setdefault((status.st_dev, status.st_ino) if status.st_nlink > 1 else real[path], path)
        if one != path:
            again[str(path.relative_to(root))] = str(one.relative_to(root))
    return sorted(kept.values()), again


def _holds(root: Path, location: Location) -> str:
    """What is there instead, for the message."""
    names: list[str] = []
    for folder, folders, files in os.walk(root):
        folders.sort()
        names += [str((Path(folder) / name).relative_to(root)) for name in sorted(files)]
        if len(names) > 5:
            break
    if not names:
        return f"the claim {location.claim!r} is empty"
    shown = ", ".join(name if len(name) <= 60 else name[:59] + "…" for name in names[:5])
    return f"the claim {location.claim!r} holds {shown}{' …' if len(names) > 5 else ''}"


def _check(*, path: Path, root: Path, uri: str) -> None:
    try:
        real = path.resolve(strict=True)
    except OSError:
        raise DataUnavailable(
            reason="DataUnreadable", message=f"{uri} matches {path.name!r}, a link that leads nowhere"
        ) from None
    if not real.is_relative_to(root.resolve()):
        raise DataUnavailable(
            reason="DataUnreadable", message=f"{uri} matches {path.name!r}, a link that leads out of the claim"
        )
    if "\\" in str(path) and any(sign in str(path) for sign in "*?["):
        raise DataUnavailable(
            reason="DataUnreadable", message=f"{uri} matches {path.name!r}: no backslash beside *, ? or [; rename it"
        )
    if not os.access(real, os.R_OK, effective_ids=True):
        raise DataUnavailable(
            reason="PermissionDenied",
            message=f"{path.name!r} of {uri} may not be read by user {os.geteuid()}; see the claim's fsGroup",
        )


def _fold(*, path: Path, root: Path, digest: hashlib._Hash) -> tuple[int, int]:
    """Name, size, time of change and both ends of a file: cheap, and an edit in the middle moves the time of change."""
    status = path.stat()
    digest.update(f"{path.relative_to(root)}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    with path.open("rb") as file:
        digest.update(file.read(_EDGE))
        if status.st_size > 2 * _EDGE:
            file.seek(-_EDGE, os.SEEK_END)
            digest.update(file.read(_EDGE))
    return _state(status)


def _state(status: os.stat_result) -> tuple[int, int]:
    """Size and time of change. No inode: some network file systems give a file another one at every look."""
    return status.st_size, status.st_mtime_ns
