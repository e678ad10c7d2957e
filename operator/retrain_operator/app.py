"""Wiring: client, cache, queue, controller, watch and health server, and how they end together."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
from kubernetes.aio import client

from retrain_operator.cache import Cache
from retrain_operator.controller import Controller
from retrain_operator.health import Health, serve_health
from retrain_operator.kube.client import ApiError, KubeApi
from retrain_operator.leader.election import LeaseTimes
from retrain_operator.leader.lease import Leader
from retrain_operator.lists import CRONJOBS, JOBS, list_everything, unreadable
from retrain_operator.metrics.page import Moment, Page
from retrain_operator.queue import WorkQueue
from retrain_operator.reflector import Reflector
from retrain_operator.resync import resync_for_ever
from retrain_operator.scrape import metrics_route, serve_metrics
from retrain_operator.settings import Settings
from retrain_operator.triggers.evaluator import Evaluator
from retrain_operator.triggers.prometheus import Prometheus
from retrain_operator.triggers.signals import Signals
from retrain_operator.triggers.webhook import Webhook, serve_webhook
from retrain_operator.watch import watch

_log = logging.getLogger(__name__)


#: Seconds within which the first watch must be asked for, once the first lists are there.
_FIRST_WATCH = 60.0


class WatchEnded(RuntimeError):
    """A part that runs for ever has ended; the process must end too, and Kubernetes starts it anew."""


def _now() -> datetime:
    return datetime.now(tz=UTC)


async def run(*, configuration: client.Configuration, settings: Settings) -> None:
    """Runs until SIGTERM or SIGINT.

    Raises:
        WatchEnded: a stream failed in a way that only a new start mends; a start costs no writes.
        ApiError: the first lists were refused, for want of rights or of the CRD.
    """
    api = KubeApi(configuration=configuration, timeout_seconds=settings.request_timeout_seconds)
    cache = Cache()
    queue = WorkQueue(
        backoff_first_seconds=settings.backoff_first_seconds, backoff_last_seconds=settings.backoff_last_seconds
    )
    leader = _leader(api=api, settings=settings) if settings.leader_election else None

    signals = Signals()

    def leads() -> bool:
        return leader is None or leader.leads()

    controller = Controller(
        api=api,
        cache=cache,
        queue=queue,
        admin=settings.admin,
        now=_now,
        leads=leads,
        signals=signals,
    )
    health = Health(stuck_seconds=settings.stuck_seconds, oldest_in_queue=queue.oldest_seconds)

    def moment() -> Moment:
        return Moment(
            policies=tuple(cache.policies.values()),
            queue_depth=len(queue),
            queue_oldest_seconds=queue.oldest_seconds(),
            ready=health.ready,
            leads=leads(),
        )

    def listed() -> None:
        health.listed()
        api.counts.listed(timestamp=_now().timestamp())

    page = Page(counts=api.counts, moment=moment)
    shared = settings.metrics_port in (None, settings.health_port)
    more = (metrics_route(page),) if shared else ()
    servers = [await serve_health(health=health, port=settings.health_port, more=more)]
    if settings.metrics_port is not None and not shared:
        servers.append(await serve_metrics(page=page, port=settings.metrics_port))
    source = _prometheus(settings)
    if settings.webhook_port is not None and settings.webhook_token_file is not None:
        webhook = Webhook(
            cache=cache,
            queue=queue,
            signals=signals,
            ready=lambda: health.ready and leads(),
            now=_now,
            token_file=Path(settings.webhook_token_file),
            timeout_seconds=settings.webhook_timeout_seconds,
            counts=api.counts,
        )
        servers.append(await serve_webhook(webhook=webhook, port=settings.webhook_port))
    try:
        versions, left_out = await _first_lists(api=api, cache=cache, settings=settings)
        settings = replace(settings, namespaces=tuple(each for each in settings.namespaces if each not in left_out))
        listed()
        resync = resync_for_ever(
            api=api,
            cache=cache,
            queue=queue,
            controller=controller,
            namespaces=settings.namespaces,
            selector=settings.selector,
            seconds=settings.resync_seconds,
            listed=listed,
            left_out=left_out,
        )
        watching = watch(
            api=api,
            cache=cache,
            queue=queue,
            namespaces=settings.namespaces,
            selector=settings.selector,
            inactivity_seconds=settings.inactivity_seconds,
            ready=(ready := asyncio.Event()),
            watches=health.watches,
        )
        parts = {"resync": resync, "watch of policies": _watched(health=health)} | {
            f"worker {number}": controller.work() for number in range(settings.workers)
        }
        parts |= {
            f"watch of {kind.plural} in {namespace or 'all namespaces'}": Reflector(
                api=api,
                cache=cache,
                queue=queue,
                kind=kind,
                namespace=namespace,
                settings=settings,
            ).follow(since=versions[kind.plural])
            for kind in (CRONJOBS, JOBS)
            for namespace in settings.namespaces or (None,)
        }
        parts["queries"] = Evaluator(
            source=source,
            cache=cache,
            queue=queue,
            signals=signals,
            counts=api.counts,
            leads=leads,
            now=_now,
            minimum_seconds=settings.prometheus_minimum_interval_seconds,
            together=settings.prometheus_queries,
        ).run()
        if leader is not None:
            # Until then the workers pass over every policy; the cache is warm when the Lease comes.
            parts["lease"] = leader.hold(elected=lambda: _look_at_all(cache=cache, queue=queue))
        await _until_stopped(watching=watching, ready=ready, parts=parts, health=health)
    finally:
        if leader is not None:
            await leader.give_back()
        for server in servers:
            await server.cleanup()
        if source is not None:
            await source.close()
        await api.close()


async def _first_lists(*, api: KubeApi, cache: Cache, settings: Settings) -> tuple[dict[str, str], tuple[str, ...]]:
    """Again and again while the API server is busy or away; what it refuses for good is raised.

    Versions by plural, and the namespaces of several that cannot be read: one team's must not end the others'.
    """
    wait = settings.backoff_first_seconds
    while True:
        try:
            left_out = await unreadable(api=api, namespaces=settings.namespaces, selector=settings.selector)
            there = [namespace for namespace in settings.namespaces if namespace not in left_out]
            if left_out and there:
                _log.error("left out, since policies may not be listed there: %s", ", ".join(left_out))
            else:
                left_out, there = (), list(settings.namespaces)
            lists = await list_everything(api=api, cache=cache, namespaces=there, selector=settings.selector)
            return lists, left_out
        except ApiError as error:
            if error.status != 429 and error.status < 500:
                raise
            told, seconds = str(error), max(wait, error.retry_after or 0)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            told, seconds = f"{type(error).__name__}: {error}", wait
        _log.warning("the first lists failed: %s; again in %.0f s", told, seconds)
        await asyncio.sleep(seconds)
        wait = min(2 * wait, settings.backoff_last_seconds)


def _prometheus(settings: Settings) -> Prometheus | None:
    if not settings.prometheus_url:
        return None
    return Prometheus(
        url=settings.prometheus_url,
        token_file=settings.prometheus_token_file,
        ca_file=settings.prometheus_ca_file,
        timeout_seconds=settings.prometheus_timeout_seconds,
    )


def _leader(*, api: KubeApi, settings: Settings) -> Leader:
    return Leader(
        api=api,
        namespace=settings.lease_namespace,
        name=settings.lease_name,
        identity=f"{socket.gethostname()}_{uuid4()}",
        times=LeaseTimes(
            duration=settings.lease_seconds,
            deadline=settings.lease_deadline_seconds,
            retry=settings.lease_retry_seconds,
        ),
        clock=_seconds,
        now=_now,
    )


def _seconds() -> float:
    """A clock that never jumps, and goes on while the machine is suspended where the system has one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _look_at_all(*, cache: Cache, queue: WorkQueue) -> None:
    for key in list(cache.policies):
        queue.add(key)


