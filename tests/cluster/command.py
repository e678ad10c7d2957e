"""Other programs, run to their end: output kept for the error message, no shell, no standard input."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.cluster.console import ClusterError

Argument = str | Path


def run(
    argv: Sequence[Argument],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    text: str | None = None,
    log: Path | None = None,
    timeout: float = 3600,
) -> str:
    """Standard output of a program that must succeed; `env` is added to ours, `text` becomes its input.

    With `log` all its output goes there and the answer is empty.
    """
    command = [str(word) for word in argv]
    shown = shlex.join(command)
    try:
        if log is None:
            done = subprocess.run(
                command,
                cwd=cwd,
                env=environment(extra=env),
                input=text or "",
                capture_output=True,
                text=True,
                check=False,
                timeout=timeout,
            )
        else:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("w") as file:
                done = subprocess.run(
                    command,
                    cwd=cwd,
                    env=environment(extra=env),
                    input=text or "",
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    text=True,
                    check=False,
                    timeout=timeout,
                )
    except FileNotFoundError:
        raise ClusterError(f"{command[0]} is not there; it was needed for: {shown}") from None
    except subprocess.TimeoutExpired:
        raise ClusterError(f"no end after {timeout:.0f} s: {shown}", log=log) from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout or "").strip()[-2000:]
        raise ClusterError(f"exit {done.returncode}: {shown}" + (f"\n{said}" if said else ""), log=log)
    return done.stdout or ""


def succeeds(argv: Sequence[Argument], *, timeout: float = 30) -> bool:
    """Whether a program can be run and says yes."""
    try:
        run(argv, timeout=timeout)
    except ClusterError:
        return False
    return True


def environment(*, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Our environment with the folders of system programs in PATH and a HOME, which cron and CI may lack."""
    found = dict(os.environ)
    found["PATH"] = found.get("PATH", "/usr/bin:/bin") + ":/usr/local/sbin:/usr/sbin:/sbin"
    found.setdefault("HOME", str(Path.home()))
    return found | dict(extra or {})


def wait_for(condition: Callable[[], bool], *, seconds: float, what: str, log: Path | None = None) -> None:
    """Poll until the condition holds; after the deadline an error says what did not come."""
    deadline = time.monotonic() + seconds
    pause = 0.05
    while not condition():
        if time.monotonic() > deadline:
            raise ClusterError(f"{what}: not within {seconds:.0f} s", log=log)
        time.sleep(pause)
        pause = min(pause * 1.3, 0.5)
