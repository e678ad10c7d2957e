"""Events on a real API server: what repeats itself is a count, not one more object."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from kubernetes.aio import client, config
from retrain_operator.api.policy import policy_view
from retrain_operator.kube.client import KubeApi
from retrain_operator.kube.events import Events
from retrain_operator.planning.observed import Note

from tests.control_plane.conftest import StartOperator
from tests.support.kubectl import Kubectl
from tests.support.policies import a_policy, wait_for_condition

QUOTA = Note(kind="Warning", reason="QuotaExceeded", message="Job x: exceeded quota")
DENIED = Note(kind="Warning", reason="QuotaExceeded", message="Job y: exceeded quota")
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def _send(kubectl: Kubectl, *batches: list[tuple[float, Note]]) -> None:
    """Sends notes at minutes after noon; each batch by a process that knows nothing of the one before."""
    body = kubectl.get("rtp", "flight-delays")
    assert body is not None
    policy = policy_view(body)

    async def send() -> None:
        configuration = client.Configuration()
        await config.load_kube_config(  # type: ignore[no-untyped-call]
            config_file=str(kubectl.kubeconfig), client_configuration=configuration
        )
        api = KubeApi(configuration=configuration)
        try:
            for batch in batches:
                events = Events(api=api)
                for minutes, note in batch:
                    await events.send(policy=policy, note=note, now=NOON + timedelta(minutes=minutes))
        finally:
            await api.close()

    asyncio.run(send())


def _told(kubectl: Kubectl) -> list[tuple[str, int, str, str]]:
    """Message, count, first and last time of each Event, in the order of their times."""
    events: list[dict[str, Any]] = kubectl.list("events")
    found = [
        (event["message"], event["count"], event["firstTimestamp"][11:16], event["lastTimestamp"][11:16])
        for event in events
    ]
    return sorted(found, key=lambda event: event[2:])


def test_what_repeats_itself_within_an_hour_is_one_event_and_then_a_count(kubectl: Kubectl) -> None:
    kubectl.apply(a_policy())
    _send(kubectl, [(0, QUOTA), (1, QUOTA), (1, DENIED), (2, QUOTA), (59, QUOTA), (61, QUOTA), (62, QUOTA)])
    assert _told(kubectl) == [
        (QUOTA.message, 1, "12:00", "12:00"),
        (DENIED.message, 1, "12:01", "12:01"),
        (QUOTA.message, 4, "12:01", "13:01"),
    ]


def test_a_restart_within_the_hour_repeats_no_event(kubectl: Kubectl) -> None:
    kubectl.apply(a_policy())
    _send(kubectl, [(0, QUOTA)], [(5, QUOTA), (6, QUOTA)], [(7, QUOTA), (65, QUOTA)])
    assert _told(kubectl) == [(QUOTA.message, 1, "12:00", "12:00"), (QUOTA.message, 2, "12:07", "13:05")]


def test_a_policy_that_is_edited_to_and_fro_makes_one_event_of_a_kind(
    kubectl: Kubectl, start_operator: StartOperator
) -> None:
    start_operator()
    for zone, ready in [("Etc/UTC", "True"), ("Mars/Olympus", "False")] * 3:
        kubectl.apply(a_policy(timeZone=zone))
        wait_for_condition(kubectl, "flight-delays", "Ready", ready)
    told = [event["reason"] for event in kubectl.list("events")]
    # Two where the test runs over a full hour.
    assert 1 <= told.count("InvalidTimeZone") <= 2, told
