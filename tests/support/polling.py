"""Wait for something to become true, with a deadline; never sleep for luck."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


def eventually(
    what: str,
    look: Callable[[], _T | None],
    *,
    seconds: float = 30,
    every: float = 0.1,
    describe: Callable[[], str] = str,
) -> _T:
    """The first true answer of `look`. Fails with `what` and `describe()` when the deadline passes."""
    deadline = time.monotonic() + seconds
    while True:
        answer = look()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}\n{describe()}")
        time.sleep(every)
