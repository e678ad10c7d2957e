"""What we wanted and what the server made of it: the same thing, or somebody's change?"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retrain_operator.planning.matching import contains, quantity

from tests.unit.operator.strategies import JSON_VALUES

SAME: dict[str, tuple[Any, Any]] = {
    "defaults that the server filled in": ({"a": 1, "dnsPolicy": "ClusterFirst"}, {"a": 1}),
    "1024Mi is 1Gi": ({"requests": {"memory": "1Gi"}}, {"requests": {"memory": "1024Mi"}}),
    "0.5 is 500m": ({"limits": {"cpu": "500m"}}, {"limits": {"cpu": "0.5"}}),
    "a number is its text": ({"limits": {"cpu": "2"}}, {"limits": {"cpu": 2}}),
    "1e3 is 1k": ({"limits": {"x": "1k"}}, {"limits": {"x": "1e3"}}),
    "more than there can be is cut": (
        {"requests": {"memory": "9223372036854775807"}},
        {"requests": {"memory": "1e30"}},
    ),
    "less than a billionth is rounded up": ({"requests": {"cpu": "1n"}}, {"requests": {"cpu": "0.5n"}}),
    "a scratch limit": ({"sizeLimit": "2Gi"}, {"sizeLimit": "2048Mi"}),
    "an empty text that the server dropped": ({"name": "A"}, {"name": "A", "value": ""}),
    "false that the server dropped": ({}, {"readOnly": False}),
    "false that stands": ({"enableServiceLinks": False}, {"enableServiceLinks": False}),
    "empty maps and lists that the server dropped": ({}, {"a": {}, "b": []}),
    "none": ({}, {"a": None}),
    "lists in order": ({"a": [{"b": 1, "c": 2}]}, {"a": [{"b": 1}]}),
}

OTHER: dict[str, tuple[Any, Any]] = {
    "another value": ({"a": 1}, {"a": 2}),
    "a field that is gone": ({}, {"a": 2}),
    "true where we want false": ({"suspend": True}, {"suspend": False}),
    "false where we want true": ({"suspend": False}, {"suspend": True}),
    "zero is a value": ({}, {"backoffLimit": 0}),
    "false taken away where nothing means true": ({}, {"automountServiceAccountToken": False}),
    "a longer list": ({"a": [1, 2]}, {"a": [1]}),
    "another order": ({"a": [2, 1]}, {"a": [1, 2]}),
    "1G is not 1Gi": ({"requests": {"memory": "1Gi"}}, {"requests": {"memory": "1G"}}),
    "quantities count only where there are some": ({"a": "1Gi"}, {"a": "1024Mi"}),
    "no quantity against a quantity": ({"requests": {"memory": "1Gi"}}, {"requests": {"memory": "much"}}),
    "two texts that are no quantities": ({"requests": {"memory": "more"}}, {"requests": {"memory": "much"}}),
    "NaN": ({"requests": {"memory": "1Gi"}}, {"requests": {"memory": "NaN"}}),
    "a signalling NaN": ({"requests": {"memory": "1Gi"}}, {"requests": {"memory": "sNaN"}}),
    "a number beyond all bounds": ({"requests": {"memory": "1Gi"}}, {"requests": {"memory": "1e999999Ei"}}),
    "a text where we want a map": ({"a": "x"}, {"a": {"b": 1}}),
}


@pytest.mark.parametrize(("live", "desired"), SAME.values(), ids=SAME)
def test_same(live: Any, desired: Any) -> None:
    assert contains(live=live, desired=desired)


@pytest.mark.parametrize(("live", "desired"), OTHER.values(), ids=OTHER)
def test_other(live: Any, desired: Any) -> None:
    assert not contains(live=live, desired=desired)


QUANTITIES: dict[str, tuple[object, Decimal | None]] = {
    "plain": ("128974848", Decimal(128974848)),
    "an exponent": ("129e6", Decimal(129000000)),
    "a capital exponent": ("1E3", Decimal(1000)),
    "exa": ("1E", Decimal("1e18")),
    "mebi": ("123Mi", Decimal(128974848)),
    "milli": ("250m", Decimal("0.25")),
    "a number": (2, Decimal(2)),
    "truth": (True, None),
    "a unit alone": ("Gi", None),
    "words": ("much", None),
    "infinite": ("Infinity", Decimal(2**63 - 1)),
    "a list": (["1"], None),
}


@pytest.mark.parametrize(("text", "number"), QUANTITIES.values(), ids=QUANTITIES)
def test_quantity(text: object, number: Decimal | None) -> None:
    assert quantity(text) == number


@given(JSON_VALUES)
def test_everything_contains_itself(value: Any) -> None:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return
    assert contains(live=value, desired=value)


@given(JSON_VALUES, JSON_VALUES)
def test_any_two_values_are_compared(live: Any, desired: Any) -> None:
    contains(live={"requests": live}, desired={"requests": desired})


@given(st.one_of(st.text(max_size=32), st.from_regex(r"[+-]?[0-9.]{1,12}([eE][0-9]{1,8})?[numkKMGTPEi]{0,2}")))
def test_any_text_is_a_quantity_or_none(text: str) -> None:
    number = quantity(text)
    assert number is None or number.is_finite()
