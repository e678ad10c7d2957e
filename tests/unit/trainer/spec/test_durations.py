"""Durations: what the CRD lets through is read or refused by name, and nothing that is read overflows a date."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from retrain_trainer.errors import SpecError
from retrain_trainer.spec import parse_duration, parse_spec

BASE: dict[str, Any] = {
    "data": {"uri": "pvc://rows/in/*.csv", "timeColumn": "day"},
    "model": {"target": "late"},
    "registry": {"uri": "pvc://models"},
}

FIELDS: dict[str, Callable[[str], dict[str, Any]]] = {
    "spec.data.window": lambda text: {"data": {**BASE["data"], "window": text}},
    "spec.data.labelDelay": lambda text: {"data": {**BASE["data"], "labelDelay": text}},
    "spec.data.holdout.window": lambda text: {"data": {**BASE["data"], "holdout": {"window": text}}},
    "spec.data.holdout.gap": lambda text: {"data": {**BASE["data"], "holdout": {"gap": text}}},
    "spec.validation.maxAge": lambda text: {"validation": {"maxAge": text}},
    "spec.triggers.maxAge.age": lambda text: {"triggers": {"maxAge": {"age": text}}},
    "spec.limits.cooldown": lambda text: {"limits": {"cooldown": text}},
    "spec.limits.maxTrainings.per": lambda text: {"limits": {"maxTrainings": {"count": 1, "per": text}}},
    "spec.limits.blackouts[0].duration": lambda text: {
        "limits": {"blackouts": [{"start": "0 8 * * *", "duration": text}]}
    },
}


@pytest.mark.parametrize("text", ["36526d", "999999d", "9999999999d", "99999999999w", "9" * 5000 + "s"])
@pytest.mark.parametrize("field", FIELDS)
def test_what_is_longer_than_a_hundred_years_is_refused_by_name(field: str, text: str) -> None:
    with pytest.raises(SpecError) as refused:
        parse_spec({**BASE, **FIELDS[field](text)})
    assert refused.value.reason == "InvalidSpec"
    assert refused.value.message.startswith(f"{field}: ")
    assert "36525d" in refused.value.message
    assert len(refused.value.message) < 200


@pytest.mark.parametrize(
    ("text", "days"),
    [("36525d", 36525), ("876600h", 36525), ("3155760000s", 36525), ("00000000090d", 90), ("000w", 0)],
)
def test_what_is_not_is_read(text: str, days: int) -> None:
    assert parse_duration(text=text, path="--every") == timedelta(days=days)


@pytest.mark.parametrize("text", ["", "d", "90", "90 d", "-1d", "1.5h", "1d\n", "1D", "\u0661d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match=r"--every: .* is no duration"):
        parse_duration(text=text, path="--every")
