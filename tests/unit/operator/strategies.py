"""Arbitrary JSON for parsers: what any server, image or person could send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

_TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["", "True", "Complete", "Failed", "trainer", "Promoted", "2026-03-04T12:00:00Z", "OOMKilled"]),
    st.sampled_from(["0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00", "\ud800", "٣", "²", "9" * 30]),
)

#: Any JSON value.
JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_TEXTS, inner, max_size=3)),
    max_leaves=6,
)


def poisoned(body: Any) -> st.SearchStrategy[Any]:
    """`body` with any of its values, at any depth, replaced by any JSON or left out."""
    if isinstance(body, Mapping):
        fields = {name: poisoned(value) for name, value in body.items()}
        whole: st.SearchStrategy[Any] = st.fixed_dictionaries({}, optional=fields)
    elif isinstance(body, list):
        whole = st.tuples(*(poisoned(item) for item in body)).map(list)
    else:
        whole = st.just(body)
    return st.one_of(whole, whole, whole, JSON_VALUES)


def poisoned_object(body: Mapping[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """As `poisoned`, and still an object at the top: what a list or a watch can hold."""
    return st.fixed_dictionaries({}, optional={name: poisoned(value) for name, value in body.items()})
