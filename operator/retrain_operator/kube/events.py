"""Kubernetes Events about policies: told once the status they speak of is written, and never deciding anything."""

from __future__ import annotations

import logging
from datetime import datetime

import aiohttp

from retrain_operator.api import names, raw
from retrain_operator.api.policy import Policy
from retrain_operator.api.times import format_time
from retrain_operator.kube.client import ApiError, KubeApi
from retrain_operator.kube.resources import create_event
from retrain_operator.planning.observed import Note

_log = logging.getLogger(__name__)

#: Bound of the API server.
_MAX_MESSAGE = 1024


async def send_note(api: KubeApi, *, policy: Policy, note: Note, now: datetime) -> None:
    """Sends one Event. A failure is logged and forgotten: the status stands."""
    digest = names.short_digest(policy.uid, policy.resource_version, note.reason, note.message, length=16)
    body = {
        "apiVersion": "v1",
        "kind": "Event",
        # Derived: the same note about the same state of the policy is one Event, whoever repeats it.
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
        "firstTimestamp": format_time(now),
        "lastTimestamp": format_time(now),
        "count": 1,
    }
    try:
        await create_event(api, namespace=policy.key.namespace, body=body)
    except ApiError as error:
        if error.status != 409:
            _log.warning("policy %s: Event %s not sent: %s %s", policy.key, note.reason, error.status, error.reason)
    except (aiohttp.ClientError, TimeoutError) as error:
        _log.warning("policy %s: Event %s not sent: %s", policy.key, note.reason, type(error).__name__)
