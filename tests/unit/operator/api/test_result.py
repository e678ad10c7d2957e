"""The result message is untrusted: any image may write anything to it."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retrain_operator.api.result import RunResult, parse_result

from tests.builders import JOB_UID, a_message
from tests.unit.operator.strategies import JSON_VALUES, poisoned


def parsed(**fields: Any) -> RunResult | None:
    return parse_result(text=json.dumps(a_message(**fields)), job_uid=JOB_UID)


def test_a_whole_message_is_read() -> None:
    result = parsed(outcome="Promoted", trigger="BelowThreshold", reason="Better", version=3)
    assert result is not None
    assert (result.outcome, result.trigger, result.reason) == ("Promoted", "BelowThreshold", "Better")
    assert result.champion is not None
    assert result.champion.version == 3
    assert (result.score, result.threshold_met, result.data_valid) == (0.71234567, True, True)


NO_MESSAGES = {
    "nothing": None,
    "an empty text": "",
    "no JSON": "Traceback (most recent call last):",
    "half a message": json.dumps(a_message())[:-5],
    "a list": "[1]",
    "a number": "1",
    "another version": json.dumps(a_message(v=2)),
    "another Job's": json.dumps(a_message(job_uid="another")),
    "an outcome nobody knows": json.dumps(a_message(outcome="Great")),
    "an outcome that is a list": json.dumps(a_message() | {"outcome": ["Promoted"]}),
    "no run key": json.dumps(a_message(run=None)),
    "a score of NaN": json.dumps(a_message(score=math.nan)),
    "a score of Infinity": json.dumps(a_message(score=math.inf)),
    "more than 4 KiB": json.dumps(a_message(padding="x" * 5000)),
    "nesting without end": "[" * 4000,
    "half a character": "\ud800",
}


@pytest.mark.parametrize("text", NO_MESSAGES.values(), ids=NO_MESSAGES)
def test_is_no_message(text: str | None) -> None:
    assert parse_result(text=text, job_uid=JOB_UID) is None


IGNORED: dict[str, tuple[dict[str, Any], str, object]] = {
    "a score as text": ({"score": "0.9"}, "score", None),
    "a score of true": ({"score": True}, "score", None),
    "a score beyond all floats": ({"score": 10**400}, "score", None),
    "a trigger nobody knows": ({"trigger": "Whim"}, "trigger", None),
    "a reason with spaces": ({"reason": "no good reason"}, "reason", ""),
    "a reason that begins with a digit": ({"reason": "1st"}, "reason", ""),
    "a champion without a version": ({"champion": {"version": 0}}, "champion", None),
    "a champion's version beyond the API's integers": ({"champion": {"version": 2**53}}, "champion", None),
    "a challenger with a verdict nobody knows": ({"challenger": {"version": 2, "verdict": "Nice"}}, "challenger", None),
    "counters below zero": ({"counters": {"checks": -1, "trainings": 0, "promotions": 0}}, "counters", None),
    "counters beyond the API's integers": (
        {"counters": {"checks": 10**30, "trainings": 0, "promotions": 0}},
        "counters",
        None,
    ),
    "a mirror without a target": ({"mirror": {"version": 1}}, "mirror", None),
    "a mirror whose target has no end": ({"mirror": {"target": "a" * 99}}, "mirror", None),
    "a mirror that is a list": ({"mirror": [1]}, "mirror", None),
    "a counter missing": ({"counters": {"checks": 1}}, "counters", None),
    "a time that is none": ({"checkTime": "yesterday"}, "check_time", None),
    "a time that leads out of all years": ({"checkTime": "0001-01-01T00:00:00+10:00"}, "check_time", None),
    "an earlier run without a time": ({"earlier": [{"job": "x", "outcome": "Kept"}]}, "earlier", ()),
    "data that is not a mapping": ({"data": "fine"}, "data_valid", None),
}


@pytest.mark.parametrize(("fields", "name", "value"), IGNORED.values(), ids=IGNORED)
def test_what_is_not_right_is_left_out_and_the_rest_is_read(fields: dict[str, Any], name: str, value: object) -> None:
    result = parsed(**fields)
    assert result is not None
    assert getattr(result, name) == value
    assert result.metric == "roc_auc"


def test_texts_are_cut_and_freed_of_control_characters() -> None:
    result = parsed(message="a\nb\x1b[31m" + "c" * 1000)
    assert result is not None
    assert len(result.message) == 256
    assert result.message.startswith("a b [31m")
    assert result.message.endswith("…")


def test_at_most_five_earlier_runs_are_taken() -> None:
    earlier = [{"job": f"j{n}", "outcome": "Kept", "time": "2026-03-01T00:00:00Z"} for n in range(9)]
    result = parsed(earlier=earlier)
    assert result is not None
    assert [run.job for run in result.earlier] == ["j0", "j1", "j2", "j3", "j4"]


@given(st.one_of(st.text(), JSON_VALUES.map(json.dumps), poisoned(a_message(trigger="NoChampion")).map(json.dumps)))
def test_anything_is_a_message_or_none(text: str) -> None:
    result = parse_result(text=text, job_uid=JOB_UID)
    if result is not None:
        # Whatever was taken can be written to the status as JSON.
        json.dumps(asdict(result), default=str, allow_nan=False).encode()
        assert len(result.message) <= 256
