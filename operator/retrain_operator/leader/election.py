"""What a replica does about the Lease it sees. Pure: the Lease, who asks, and for how long nothing has changed.

As in client-go, the times inside the Lease are never compared with the own clock: a candidate measures with its own how
long the Lease stays as it is. Clocks that differ therefore neither lose a lease nor make two leaders.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from retrain_operator.api import raw

Step = Literal["create", "take", "renew", "wait"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTimes:
    """In seconds. Others take a lease that did not change for `duration`; the holder gives up when it could not renew
    it for `deadline`; both look every `retry`.
    """

    duration: float = 15.0
    deadline: float = 10.0
    retry: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseView:
    """A Lease as the API server returned it. holder: empty where nobody holds it. duration: in seconds."""

    holder: str
    duration: float
    transitions: int
    acquired: str
    version: str


def lease_view(body: Mapping[str, Any]) -> LeaseView:
    """What is read of a Lease."""
    spec = raw.mapping(body.get("spec"))
    return LeaseView(
        holder=raw.text(spec.get("holderIdentity")) or "",
        duration=float(raw.integer(spec.get("leaseDurationSeconds")) or 0),
        transitions=raw.integer(spec.get("leaseTransitions")) or 0,
        acquired=raw.text(spec.get("acquireTime")) or "",
        version=str(raw.at(body, "metadata", "resourceVersion") or ""),
    )


def next_step(*, lease: LeaseView | None, identity: str, unchanged_seconds: float) -> Step:
    """`unchanged_seconds`: for how long this replica has seen the Lease in this very version."""
    if lease is None:
        return "create"
    if lease.holder == identity:
        return "renew"
    if not lease.holder or unchanged_seconds >= lease.duration:
        return "take"
    return "wait"


def desired_spec(*, lease: LeaseView | None, identity: str, times: LeaseTimes, now: datetime) -> dict[str, Any]:
    """The Lease's spec once `identity` holds it, renewed at `now` (aware)."""
    moment = f"{now:%Y-%m-%dT%H:%M:%S.%f}Z"
    held_before = lease is not None and lease.holder == identity
    changed = lease is not None and not held_before
    return {
        "holderIdentity": identity,
        # Upwards: nobody may take it as long as its holder acts.
        "leaseDurationSeconds": max(1, math.ceil(times.duration)),
        "acquireTime": lease.acquired if lease is not None and held_before and lease.acquired else moment,
        "renewTime": moment,
        "leaseTransitions": (0 if lease is None else lease.transitions) + (1 if changed else 0),
    }
