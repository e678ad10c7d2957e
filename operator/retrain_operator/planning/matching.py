"""Is what we want already there? Compared the way the API server changes what it is given.

It fills in defaults we did not name (so extra fields are fine), drops empty values, and writes `1024Mi` as `1Gi`. A
naive comparison would write for ever. Fields that we set once and want no more are found by a digest in an annotation.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_UP, Decimal
from typing import Any

_SUFFIXES = {
    "": Decimal(1),
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal("1e3"),
    "M": Decimal("1e6"),
    "G": Decimal("1e9"),
    "T": Decimal("1e12"),
    "P": Decimal("1e15"),
    "E": Decimal("1e18"),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}
_QUANTITY_MAPS = ("requests", "limits")
#: The API server rounds up to a billionth, and to this at most.
_LARGEST = Decimal(2**63 - 1)


def quantity(value: object) -> Decimal | None:
    """A Kubernetes quantity as the number that the API server makes of it, or None if it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value).strip()
    for length in (2, 1, 0):
        suffix = text[len(text) - length :] if length else ""
        if suffix in _SUFFIXES and (not length or len(text) > length):
            try:
                number = min(Decimal(text[: len(text) - length]) * _SUFFIXES[suffix], _LARGEST)
                return number.quantize(_SUFFIXES["n"], rounding=ROUND_UP)
            except ArithmeticError:  # no number, infinite, or out of all bounds
                continue
    return None


#: Where nothing is written these are true, so that false must stand there.
_TRUE_UNLESS_TOLD = ("automountServiceAccountToken", "enableServiceLinks", "allowPrivilegeEscalation")


def contains(*, live: Any, desired: Any) -> bool:
    """Does `live` hold everything that `desired` asks for?"""
    return _contains(live, desired, quantities=False)


def _contains(live: Any, desired: Any, *, quantities: bool) -> bool:
    if desired is None or desired is False or (isinstance(desired, str | Mapping | list) and not desired):
        return live is None or live == desired
    if isinstance(desired, Mapping):
        if not isinstance(live, Mapping):
            return False
        return all(
            live.get(name) is False
            if value is False and name in _TRUE_UNLESS_TOLD
            else _contains(
                live.get(name),
                value,
                quantities=name in _QUANTITY_MAPS
                or name == "sizeLimit"
                or (quantities and not isinstance(value, dict)),
            )
            for name, value in desired.items()
        )
    if isinstance(desired, list):
        return (
            isinstance(live, list)
            and len(live) == len(desired)
            and all(_contains(one, other, quantities=False) for one, other in zip(live, desired, strict=True))
        )
    if quantities and (number := quantity(desired)) is not None:
        return quantity(live) == number
    return bool(live == desired)
