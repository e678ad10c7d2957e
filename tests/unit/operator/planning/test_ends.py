"""Which of a Job's pods tells how it ended, and what that comes to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retrain_operator.api.children import job_view
from retrain_operator.planning.ends import job_end
from retrain_operator.planning.observed import Cause, JobEnd
from retrain_operator.planning.runs import finished_run

from tests.builders import NOON, Json, a_job, a_message, a_pod
from tests.unit.operator.strategies import poisoned_object

EARLIER = NOON - timedelta(minutes=5)
GOOD = a_pod(exit_code=0, message=a_message())
SIDECAR = {"name": "istio-proxy", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}


def with_sidecar(pod: Json) -> Json:
    status = {**pod["status"], "containerStatuses": [SIDECAR, *pod["status"]["containerStatuses"]]}
    return {**pod, "status": status}


def bad(exit_code: int = 1, **pod: Any) -> Json:
    return a_pod(phase="Failed", exit_code=exit_code, **pod)


#: Job's end, its pods, and the outcome, reason and words that they come to.
ENDS: dict[str, tuple[Json, list[Json], tuple[str, str, str]]] = {
    "a message": (a_job(end="Complete"), [GOOD], ("Kept", "", "nothing called")),
    "a message beside a sidecar": (a_job(end="Complete"), [with_sidecar(GOOD)], ("Kept", "", "nothing called")),
    "a message after a failed try": (a_job(end="Complete"), [bad(created=EARLIER), GOOD], ("Kept", "", "nothing")),
    "a failed pod newer than the one that succeeded": (
        a_job(end="Complete"),
        [GOOD, bad(created=NOON + timedelta(minutes=1))],
        ("Kept", "", "nothing"),
    ),
    "no pods": (a_job(end="Complete"), [], ("Failed", "MetricsMissing", "no whole result message")),
    "no message": (a_job(end="Complete"), [a_pod(exit_code=0)], ("Failed", "MetricsMissing", "docs/contract.md")),
    "a message for another Job": (
        a_job(end="Complete"),
        [a_pod(exit_code=0, message=a_message(job_uid="other"))],
        ("Failed", "MetricsMissing", "for this Job"),
    ),
    "killed for memory": (
        a_job(end="Failed", reason="BackoffLimitExceeded"),
        [bad(137, terminated_reason="OOMKilled")],
        ("Failed", "OutOfMemory", "spec.job.resources.limits.memory"),
    ),
    "a deadline": (
        a_job(end="Failed", reason="DeadlineExceeded"),
        [],
        ("Failed", "DeadlineExceeded", "spec.job.activeDeadlineSeconds"),
    ),
    "a deadline while a container ran": (
        a_job(end="Failed", reason="DeadlineExceeded"),
        [bad(143)],
        ("Failed", "DeadlineExceeded", "spec.data.window"),
    ),
    "an eviction": (
        a_job(end="Failed"),
        [a_pod(phase="Failed", reason="Evicted", pod_message="The node was low on resource: memory")],
        ("Failed", "ContainerFailed", "Evicted: The node was low"),
    ),
    "a failure that explains itself": (
        a_job(end="Failed"),
        [bad(66, message=a_message(outcome="Failed", reason="DataMissing", message="no file matches"))],
        ("Failed", "DataMissing", "no file matches"),
    ),
    "a failed Job with a good message is still failed": (
        a_job(end="Failed"),
        [bad(message=a_message(outcome="Promoted"))],
        ("Failed", "ContainerFailed", "exit code 1"),
    ),
    "exit 0 and a message that says Failed": (
        a_job(end="Complete"),
        [a_pod(exit_code=0, message=a_message(outcome="Failed", reason="Odd", message="m"))],
        ("Failed", "Odd", "m"),
    ),
    "the newest try that tells": (
        a_job(end="Failed"),
        [bad(1, created=EARLIER), bad(65, created=NOON)],
        ("Failed", "ContainerFailed", "exit code 65"),
    ),
    "nobody left to tell": (a_job(end="Failed"), [], ("Failed", "ContainerFailed", "no pod is left")),
    "the Job's own words": (
        a_job(end="Failed", reason="BackoffLimitExceeded", message="Job has reached the specified backoff limit"),
        [],
        ("Failed", "ContainerFailed", "BackoffLimitExceeded: Job has reached"),
    ),
}


@pytest.mark.parametrize(("body", "pods", "wanted"), ENDS.values(), ids=ENDS)
def test_end(body: Json, pods: list[Json], wanted: tuple[str, str, str]) -> None:
    job = job_view(body)
    run = finished_run(job=job, end=job_end(job=job, pods=pods), waited=None)
    assert (run.outcome, run.reason) == wanted[:2]
    assert wanted[2] in run.message


def test_a_job_that_never_started_tells_what_it_waited_for() -> None:
    job = job_view(a_job(end="Failed", reason="DeadlineExceeded"))
    waited = Cause(reason="ClaimMissing", message="PersistentVolumeClaim 'x' does not exist")
    run = finished_run(job=job, end=JobEnd(), waited=waited)
    assert (run.reason, run.message) == ("ClaimMissing", "never started: PersistentVolumeClaim 'x' does not exist")


def test_a_job_that_waited_and_then_ran_tells_how_it_ran() -> None:
    job = job_view(a_job(end="Failed"))
    run = finished_run(job=job, end=JobEnd(exit_code=3), waited=Cause(reason="ClaimMissing", message="x"))
    assert run.reason == "ContainerFailed"


def test_a_line_of_history_is_bounded() -> None:
    job = job_view(a_job(end="Failed"))
    run = finished_run(job=job, end=JobEnd(exit_code=1, pod_message="x" * 5000), waited=None)
    assert len(run.entry()["message"]) <= 256


@given(
    st.lists(poisoned_object(bad(137, terminated_reason="OOMKilled", message=a_message())), max_size=3),
    st.sampled_from(["Complete", "Failed"]),
)
def test_any_pods_are_read(pods: list[dict[str, Any]], end: str) -> None:
    job = job_view(a_job(end=end))
    run = finished_run(job=job, end=job_end(job=job, pods=pods), waited=None)
    assert run.outcome
    assert run.entry()["job"] == job.name
