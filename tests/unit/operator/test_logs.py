"""A log line is one line."""

from __future__ import annotations

import json
import logging
import sys

from retrain_operator.api.policy import PolicyKey
from retrain_operator.logs import JsonLines, about


def _record(**fields: object) -> logging.LogRecord:
    record = logging.LogRecord("a.b", logging.WARNING, "", 1, "policy %s: %s", ("n/p", "two\nlines"), None)
    record.__dict__.update(fields)
    return record


def test_a_message_of_two_lines_is_one_line_with_its_fields() -> None:
    text = JsonLines().format(_record(**about(PolicyKey(namespace="n", name="p"), run="j", action="check")))
    assert "\n" not in text
    line = json.loads(text)
    assert line["message"] == "policy n/p: two\nlines"
    assert (line["namespace"], line["policy"], line["run"], line["action"]) == ("n", "p", "j", "check")
    assert line["level"] == "warning"
    assert line["time"].endswith("+00:00")


def test_what_a_line_is_not_about_is_left_out() -> None:
    assert "run" not in json.loads(JsonLines().format(_record(**about(PolicyKey(namespace="n", name="p")))))


def test_a_traceback_is_a_field() -> None:
    try:
        raise ValueError("x")
    except ValueError:
        record = _record(exc_info=sys.exc_info())
    text = JsonLines().format(record)
    assert "\n" not in text
    assert "ValueError: x" in json.loads(text)["traceback"]
