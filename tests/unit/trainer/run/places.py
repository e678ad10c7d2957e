"""Places that are really read-only, full, or closed to this user: by a mount where we may, else by other means."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


def _mount(*arguments: str) -> bool:
    if shutil.which("mount") is None:
        return False
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


@contextmanager
def _on_tmpfs(folder: Path) -> Iterator[bool]:
    """`folder`, with what it holds, on a file system of its own of 4 MiB; False where we may not mount."""
    aside = folder.with_name(f"{folder.name}-aside")
    folder.rename(aside)
    folder.mkdir()
    mounted = _mount("-t", "tmpfs", "-o", "size=4m", "none", str(folder))
    try:
        if mounted:
            shutil.copytree(aside, folder, dirs_exist_ok=True)
            yield True
        else:
            folder.rmdir()
            aside.rename(folder)
            yield False
    finally:
        if mounted:
            shutil.copytree(folder, aside, dirs_exist_ok=True, ignore=shutil.ignore_patterns("filler"))
            subprocess.run(["umount", str(folder)], check=True)
            folder.rmdir()
            aside.rename(folder)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """No file can be made in `folder`: a file system mounted for reading, else files of another user, or of none."""
    with _on_tmpfs(folder) as mounted:
        if mounted:
            subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
            yield
            return
        modes = {path: path.stat().st_mode for path in (folder, *folder.rglob("*"))}
        for path in modes:
            path.chmod(0o555 if path.is_dir() else 0o444)
        with as_nobody():
            yield
        for path, mode in modes.items():
            path.chmod(mode)


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """No byte can be written in `folder`: a file system without room, else the kernel's limit on the size of files."""
    with _on_tmpfs(folder) as mounted:
        if mounted:
            with (folder / "filler").open("wb", buffering=0) as filler:
                try:
                    while True:
                        filler.write(bytes(65536))
                except OSError:
                    pass
            yield
            return
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root reads and writes everything, so this process is nobody for a while; whoever else it is, it stays."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def give_away(folder: Path) -> None:
    """Everything below becomes nobody's own, where we are root."""
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
