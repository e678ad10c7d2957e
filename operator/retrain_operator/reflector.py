"""CronJobs and Jobs into the cache: from the first list on, a watch that goes on where it ended.

kopf is not used here: it hands each object to a task of its own and lists again whenever a watch ends. What both cost
is measured by `python -m bench.watching` (docs/performance.md).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import aiohttp

from retrain_operator.cache import Cache
from retrain_operator.kube.client import ApiError, KubeApi
from retrain_operator.kube.watching import Expired, changes_since
from retrain_operator.lists import Kind, list_kind
from retrain_operator.queue import WorkQueue
from retrain_operator.settings import Settings

_log = logging.getLogger(__name__)

#: Seconds; a watch that lasted longer was a good one, and the next begins at once.
_LASTED = 5.0


class Reflector:
    """Follows one kind in one namespace (None: in all). `settings` give the times."""

    def __init__(
        self,
        *,
        api: KubeApi,
        cache: Cache,
        queue: WorkQueue,
        kind: Kind,
        namespace: str | None,
        settings: Settings,
    ) -> None:
        self._api = api
        self._cache = cache
        self._queue = queue
        self._kind = kind
        self._namespace = namespace
        self._settings = settings

    async def follow(self, *, since: str) -> None:
        """Runs until cancelled. `since`: resourceVersion of the list that the cache holds."""
        version: str | None = since
        wait, clock = self._settings.backoff_first_seconds, asyncio.get_running_loop().time
        while True:
            began, answered, at_least = clock(), False, 0.0
            try:
                if version is None:
                    version = await self._list()
                began = clock()
                changes = changes_since(
                    self._api,
                    path=self._kind.path(namespace=self._namespace),
                    version=version,
                    selector=self._kind.selector,
                    inactivity_seconds=self._settings.inactivity_seconds,
                )
                async for change in changes:
                    answered = True
                    version = change.version or version
                    if change.kind != "BOOKMARK":
                        self._hear(change.body, deleted=change.kind == "DELETED")
                told, answered = "ended", True
            except Expired:
                told, version = "expired", None
            except ApiError as error:
                told, at_least = str(error), error.retry_after or 0.0
            except aiohttp.SocketTimeoutError:
                told, answered = "silent", True
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                told = f"{type(error).__name__}: {error}"
            # A request that fails slowly is no watch that lasted.
            if answered and clock() - began >= _LASTED:
                wait = self._settings.backoff_first_seconds
                continue
            _log.info("watch of %s: %s; again in %.1f s", self._kind.plural, told, max(wait, at_least))
            await asyncio.sleep(max(wait, at_least))
            wait = min(2 * wait, self._settings.backoff_last_seconds)

    async def _list(self) -> str:
        """What happened meanwhile is not told any more, so every policy is looked at."""
        version = await list_kind(
            api=self._api, cache=self._cache, kind=self._kind, namespaces=self._settings.namespaces
        )
        for key in list(self._cache.policies):
            self._queue.add(key)
        return version

    def _hear(self, body: Mapping[str, Any], *, deleted: bool) -> None:
        key = self._cache.key_of(policy_uid=self._kind.hear(self._cache, body, deleted=deleted))
        if key is not None:
            self._queue.add(key)
