"""Kubernetes Events about policies: told once the status they speak of is written, and never deciding anything.

A note that repeats itself becomes a count, not another object: within an hour, for which the API server keeps Events,
the same words about the same policy are sent once. The next hour's Event says how often they came meanwhile. (To raise
the count of an Event that exists would need the right to patch Events, which nothing else needs.)
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import aiohttp

from retrain_operator.api import names, raw
from retrain_operator.api.policy import Policy
from retrain_operator.api.times import format_time
from retrain_operator.kube.client import ApiError, KubeApi
from retrain_operator.kube.resources import create_event
from retrain_operator.logs import about
from retrain_operator.planning.observed import Note

_log = logging.getLogger(__name__)

#: Bound of the API server.
_MAX_MESSAGE: Final = 1024

#: Seconds in which the same note is one Event; what the API server keeps Events for by default.
_PERIOD: Final = 3600

#: Notes that are remembered; the oldest are forgotten first, which costs an Event at most.
_REMEMBERED: Final = 10_000


@dataclass(slots=True)
class _Told:
    """About one note: the period it was last told in, and the repetitions since that no Event tells of."""

    period: int
    untold: int
    since: datetime


class Events:
    """Sends notes. A failure is logged and forgotten: the status stands."""

    def __init__(self, *, api: KubeApi) -> None:
        self._api = api
        self._told: dict[str, _Told] = {}

    async def send(self, *, policy: Policy, note: Note, now: datetime) -> None:
        """One note: a new Event, or one more of those that were told in this period."""
        key = names.short_digest(policy.uid, note.kind, note.reason, note.message, length=16)
        period = int(now.timestamp()) // _PERIOD
        told = self._told.pop(key, None) or _Told(period=-1, untold=0, since=now)
        if told.untold == 0:
            told.since = now
        told.untold += 1
        if told.period != period:
            answer = await self._post(policy=policy, note=note, told=told, period=period, now=now)
            if answer == "sent":
                told.untold = 0
            if answer != "failed":  # a failure is no reason to be silent for the rest of the hour
                told.period = period
        self._told[key] = told
        while len(self._told) > _REMEMBERED:
            del self._told[next(iter(self._told))]

    async def _post(
        self, *, policy: Policy, note: Note, told: _Told, period: int, now: datetime
    ) -> Literal["sent", "known", "failed"]:
        body = _body(policy=policy, note=note, told=told, period=period, now=now)
        try:
            await create_event(self._api, namespace=policy.key.namespace, body=body)
        except ApiError as error:
            if error.status == 409:  # told in this period already, before a restart
                return "known"
            what = f"{error.status} {error.reason}"
        except (aiohttp.ClientError, TimeoutError) as error:
            what = type(error).__name__
        else:
            return "sent"
        _log.warning("policy %s: Event %s not sent: %s", policy.key, note.reason, what, extra=about(policy.key))
        return "failed"


def _body(*, policy: Policy, note: Note, told: _Told, period: int, now: datetime) -> dict[str, object]:
    # Derived: the same note in the same period is one Event, whoever repeats it, also after a restart.
    digest = names.short_digest(policy.uid, note.kind, note.reason, note.message, str(period), length=16)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{policy.key.name[:230]}.{digest}", "namespace": policy.key.namespace},
        "involvedObject": {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "name": policy.key.name,
            "namespace": policy.key.namespace,
            "uid": policy.uid,
            "resourceVersion": policy.resource_version,
        },
        "type": note.kind,
        "reason": note.reason,
        "message": raw.cut(note.message, _MAX_MESSAGE),
        "source": {"component": names.MANAGER},
        "reportingComponent": names.MANAGER,
        "firstTimestamp": format_time(told.since),
        "lastTimestamp": format_time(now),
        "count": told.untold,
    }
