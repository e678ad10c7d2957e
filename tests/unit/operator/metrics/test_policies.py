"""Metrics of policies are what their status says, by names and numbers alone."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from prometheus_client import CollectorRegistry, generate_latest
from retrain_operator.api.policy import Policy, policy_view
from retrain_operator.metrics.policies import FAMILIES, PolicyCollector
from retrain_operator.metrics.words import ACTIONS, CAUSES, OUTCOMES, UNKNOWN

from tests.builders import a_policy
from tests.unit.operator.strategies import poisoned_object

STATUS: dict[str, Any] = {
    "conditions": [
        {"type": "DataValid", "status": "False", "reason": "ColumnMissing", "message": "column 'x'"},
        {"type": "Ready", "status": "True"},
        {"type": "AccuracyMet", "status": "Unknown"},
        {"type": "example.com/Foreign", "status": "True"},
    ],
    "metric": "roc_auc",
    "score": 0.7071,
    "threshold": 0.65,
    "modelVersion": 4,
    "modelURI": "pvc://models/ns/flight-delays/versions/4",
    "promotionTime": "2026-03-01T00:00:00Z",
    "challenger": {"version": 5, "score": 0.7},
    "drift": {"share": 0.25, "features": 16},
    "active": [{"job": "a", "waiting": "ClaimMissing: claim x"}, {"job": "b"}],
    "pending": [{"action": "train", "cause": "Request", "request": "secret words"}],
    "consecutiveFailures": 2,
    "counters": {
        "checks": 9,
        "trainings": 5,
        "promotions": 4,
        "outcomes": {"Promoted": 4, "Failed": 2},
        "trainingSeconds": {"Promoted": 480, "Failed": 60},
    },
    "runs": [
        {
            "job": "flight-delays-check-1",
            "action": "check",
            "cause": "Schedule",
            "outcome": "Promoted",
            "message": "secret words",
            "startTime": "2026-03-01T00:00:00Z",
            "completionTime": "2026-03-01T00:02:00Z",
        }
    ],
}


def _samples(*policies: Policy) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(PolicyCollector(policies=lambda: policies))
    samples = {}
    for family in registry.collect():
        for sample in family.samples:
            assert sample.labels["namespace"] == "team-a"
            rest = [value for name, value in sample.labels.items() if name not in ("namespace", "policy")]
            samples[" ".join([sample.name.removeprefix("retrain_policy_"), *rest])] = sample.value
    return samples


def test_a_status_is_shown_in_numbers() -> None:
    samples = _samples(policy_view(a_policy(status=STATUS)))
    zeros = {f"runs_total {outcome}": 0.0 for outcome in OUTCOMES}
    zeros |= {f"training_seconds_total {name}": 0.0 for name in ("AwaitingApproval", "Observed", "NotPromoted")}
    assert samples == zeros | {
        "info roc_auc": 1,
        "condition DataValid": 0,
        "condition Ready": 1,
        "condition AccuracyMet": -1,
        "champion_score": 0.7071,
        "threshold": 0.65,
        "champion_version": 4,
        "champion_promotion_timestamp_seconds": 1772323200,
        "challenger_score": 0.7,
        "drifted_features_ratio": 0.25,
        "active_runs": 2,
        "waiting_runs": 1,
        "pending_requests": 1,
        "consecutive_failures": 2,
        "last_run_info check Schedule Promoted": 1,
        "last_run_duration_seconds": 120,
        "checks_total": 9,
        "trainings_total": 5,
        "promotions_total": 4,
        "runs_total Promoted": 4,
        "runs_total Failed": 2,
        "training_seconds_total Promoted": 480,
        "training_seconds_total Failed": 60,
    }


def test_a_new_policy_has_its_counters_at_zero_so_that_their_first_increase_is_seen() -> None:
    samples = _samples(policy_view(a_policy()))
    assert samples["runs_total Failed"] == samples["training_seconds_total Promoted"] == 0
    assert "champion_score" not in samples
    assert "champion_promotion_timestamp_seconds" not in samples


def test_a_policy_that_is_gone_is_gone() -> None:
    held = [policy_view(a_policy(status=STATUS))]
    registry = CollectorRegistry()
    registry.register(PolicyCollector(policies=lambda: held))
    assert b'policy="flight-delays"' in generate_latest(registry)
    held.clear()
    assert b"flight-delays" not in generate_latest(registry)


def test_no_text_of_spec_or_messages_is_shown() -> None:
    def spoiled(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: spoiled(each) for name, each in value.items()}
        return [spoiled(each) for each in value] if isinstance(value, list) else "CANARY"

    policy = a_policy(status=spoiled(STATUS), check="CANARY")
    policy["spec"] = spoiled(policy["spec"])
    registry = CollectorRegistry()
    registry.register(PolicyCollector(policies=lambda: [policy_view(policy)]))
    assert b"CANARY" not in generate_latest(registry)


@given(poisoned_object(a_policy(status=STATUS)))
def test_any_status_is_shown_without_an_error_and_with_known_words(body: Any) -> None:
    policy = policy_view(body)
    for family in FAMILIES:
        for labels, value in family.read(policy):
            assert isinstance(value, float | int)
            assert len(labels) == len(family.labels)
            for name, label in zip(family.labels, labels, strict=True):
                known = {"action": ACTIONS, "cause": CAUSES, "outcome": OUTCOMES}.get(name)
                assert known is None or label in (*known, UNKNOWN)
