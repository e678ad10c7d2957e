"""What Alertmanager sends, and whom it calls."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retrain_operator.api.policy import policy_view
from retrain_operator.triggers.alertmanager import PayloadError, read_notices

from tests.builders import a_policy

DRIFT = {"alertname": "PredictionsDrift", "namespace": "team-a", "model": "flights", "severity": "warning"}


def alert(*, status: str = "firing", starts: object = "2026-03-01T12:00:00.123Z", **labels: str) -> dict[str, Any]:
    return {"status": status, "labels": {**DRIFT, **labels}, "startsAt": starts, "fingerprint": "abc"}


def notification(*alerts: Any, version: object = "4") -> bytes:
    return json.dumps({"version": version, "status": "firing", "alerts": list(alerts)}).encode()


def test_alerts_that_fire_are_read_and_resolved_ones_left_out() -> None:
    [notice] = read_notices(notification(alert(status="resolved", starts=None), alert()))
    assert notice.name == "PredictionsDrift"
    assert notice.began == datetime(2026, 3, 1, 12, 0, 0, 123000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("labels", "wanted", "calls"),
    [
        pytest.param({}, {"alertname": "PredictionsDrift"}, True, id="its label, and the namespace of the policy"),
        pytest.param({}, {"alertname": "PredictionsDrift", "model": "flights"}, True, id="all of its labels"),
        pytest.param({}, {"alertname": "PredictionsDrift", "model": "ratings"}, False, id="one label is another"),
        pytest.param({}, {"alertname": "PredictionsDrift", "team": "x"}, False, id="one label is missing"),
        pytest.param({"namespace": "team-b"}, {"alertname": "PredictionsDrift"}, False, id="another namespace"),
        pytest.param({"namespace": ""}, {"alertname": "PredictionsDrift"}, False, id="no namespace"),
        pytest.param({}, {"namespace": "team-a"}, True, id="nothing but the namespace"),
        pytest.param({}, {}, False, id="no labels wanted: nobody waits"),
    ],
)
def test_whom_an_alert_calls(labels: dict[str, str], wanted: dict[str, str], calls: bool) -> None:
    policy = policy_view(a_policy(spec={"triggers": {"webhook": {"matchLabels": wanted}}}))
    [notice] = read_notices(notification(alert(**labels)))
    assert notice.calls(policy) is calls


def test_a_trigger_switched_off_is_called_by_nobody() -> None:
    off = {"enabled": False, "matchLabels": {"alertname": "PredictionsDrift"}}
    [notice] = read_notices(notification(alert()))
    assert not notice.calls(policy_view(a_policy(spec={"triggers": {"webhook": off}})))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"alerts", "no JSON", id="a text"),
        pytest.param(b"[]", "a JSON object", id="a list"),
        pytest.param(notification(alert(), version="3"), "version '3' of the format", id="another version"),
        pytest.param(b'{"version": "4"}', "alerts: a list", id="no alerts"),
        pytest.param(
            notification(alert(), alert(starts="noon")), r"alerts\[1\].startsAt: 'noon' is no time", id="no time"
        ),
    ],
)
def test_what_is_no_notification_is_told(body: bytes, words: str) -> None:
    with pytest.raises(PayloadError, match=words):
        read_notices(body)


_JSON = st.recursive(
    st.none() | st.booleans() | st.text() | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["alerts", "labels", "status", "startsAt"]) | st.text(), inner, max_size=4)
    ),
    max_leaves=10,
)


def problem(body: object) -> str | None:
    try:
        read_notices(json.dumps(body).encode())
    except PayloadError as error:
        return str(error)
    return None


@given(_JSON)
def test_any_json_is_a_notification_or_an_error_with_words(document: Any) -> None:
    firing = {"status": "firing", "startsAt": document, "labels": document}
    for alerts in (document, [document], [firing]):
        assert problem({"version": "4", "alerts": alerts}) != ""
    assert problem(document) != ""
