"""Durations: whatever the CRD takes is one, and what is no duration never raises."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from retrain_operator.api.durations import LONGEST, parse_duration
from retrain_operator.api.policy import policy_view

from tests.builders import a_policy
from tests.unit.operator.strategies import JSON_VALUES

READ = {
    "seconds": ("90s", timedelta(seconds=90)),
    "minutes": ("30m", timedelta(minutes=30)),
    "hours": ("2h", timedelta(hours=2)),
    "days": ("7d", timedelta(days=7)),
    "weeks": ("1w", timedelta(weeks=1)),
    "nothing": ("0s", timedelta(0)),
    "zeros in front": ("00000000030m", timedelta(minutes=30)),
    "ten digits": ("9999999999s", timedelta(seconds=9999999999)),
    "a billion weeks": ("999999999w", LONGEST),
    "as much as can be written": ("99999999999w", LONGEST),
    "no unit": ("30", None),
    "another unit": ("30y", None),
    "a fraction": ("1.5h", None),
    "digits of another script": ("٣m", None),
    "a line more": ("5m\n", None),
    "no text": (30, None),
}


@pytest.mark.parametrize(("text", "duration"), READ.values(), ids=READ)
def test_read(text: object, duration: timedelta | None) -> None:
    assert parse_duration(text) == duration


@given(JSON_VALUES)
def test_any_value_is_a_duration_or_none(value: object) -> None:
    parse_duration(value)


def _schema(*path: str) -> dict[str, Any]:
    crd = yaml.safe_load((Path(__file__).parents[4] / "crds" / "retrainpolicies.yaml").read_text())
    found = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for name in path:
        found = found["properties"][name]
    return dict(found)


def _texts(schema: dict[str, Any]) -> st.SearchStrategy[str]:
    """What the CRD takes; for the API server `$` is the end, and not the last line's."""
    texts = st.from_regex(schema["pattern"].removesuffix("$") + r"\Z")
    digits = st.text("0123456789", min_size=schema["maxLength"] - 2, max_size=schema["maxLength"] - 1)
    longest = st.builds("{}{}".format, digits, st.sampled_from("smhdw"))
    return st.one_of(texts.filter(lambda text: len(text) <= schema["maxLength"]), longest)


@pytest.mark.parametrize("field", ["for", "interval"])
def test_what_the_crd_takes_is_read_as_it_was_meant(field: str) -> None:
    schema = _schema("spec", "triggers", "prometheus", field)

    @given(_texts(schema))
    def reads(text: str) -> None:
        trigger = policy_view(a_policy(spec={"triggers": {"prometheus": {"query": "up", field: text}}})).prometheus
        assert trigger is not None
        found = trigger.wait if field == "for" else trigger.interval
        seconds = int(text[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}[text[-1]]
        assert found.total_seconds() == min(seconds, LONGEST.total_seconds())

    reads()


def test_the_longest_can_be_reckoned_with() -> None:
    assert 2 * LONGEST + timedelta(days=1) > LONGEST
    assert datetime.max.replace(tzinfo=UTC) - datetime.min.replace(tzinfo=UTC) < LONGEST
