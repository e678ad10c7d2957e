"""Reading untrusted JSON without ever raising: one poisoned object must not stop the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

EMPTY: Mapping[str, Any] = {}


def mapping(value: object) -> Mapping[str, Any]:
    """`value` if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else EMPTY


def at(value: object, *path: str) -> Any:
    """The value at `path` in nested mappings, or None."""
    for name in path:
        value = mapping(value).get(name)
    return value


def text(value: object) -> str | None:
    """`value` if it is a non-empty text, else None."""
    return value if isinstance(value, str) and value else None


def items(value: object) -> list[Mapping[str, Any]]:
    """The mappings in a list; anything else is left out."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def integer(value: object) -> int | None:
    """`value` if it is a whole number (not a truth value), else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def number(value: object) -> float | None:
    """`value` as a finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        real = float(value)
    except OverflowError:
        return None
    return real if real - real == 0 else None


def cut(value: str, length: int) -> str:
    """At most `length` characters, the last one `…` where something was cut; control characters become spaces."""
    clean = "".join(character if character.isprintable() else " " for character in value)
    return clean if len(clean) <= length else clean[: length - 1] + "…"
