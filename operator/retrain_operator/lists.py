"""The three kinds of objects that the operator holds, and a full list of each into the cache."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from retrain_operator.api import names
from retrain_operator.cache import Cache
from retrain_operator.kube.client import ApiError, KubeApi
from retrain_operator.kube.resources import BATCH, POLICIES, Listing, list_all, path_of
from retrain_operator.news import Turn

_log = logging.getLogger(__name__)


class WentBack(RuntimeError):
    """The API server has gone back in time. A process that starts now takes what it lists, and watches from there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """`take` puts a full list into a cache, `hear` what a watch tells (of policies kopf tells)."""

    group: str
    plural: str
    selector: str
    take: Callable[..., Turn]
    hear: Callable[..., Any]

    def path(self, *, namespace: str | None) -> str:
        """Where they are listed and watched; None: in all namespaces."""
        return path_of(self.group, self.plural, namespace=namespace)


def policies(*, selector: str) -> Kind:
    """Policies; `selector` is the administrator's, of their labels."""
    return Kind(
        group=POLICIES, plural=names.PLURAL, selector=selector, take=Cache.replace_policies, hear=Cache.hear_policy
    )


CRONJOBS = Kind(
    group=BATCH,
    plural="cronjobs",
    selector=names.CHILD_SELECTOR,
    take=Cache.replace_cronjobs,
    hear=Cache.hear_cronjob,
)
#: Recorded Jobs are neither listed nor watched.
JOBS = Kind(group=BATCH, plural="jobs", selector=names.JOB_SELECTOR, take=Cache.replace_jobs, hear=Cache.hear_job)


class NamespaceIsBack(RuntimeError):
    """A namespace that was left out can be read again. A process that starts now watches it too."""


async def unreadable(*, api: KubeApi, namespaces: Sequence[str], selector: str) -> tuple[str, ...]:
    """Those of some namespaces in which policies may not be listed: the namespace is gone, or the right.

    Raises ApiError for any other answer.
    """
    found = []
    for namespace in namespaces:
        try:
            await list_all(api, group=POLICIES, plural=names.PLURAL, namespace=namespace, selector=selector)
        except ApiError as error:
            if error.status != 403:
                raise
            found.append(namespace)
    return tuple(found)


async def list_kind(*, api: KubeApi, cache: Cache, kind: Kind, namespaces: Sequence[str]) -> str:
    """Fills the cache from a full list of one kind; returns the resourceVersion as of which it is complete.

    Raises:
        ApiError, aiohttp.ClientError, TimeoutError: what is held stays as it is.
        WentBack: watches that are open would wait for versions that are far away.
    """
    listing = await _list(api, kind=kind, namespaces=namespaces)
    version = listing.resource_version
    turn = kind.take(cache, bodies=listing.items, as_of=version)
    if turn is Turn.BACK:
        told = "older again and again: the API server was restored from a backup"
        raise WentBack(f"the list of {kind.plural} is of version {version}, {told}")
    if turn is Turn.BEHIND:
        _log.warning("the list of %s is of version %s, older than the one before; left alone", kind.plural, version)
    return listing.resource_version


async def list_everything(
    *, api: KubeApi, cache: Cache, namespaces: Sequence[str], selector: str = ""
) -> dict[str, str]:
    """Every kind, one after the other, the owners first; the resourceVersions by plural. Raises as list_kind does."""
    kinds = (policies(selector=selector), CRONJOBS, JOBS)
    return {kind.plural: await list_kind(api=api, cache=cache, kind=kind, namespaces=namespaces) for kind in kinds}


async def _list(api: KubeApi, *, kind: Kind, namespaces: Sequence[str]) -> Listing:
    if not namespaces:
        return await list_all(api, group=kind.group, plural=kind.plural, selector=kind.selector)
    parts = [
        await list_all(api, group=kind.group, plural=kind.plural, namespace=namespace, selector=kind.selector)
        for namespace in namespaces
    ]
    # As of the earliest: what was seen later than that is kept, whichever namespace it is in.
    as_of = min((part.resource_version for part in parts), key=lambda version: (len(version), version))
    return Listing(items=[item for part in parts for item in part.items], resource_version=as_of)
