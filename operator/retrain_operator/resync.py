"""Full lists again and again: what finds later whatever the watches missed."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

import aiohttp

from retrain_operator.cache import Cache
from retrain_operator.controller import Controller
from retrain_operator.kube.client import ApiError, KubeApi
from retrain_operator.lists import NamespaceIsBack, list_everything, unreadable
from retrain_operator.queue import WorkQueue

_log = logging.getLogger(__name__)


async def resync_for_ever(
    *,
    api: KubeApi,
    cache: Cache,
    queue: WorkQueue,
    controller: Controller,
    namespaces: Sequence[str],
    selector: str,
    seconds: float,
    listed: Callable[[], None],
    left_out: Sequence[str] = (),
) -> None:
    """Lists everything again and again, and looks at every policy after each time.

    Raises NamespaceIsBack, where one of those `left_out` can be read again.
    """
    while True:
        await asyncio.sleep(seconds * random.uniform(0.9, 1.1))  # noqa: S311 - spreads load, guards nothing
        try:
            await list_everything(api=api, cache=cache, namespaces=namespaces, selector=selector)
            gone = await unreadable(api=api, namespaces=left_out, selector=selector)
        except (ApiError, aiohttp.ClientError, TimeoutError, OSError) as error:
            _log.warning("full list failed: %s: %s", type(error).__name__, error)
            continue
        if back := sorted(set(left_out) - set(gone)):
            raise NamespaceIsBack(f"policies can be listed again in: {', '.join(back)}")
        listed()
        controller.forget_refusals()
        controller.forget_publications()
        controller.forget_policies(but={policy.uid for policy in cache.policies.values()})
        for key in list(cache.policies):
            queue.add(key)
