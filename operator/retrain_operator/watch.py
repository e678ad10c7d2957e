"""The watch on policies: the only module that imports kopf. (CronJobs and Jobs: reflector.py.)

Only `on.event` handlers: create, update and resume handlers write annotations on the policy, timers, daemons and delete
handlers add finalizers, and GitOps tools would see both. A handler puts the object into the cache and its policy into
the queue, and returns nothing (kopf would write a returned value into the status).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, cast

import kopf

from retrain_operator.api import names
from retrain_operator.cache import Cache
from retrain_operator.kube.client import KubeApi
from retrain_operator.queue import WorkQueue
from retrain_operator.session import counting_session


class _NoDiffBase(kopf.DiffBaseStorage):
    """kopf copies every body to compare it with an annotation, for handlers that we do not have."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> kopf.BodyEssence | None:
        return None

    def store(self, **_: Any) -> None:
        return None


def operator_settings(*, inactivity_seconds: float, selector: str = "") -> kopf.OperatorSettings:
    """kopf as a pump of watch events and nothing else; `inactivity_seconds` ends a watch that has gone silent.

    `selector`: of the labels of policies, applied by the API server; empty for all.
    """
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.posting.level = logging.CRITICAL
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.watching.server_timeout = 300
    settings.watching.inactivity_timeout = inactivity_seconds
    settings.watching.chunk_size = 500
    if selector:
        settings.watching.label_selectors[names.API_VERSION, names.PLURAL] = selector
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    settings.execution.max_workers = 2
    settings.persistence.diffbase_storage = _NoDiffBase()
    return settings


def event_registry(
    *, api: KubeApi, cache: Cache, queue: WorkQueue, watches: Callable[[], None]
) -> kopf.OperatorRegistry:
    """The handler and the login, in a registry of their own. `watches` is called whenever a watch is asked for."""
    registry = kopf.OperatorRegistry()
    sessions: list[tuple[kopf.ConnectionInfo, kopf.AiohttpSession]] = []

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.AiohttpSession:
        info = await _connection(api)
        # The same credentials are the same session: kopf ends, rather than tries for ever, what it knows to be refused.
        if not sessions or sessions[0][0] != info:
            tls, headers = info.as_ssl_context(), info.as_http_headers()
            session = counting_session(tls=tls, headers=headers, counts=api.counts, watches=watches)
            sessions[:] = [(info, kopf.AiohttpSession(server=info.server, aiohttp_session=session))]
        return sessions[0][1]

    @kopf.on.event(names.GROUP, names.VERSION, names.PLURAL, registry=registry)
    async def policy_event(event: kopf.RawEvent, **_: Any) -> None:
        key = cache.hear_policy(event["object"], deleted=event["type"] == "DELETED")
        queue.add(key)
        for waiting in cache.downstream(key):
            queue.add(waiting)

    return registry


async def _connection(api: KubeApi) -> kopf.ConnectionInfo:
    configuration = api.configuration
    header = await configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
    scheme, _, token = (header or "").partition(" ")
    return kopf.ConnectionInfo(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
        scheme=scheme if token else None,
        token=token or None,
    )


async def watch(
    *,
    api: KubeApi,
    cache: Cache,
    queue: WorkQueue,
    namespaces: Sequence[str],
    selector: str,
    inactivity_seconds: float,
    ready: asyncio.Event,
    watches: Callable[[], None],
) -> None:
    """Watches until cancelled; `ready` is set once kopf runs. An error in a stream ends it: so must the process.

    kopf looks once, when it starts, which resources there are; one that is not there yet is never watched, and nothing
    ends. So whoever waits for `watches` to be called, again and again, knows.
    """
    await kopf.operator(
        registry=event_registry(api=api, cache=cache, queue=queue, watches=watches),
        settings=operator_settings(inactivity_seconds=inactivity_seconds, selector=selector),
        standalone=True,
        clusterwide=not namespaces,
        namespaces=list(namespaces),
        ready_flag=ready,
        # kopf would ask for the name of the user, and a numeric user of an image has none.
        identity=cast(Any, names.MANAGER),
    )
