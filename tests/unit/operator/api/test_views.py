"""Views take any JSON without raising: one poisoned object must not stop the others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from retrain_operator.api.children import cronjob_view, job_view
from retrain_operator.api.policy import policy_view

from tests.builders import NOON, POLICY_UID, a_cronjob, a_job, a_policy
from tests.unit.operator.strategies import poisoned_object


def test_a_policy_is_read() -> None:
    policy = policy_view(a_policy(check="look", generation=3, resource_version="7"))
    assert (str(policy.key), policy.uid, policy.generation) == ("team-a/flight-delays", POLICY_UID, 3)
    assert policy.requests == {"check": "look"}
    assert (policy.schedule, policy.time_zone, policy.threshold) == ("0 0 * * 0", "Etc/UTC", 0.65)
    assert not policy.suspended


def test_a_bare_policy_has_the_defaults_of_the_crd() -> None:
    policy = policy_view({"metadata": {"name": "x"}})
    assert (policy.schedule, policy.time_zone, policy.suspended) == (None, "Etc/UTC", False)
    assert (policy.starting_deadline_seconds, policy.run_history_limit) == (3600, 10)
    assert policy.retrains_on_spec_change


def test_a_request_of_256_kib_is_cut() -> None:
    assert len(policy_view(a_policy(train="x" * 262144)).requests["train"]) == 256


JOBS: dict[str, tuple[dict[str, Any], bool, str | None]] = {
    "under way": (a_job(ready=1), False, None),
    "complete": (a_job(end="Complete"), True, "Complete"),
    "failed": (a_job(end="Failed", reason="DeadlineExceeded"), True, "Failed"),
    "about to fail, its pods still there": (a_job(end="FailureTarget"), False, None),
    "about to succeed, its pods still there": (a_job(end="SuccessCriteriaMet"), False, None),
}


@pytest.mark.parametrize(("body", "finished", "end"), JOBS.values(), ids=JOBS)
def test_a_job_is_finished_when_its_pods_are(body: dict[str, Any], finished: bool, end: str | None) -> None:
    view = job_view(body)
    assert (view.finished, view.end) == (finished, end)


def test_a_job_tells_what_it_answers() -> None:
    view = job_view(a_job(action="train", cause="Request", request="r1", generation=4, recorded=True, scheduled=NOON))
    assert (view.action, view.cause, view.request, view.generation) == ("train", "Request", "r1", 4)
    assert view.recorded
    assert view.scheduled == NOON


@pytest.mark.parametrize("text", ["²", "-1", "9" * 30, "1.5", ""])
def test_a_generation_that_is_none_counts_as_zero(text: str) -> None:
    body = a_job()
    body["metadata"]["annotations"]["retrain.dev/generation"] = text
    assert job_view(body).generation == 0


@given(poisoned_object(a_policy(check="c", train="t", status={"runs": [], "active": []})))
def test_any_policy_is_read(body: dict[str, Any]) -> None:
    policy = policy_view(json.loads(json.dumps(body)))
    assert policy.starting_deadline_seconds is not None
    assert isinstance(policy.data_uri + policy.registry_uri + policy.time_zone, str)
    assert policy.threshold is None or policy.threshold - policy.threshold == 0
    hash(policy.key)


@given(poisoned_object(a_job(end="Complete", request="r", spec_digest="d", threshold="0.5", scheduled=NOON)))
def test_any_job_is_read(body: dict[str, Any]) -> None:
    assert job_view(body).created.tzinfo is not None


@given(poisoned_object(a_cronjob()))
def test_any_cronjob_is_read(body: dict[str, Any]) -> None:
    assert isinstance(cronjob_view(body).name, str)
