"""What a replica does about the Lease it sees, a sentence a row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from retrain_operator.leader.election import LeaseTimes, LeaseView, desired_spec, lease_view, next_step

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
OTHERS = LeaseView(holder="other", duration=15, transitions=3, acquired="2026-03-01T11:00:00.000000Z", version="7")
OURS = LeaseView(holder="me", duration=15, transitions=3, acquired="2026-03-01T11:00:00.000000Z", version="7")
NOBODYS = LeaseView(holder="", duration=15, transitions=3, acquired="", version="7")


@pytest.mark.parametrize(
    ("lease", "unchanged", "step"),
    [
        pytest.param(None, 0, "create", id="there is none"),
        pytest.param(NOBODYS, 0, "take", id="given back: taken at once"),
        pytest.param(OTHERS, 0, "wait", id="another replica's, just seen"),
        pytest.param(OTHERS, 14.9, "wait", id="another replica's, unchanged for less than it is good for"),
        pytest.param(OTHERS, 15, "take", id="another replica's, unchanged for as long as it is good for"),
        pytest.param(OURS, 0, "renew", id="our own"),
        pytest.param(OURS, 3600, "renew", id="our own, and nobody took it while we slept"),
    ],
)
def test_next_step(lease: LeaseView | None, unchanged: float, step: str) -> None:
    assert next_step(lease=lease, identity="me", unchanged_seconds=unchanged) == step


@pytest.mark.parametrize("skew", [timedelta(days=-400), timedelta(0), timedelta(days=400)])
def test_times_inside_the_lease_decide_nothing(skew: timedelta) -> None:
    spec = desired_spec(lease=OTHERS, identity="other", times=LeaseTimes(), now=NOON + skew)
    seen = lease_view({"metadata": {"resourceVersion": "8"}, "spec": spec})
    assert next_step(lease=seen, identity="me", unchanged_seconds=14) == "wait"
    assert next_step(lease=seen, identity="me", unchanged_seconds=15) == "take"


@pytest.mark.parametrize(
    ("lease", "acquired", "transitions"),
    [
        pytest.param(None, "2026-03-01T12:00:00.000000Z", 0, id="the first holder"),
        pytest.param(OURS, "2026-03-01T11:00:00.000000Z", 3, id="a renewal changes neither"),
        pytest.param(OTHERS, "2026-03-01T12:00:00.000000Z", 4, id="a change of hands is counted"),
        pytest.param(NOBODYS, "2026-03-01T12:00:00.000000Z", 4, id="also from nobody's hands"),
    ],
)
def test_what_is_written(lease: LeaseView | None, acquired: str, transitions: int) -> None:
    spec = desired_spec(lease=lease, identity="me", times=LeaseTimes(), now=NOON)
    assert spec == {
        "holderIdentity": "me",
        "leaseDurationSeconds": 15,
        "acquireTime": acquired,
        "renewTime": "2026-03-01T12:00:00.000000Z",
        "leaseTransitions": transitions,
    }


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        pytest.param(15.0, 15, id="whole seconds"),
        pytest.param(15.4, 16, id="a little more than whole seconds"),
        pytest.param(1.4, 2, id="less than a second and a half"),
        pytest.param(0.3, 1, id="less than a second"),
    ],
)
def test_nobody_takes_the_lease_while_its_holder_may_act(seconds: float, written: int) -> None:
    spec = desired_spec(lease=None, identity="other", times=LeaseTimes(duration=seconds), now=NOON)
    assert spec["leaseDurationSeconds"] == written
    seen = lease_view({"metadata": {"resourceVersion": "8"}, "spec": spec})
    assert next_step(lease=seen, identity="me", unchanged_seconds=seconds - 0.01) == "wait"


def test_a_lease_full_of_rubbish_is_nobodys() -> None:
    seen = lease_view({"metadata": {}, "spec": {"holderIdentity": 7, "leaseDurationSeconds": "x"}})
    assert next_step(lease=seen, identity="me", unchanged_seconds=0) == "take"