async def _watched(*, health: Health) -> None:
    """Ready once policies are watched. Raises WatchEnded where they are not: discovery was behind at the start."""
    try:
        async with asyncio.timeout(_FIRST_WATCH):
            await health.watching.wait()
    except TimeoutError:
        raise WatchEnded("policies are not watched; was their CRD not served yet?") from None
    health.ready = True
    _log.info("ready")
    await asyncio.Event().wait()


async def _until_stopped(
    *,
    watching: Coroutine[Any, Any, None],
    ready: asyncio.Event,
    parts: Mapping[str, Coroutine[Any, Any, None]],
    health: Health,
) -> None:
    stop = asyncio.Event()
    watch_task = asyncio.create_task(watching, name="watch")
    ready_task = asyncio.create_task(ready.wait(), name="ready")
    await asyncio.wait([watch_task, ready_task], return_when=asyncio.FIRST_COMPLETED)
    # kopf takes the signals when it starts, and would wait five seconds for tasks of ours that never end.
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    tasks = [asyncio.create_task(part, name=name) for name, part in parts.items()]
    stop_task = asyncio.create_task(stop.wait(), name="stop")
    done, _ = await asyncio.wait([*tasks, watch_task, stop_task], return_when=asyncio.FIRST_COMPLETED)
    health.ready = False
    # Ours first: kopf ends every task that began after it.
    for task in (*tasks, ready_task, stop_task):
        task.cancel()
    await asyncio.gather(*tasks, ready_task, stop_task, return_exceptions=True)
    watch_task.cancel()
    await asyncio.gather(watch_task, return_exceptions=True)
    if not stop.is_set():
        # kopf ends our tasks when it fails: who was cancelled is not to blame.
        broken = [task for task in done if not task.cancelled() and task is not watch_task]
        ended = broken[0] if broken else watch_task
        cause = None if ended.cancelled() else ended.exception()
        raise WatchEnded(f"{ended.get_name()} ended") from cause
    _log.info("stopped")
