"""Full lists: what the operator starts from, and what finds later whatever the watch missed."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

import aiohttp

from retrain_operator.api import names
from retrain_operator.cache import Cache
from retrain_operator.controller import Controller
from retrain_operator.kube.client import ApiError, KubeApi
from retrain_operator.kube.resources import BATCH, POLICIES, Listing, list_all
from retrain_operator.queue import WorkQueue

_log = logging.getLogger(__name__)


async def _list(api: KubeApi, *, group: str, plural: str, namespaces: Sequence[str], selector: str = "") -> Listing:
    if not namespaces:
        return await list_all(api, group=group, plural=plural, selector=selector)
    parts = [
        await list_all(api, group=group, plural=plural, namespace=namespace, selector=selector)
        for namespace in namespaces
    ]
    # As of the earliest: what was seen later than that is kept, whichever namespace it is in.
    as_of = min((part.resource_version for part in parts), key=lambda version: (len(version), version))
    return Listing(items=[item for part in parts for item in part.items], resource_version=as_of)


async def list_everything(*, api: KubeApi, cache: Cache, namespaces: Sequence[str], selector: str = "") -> None:
    """Fills the cache from one list of each kind, one after the other.

    Raises:
        ApiError, aiohttp.ClientError, TimeoutError: what is held stays as it is.
    """
    for group, plural, chosen, take in (
        (POLICIES, names.PLURAL, selector, cache.replace_policies),
        (BATCH, "cronjobs", names.CHILD_SELECTOR, cache.replace_cronjobs),
        (BATCH, "jobs", names.JOB_SELECTOR, cache.replace_jobs),
    ):
        listing = await _list(api, group=group, plural=plural, namespaces=namespaces, selector=chosen)
        if not take(bodies=listing.items, as_of=listing.resource_version):
            _log.warning(
                "the list of %s is of version %s, older than the one before; it is left alone",
                plural,
                listing.resource_version,
            )


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
) -> None:
    """Lists everything again and again, and looks at every policy after each time."""
    while True:
        await asyncio.sleep(seconds * random.uniform(0.9, 1.1))  # noqa: S311 - spreads load, guards nothing
        try:
            await list_everything(api=api, cache=cache, namespaces=namespaces, selector=selector)
        except (ApiError, aiohttp.ClientError, TimeoutError, OSError) as error:
            _log.warning("full list failed: %s: %s", type(error).__name__, error)
            continue
        listed()
        controller.forget_name_conflicts()
        controller.forget_policies(but={policy.uid for policy in cache.policies.values()})
        for key in list(cache.policies):
            queue.add(key)
