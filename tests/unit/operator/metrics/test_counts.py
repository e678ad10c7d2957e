"""What one process counts: every run once, by known words."""

from __future__ import annotations

from typing import Any

import pytest
from retrain_operator.metrics.counts import Counts
from retrain_operator.metrics.recorded import recorded_runs
from retrain_operator.metrics.requests import resource_of, verb_of


def _run(job: str, **fields: Any) -> dict[str, Any]:
    return {"job": job, "action": "check", "cause": "Schedule", "outcome": "Kept"} | fields


def test_a_run_that_a_write_adds_is_counted_once() -> None:
    counts = Counts()
    before: dict[str, Any] = {"runs": [_run("a")]}
    after = {"runs": [_run("b", outcome="Promoted", trigger="Drift", version=2), _run("a")]}
    assert [run.job for run in counts.recorded(before=before, after=after)] == ["b"]
    assert counts.recorded(before=after, after=after) == []

    def value(name: str, **labels: str) -> float | None:
        return counts.registry.get_sample_value(name, labels)

    assert value("retrain_runs_total", action="check", cause="Schedule", outcome="Promoted") == 1
    assert value("retrain_runs_total", action="check", cause="Schedule", outcome="Kept") == 0
    assert value("retrain_trainings_total", trigger="Drift", verdict="Better") == 1


def test_the_verdict_is_that_of_the_version_which_the_run_trained() -> None:
    lost = _run("b", outcome="NotPromoted", trigger="NewRows", version=3)
    status = {"runs": [lost], "challenger": {"version": 3, "verdict": "Inconclusive"}}
    [run] = recorded_runs(before={}, after=status)
    assert (run.trained, run.trigger, run.verdict) == (True, "NewRows", "Inconclusive")
    [run] = recorded_runs(before={}, after={**status, "challenger": {"version": 4, "verdict": "Better"}})
    assert run.verdict == "unknown"


@pytest.mark.parametrize(
    ("start", "counted"),
    [
        pytest.param("2026-03-04T12:00:00Z", [], id="as it stood"),
        pytest.param("2026-03-04T11:00:00Z", [], id="put earlier, since it was of the future"),
        pytest.param("2026-03-05T12:00:00Z", ["a"], id="begun later: the same words again made a Job of this name"),
    ],
)
def test_a_run_is_told_from_an_earlier_one_of_its_name_by_its_start(start: str, counted: list[str]) -> None:
    before = {"runs": [_run("a", startTime="2026-03-04T12:00:00Z")]}
    runs = recorded_runs(before=before, after={"runs": [_run("a", startTime=start)]})
    assert [run.job for run in runs] == counted


def test_a_rejection_by_a_person_is_no_training() -> None:
    rejected = _run("b", action="reject", outcome="NotPromoted", version=3)
    [run] = recorded_runs(before={}, after={"runs": [rejected], "challenger": {"version": 3, "verdict": "Better"}})
    assert not run.trained


def test_lines_that_were_filled_in_for_vanished_jobs_are_not_counted() -> None:
    assert recorded_runs(before={}, after={"runs": [{"job": "gone", "outcome": "Kept"}]}) == []


def test_words_of_anybody_else_make_no_new_series() -> None:
    [run] = recorded_runs(before={}, after={"runs": [_run("a", action="x" * 63, cause="y", outcome="z", trigger=1)]})
    assert (run.action, run.cause, run.outcome, run.trigger) == ("unknown",) * 4


REQUESTS = {
    "GET /apis/retrain.dev/v1alpha1/retrainpolicies": ("list", "retrainpolicies"),
    "WATCH /apis/retrain.dev/v1alpha1/namespaces/a/retrainpolicies": ("watch", "retrainpolicies"),
    "GET /apis/retrain.dev/v1alpha1/namespaces/a/retrainpolicies/x": ("get", "retrainpolicies"),
    "PATCH /apis/retrain.dev/v1alpha1/namespaces/a/retrainpolicies/x/status": ("patch", "retrainpolicies/status"),
    "POST /apis/batch/v1/namespaces/a/jobs": ("create", "jobs"),
    "PUT /apis/batch/v1/namespaces/namespaces/cronjobs/x": ("update", "cronjobs"),
    "GET /api/v1/namespaces/a/pods": ("list", "pods"),
    "GET /apis/coordination.k8s.io/v1/namespaces/a/leases/x": ("get", "leases"),
    "GET /apis/batch/v1": ("get", "discovery"),
    "GET /api/v1/namespaces": ("list", "other"),
    "OPTIONS /": ("other", "discovery"),
}


@pytest.mark.parametrize(("asked", "expected"), REQUESTS.items(), ids=REQUESTS)
def test_a_request_is_named_as_kubernetes_names_it(asked: str, expected: tuple[str, str]) -> None:
    method, path = asked.split()
    watch = method == "WATCH"
    verb = verb_of(method="GET" if watch else method, path=path, watch=watch)
    assert (verb, resource_of(path)) == expected


def test_the_first_watch_of_a_stream_is_no_restart() -> None:
    counts = Counts()
    for path in ("/a", "/b", "/a", "/a"):
        counts.watching(resource="jobs", path=path)
    assert counts.registry.get_sample_value("retrain_operator_watch_restarts_total", {"resource": "jobs"}) == 2
