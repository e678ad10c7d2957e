"""Takes the Lease, renews it, gives it back. Losing it ends the process: Kubernetes starts it anew, as a candidate.

kubernetes.aio brings an election of its own; it measures with the wall clock, keeps no deadline inside a request and
does not give a Lease back, so that each rollout would wait for its end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

import aiohttp

from retrain_operator.kube.client import ApiError, KubeApi
from retrain_operator.leader.election import LeaseTimes, LeaseView, desired_spec, lease_view, next_step

_log = logging.getLogger(__name__)
_GROUP = "/apis/coordination.k8s.io/v1"


class LeaseLost(RuntimeError):
    """Another replica may act now."""


class Leader:
    """One replica's part. `clock`: seconds that never jump and go on while the process is stopped; `now`: aware."""

    def __init__(
        self,
        *,
        api: KubeApi,
        namespace: str,
        name: str,
        identity: str,
        times: LeaseTimes,
        clock: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self._api = api
        self._path = f"{_GROUP}/namespaces/{namespace}/leases"
        self._name, self._namespace = name, namespace
        self._identity = identity
        self._times = times
        self._clock, self._now = clock, now
        self._renewed: float | None = None  # when the request of the last success began
        self._held: LeaseView | None = None
        self._seen = ("", 0.0)

    def leads(self) -> bool:
        """May this replica write now? False as soon as another one could have taken the Lease."""
        return self._renewed is not None and self._clock() - self._renewed < self._times.duration

    async def hold(self, *, elected: Callable[[], None]) -> None:
        """Runs until cancelled. `elected` is called once, when the Lease is this replica's.

        Raises:
            LeaseLost: it was, and is no more, or could not be renewed in time.
        """
        while True:
            led_before = self.leads()
            try:
                async with asyncio.timeout(self._times.deadline / 2):
                    await self._look()
            except (ApiError, aiohttp.ClientError, TimeoutError, OSError) as error:
                _log.warning("lease %s: %s: %s", self._name, type(error).__name__, error)
            if self._renewed is not None:
                if not led_before and self.leads():
                    _log.info("lease %s: this replica leads (%s)", self._name, self._identity)
                    elected()
                if self._clock() - self._renewed >= self._times.deadline:
                    raise LeaseLost(f"the lease {self._name} was not renewed for {self._times.deadline:g} s")
            await asyncio.sleep(self._times.retry)

    async def give_back(self) -> None:
        """Lets another replica take over at once; nothing where this one does not lead."""
        if self._held is None or not self.leads():
            return
        self._renewed, held = None, self._held
        spec = {
            **desired_spec(lease=held, identity=self._identity, times=self._times, now=self._now()),
            "holderIdentity": "",
        }
        try:
            async with asyncio.timeout(self._times.deadline / 2):
                await self._put(spec=spec, version=held.version)
        except (ApiError, aiohttp.ClientError, TimeoutError, OSError) as error:
            _log.warning("lease %s: not given back: %s", self._name, error)

    async def _look(self) -> None:
        began = self._clock()
        lease = await self._get()
        if lease is not None and lease.version != self._seen[0]:
            # From when the answer was here: it may have been renewed while the question was under way.
            self._seen = (lease.version, self._clock())
        step = next_step(lease=lease, identity=self._identity, unchanged_seconds=began - self._seen[1])
        if step == "wait":
            if self._renewed is not None:
                raise LeaseLost(f"the lease {self._name} is {lease.holder if lease else 'nobody'}'s now")
            return
        spec = desired_spec(lease=lease, identity=self._identity, times=self._times, now=self._now())
        try:
            if lease is None:
                body = {"metadata": {"name": self._name, "namespace": self._namespace}, "spec": spec}
                answer = await self._api.request("POST", self._path, body={**_KIND, **body})
            else:
                answer = await self._put(spec=spec, version=lease.version)
        except ApiError as error:
            if error.status == 409:  # another replica was faster; the next look tells
                return
            raise
        self._held, self._renewed = lease_view(answer), began

    async def _get(self) -> LeaseView | None:
        try:
            return lease_view(await self._api.request("GET", f"{self._path}/{self._name}"))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def _put(self, *, spec: dict[str, Any], version: str) -> dict[str, Any]:
        metadata = {"name": self._name, "namespace": self._namespace, "resourceVersion": version}
        return await self._api.request(
            "PUT", f"{self._path}/{self._name}", body={**_KIND, "metadata": metadata, "spec": spec}
        )


_KIND = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
