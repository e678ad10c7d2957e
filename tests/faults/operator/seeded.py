"""Bugs on purpose, put into an operator process when it starts. The operator itself has no switch for any of them."""

from __future__ import annotations

from collections.abc import Callable

BUGS: dict[str, Callable[[], None]] = {}


def plant(name: str) -> None:
    """Changes the operator of this process."""
    BUGS[name]()
