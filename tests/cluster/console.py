"""What a person sees: one line with its time for each slow step, and errors that name the log to read.

Everything goes to standard error, so that `kubeconfig` and `status` can be used in scripts.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class ClusterError(Exception):
    """The cluster cannot do what was asked; the message says what to do, `log` where to read more."""

    def __init__(self, message: str, *, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log

    def __str__(self) -> str:
        message = super().__str__()
        if self.log is None:
            return message
        lines = [f"  {line}" for line in tail(self.log)]
        return "\n".join([message, f"The end of {self.log}:", *lines])


def tail(log: Path, *, lines: int = 15) -> list[str]:
    """The last lines of a log; none when there is no log."""
    try:
        return log.read_text(errors="replace").splitlines()[-lines:]
    except OSError:
        return []


def say(text: str) -> None:
    """Print one line at once."""
    print(f"cluster: {text}", file=sys.stderr, flush=True)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Print the step's name when it begins and its time when it ends. Steps do not nest: they share a line."""
    print(f"cluster: {name} … ", end="", file=sys.stderr, flush=True)
    begun = time.monotonic()
    try:
        yield
    except BaseException:
        print("failed", file=sys.stderr, flush=True)
        raise
    print(f"{time.monotonic() - begun:.1f} s", file=sys.stderr, flush=True)
