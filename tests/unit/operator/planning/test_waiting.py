"""Why a Job does not start, in one sentence that names the thing to mend."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retrain_operator.api.children import job_view
from retrain_operator.planning.waiting import needs_events, newest_pod, next_look, waiting_cause

from tests.builders import NOON, Json, a_job, a_pod, an_event
from tests.unit.operator.strategies import poisoned_object


def unscheduled(message: str) -> Json:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return a_pod(phase="Pending", conditions=[condition])


def stuck(reason: str, message: str = "") -> Json:
    return a_pod(phase="Pending", waiting={"reason": reason, "message": message})


QUOTA = (
    'Error creating: pods "x" is forbidden: exceeded quota: small, requested: limits.memory=2Gi, used: 0, limited: 1Gi'
)
ACCOUNT = 'Error creating: pods "x-" is forbidden: error looking up service account: serviceaccount "robot" not found'
SECURITY = 'Error creating: pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true'

CAUSES: dict[str, tuple[list[Json], list[Json], str, str]] = {
    "a claim that is missing": (
        [unscheduled('0/1 nodes are available: persistentvolumeclaim "flights" not found. preemption: 0/1')],
        [],
        "ClaimMissing",
        "PersistentVolumeClaim 'flights' does not exist",
    ),
    "a claim that nothing binds": (
        [unscheduled("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.")],
        [],
        "ClaimNotBound",
        "unbound immediate",
    ),
    "no node with room": (
        [unscheduled("0/3 nodes are available: 3 Insufficient memory.")],
        [],
        "Unschedulable",
        "3 Ins",
    ),
    "an image that is not there": ([stuck("ImagePullBackOff")], [], "ImageUnavailable", "retrain-trainer:0.1.0"),
    "an image that may not be pulled": ([stuck("ErrImageNeverPull")], [], "ImageUnavailable", "ErrImageNeverPull"),
    "a secret that is missing": (
        [stuck("CreateContainerConfigError", 'secret "tokens" not found')],
        [],
        "SecretMissing",
        "Secret 'tokens' does not exist",
    ),
    "a key that a secret lacks": (
        [stuck("CreateContainerConfigError", "couldn't find key t in Secret team-a/tokens")],
        [],
        "SecretMissing",
        "couldn't find key t",
    ),
    "a container that cannot be made": (
        [stuck("CreateContainerConfigError", "container has runAsNonRoot and image will run as root")],
        [],
        "PodNotStarted",
        "will run as root",
    ),
    "a volume that cannot be mounted": (
        [stuck("ContainerCreating")],
        [an_event(reason="Scheduled", message="ok"), an_event(reason="FailedMount", message="MountVolume failed: nfs")],
        "MountFailed",
        "nfs",
    ),
    "a ServiceAccount that is missing": (
        [],
        [an_event(reason="FailedCreate", message=ACCOUNT)],
        "ServiceAccountMissing",
        "ServiceAccount 'robot' does not exist",
    ),
    "a quota": ([], [an_event(reason="FailedCreate", message=QUOTA)], "QuotaExceeded", "limits.memory=2Gi"),
    "pod security": ([], [an_event(reason="FailedCreate", message=SECURITY)], "PodRefused", "runAsNonRoot"),
    "the newest of several Events": (
        [],
        [
            an_event(reason="FailedCreate", message=QUOTA, last=NOON),
            an_event(reason="FailedCreate", message=ACCOUNT, last=NOON - timedelta(minutes=1)),
        ],
        "QuotaExceeded",
        "limits.memory",
    ),
    "an Event that has only an eventTime": (
        [],
        [an_event(reason="FailedCreate", message=QUOTA, last=None, event_time=NOON)],
        "QuotaExceeded",
        "small",
    ),
    "the newest of several pods": (
        [stuck("ImagePullBackOff"), a_pod(phase="Failed", exit_code=1, created=NOON - timedelta(minutes=5))],
        [],
        "ImageUnavailable",
        "retrain-trainer",
    ),
}


@pytest.mark.parametrize(("pods", "events", "reason", "words"), CAUSES.values(), ids=CAUSES)
def test_cause(pods: list[Json], events: list[Json], reason: str, words: str) -> None:
    cause = waiting_cause(pods=pods, events=events)
    assert cause is not None
    assert cause.reason == reason
    assert words in cause.message
    assert len(cause.message) <= 256


NOTHING: dict[str, tuple[list[Json], list[Json]]] = {
    "nothing is known yet": ([], []),
    "other Events of the Job": ([], [an_event(reason="SuccessfulCreate", message="Created pod")]),
    "a pod that runs": ([a_pod(phase="Running")], []),
    "a pod that has ended": ([a_pod(phase="Failed", exit_code=1)], []),
    "a pod that is being made": ([stuck("ContainerCreating")], [an_event(reason="Pulling", message="Pulling image")]),
    "an older pod waited": (
        [unscheduled("0/1 nodes"), a_pod(phase="Running", created=NOON + timedelta(minutes=5))],
        [],
    ),
}


@pytest.mark.parametrize(("pods", "events"), NOTHING.values(), ids=NOTHING)
def test_no_cause(pods: list[Json], events: list[Json]) -> None:
    assert waiting_cause(pods=pods, events=events) is None


def test_events_are_read_only_where_pods_do_not_tell() -> None:
    assert needs_events(pods=[])
    assert needs_events(pods=[stuck("ContainerCreating")])
    assert not needs_events(pods=[stuck("ImagePullBackOff")])


def test_the_newest_pod_is_the_one_that_is_asked_about() -> None:
    older, newer = a_pod(uid="older"), a_pod(uid="newer", created=NOON + timedelta(seconds=1))
    assert newest_pod([newer, older])["metadata"]["uid"] == newest_pod([older, newer])["metadata"]["uid"] == "newer"


def test_looks_come_at_30_s_2_min_10_min_and_then_every_10_min() -> None:
    job, looks = job_view(a_job()), (30, 120, 600)
    ages = [(next_look(job=job, looks=looks, done=done) - NOON).total_seconds() for done in range(5)]
    assert ages == [30, 120, 600, 1200, 1800]


@given(
    st.lists(poisoned_object(stuck("CreateContainerConfigError", "secret x not found")), max_size=3),
    st.lists(poisoned_object(an_event(reason="FailedCreate", message=ACCOUNT)), max_size=3),
)
def test_any_pods_and_events_are_read(pods: list[dict[str, Any]], events: list[dict[str, Any]]) -> None:
    cause = waiting_cause(pods=pods, events=events)
    assert cause is None or (cause.reason and len(cause.message) <= 256)
    needs_events(pods=pods)
