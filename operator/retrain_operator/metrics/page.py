"""The text of /metrics. Rendering thousands of series takes tenths of a second, so it is done beside the event loop."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from retrain_operator.api.policy import Policy
from retrain_operator.metrics.counts import Counts
from retrain_operator.metrics.policies import PolicyCollector

#: Seconds for which a rendered page is handed out again: many scrapers, or a flood, cost one rendering a second.
_KEPT: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What the operator holds at one moment. Policies are frozen, so a thread may read the tuple."""

    policies: tuple[Policy, ...] = ()
    queue_depth: int = 0
    queue_oldest_seconds: float = 0
    ready: bool = False
    leads: bool = False


class _Now(Collector):
    def __init__(self, *, moment: Callable[[], Moment]) -> None:
        self._moment = moment

    def collect(self) -> Iterator[Metric]:
        moment = self._moment()
        for name, text, value in (
            ("policies", "Policies that are watched.", len(moment.policies)),
            ("queue_depth", "Policies that wait to be looked at.", moment.queue_depth),
            ("queue_oldest_seconds", "How long the policy that waits longest has waited.", moment.queue_oldest_seconds),
            ("leader", "1 while this replica acts, 0 while it stands by.", float(moment.leads)),
            ("ready", "1 once the first lists are read and the watch runs, else 0.", float(moment.ready)),
        ):
            yield GaugeMetricFamily(f"retrain_operator_{name}", text, value=value)


class Page:
    """Renders the metrics of one operator; `moment` is called in the event loop."""

    def __init__(self, *, counts: Counts, moment: Callable[[], Moment]) -> None:
        self._registry = counts.registry
        self._moment = moment
        self._held = Moment()
        self._registry.register(_Now(moment=lambda: self._held))
        self._registry.register(PolicyCollector(policies=lambda: self._held.policies))
        self._lock = asyncio.Lock()
        self._body, self._packed, self._rendered = b"", False, 0.0

    async def render(self, *, compressed: bool) -> bytes:
        """The page in Prometheus' text format, with gzip where `compressed`.

        Not as OpenMetrics, which the library writes at half the speed and which would say the same.
        """
        async with self._lock:
            clock = asyncio.get_running_loop().time
            if not self._body or compressed != self._packed or clock() - self._rendered >= _KEPT:
                self._held = self._moment()
                body = await asyncio.to_thread(generate_latest, self._registry)
                if compressed:
                    body = await asyncio.to_thread(gzip.compress, body, 1)
                self._body, self._packed, self._rendered = body, compressed, clock()
            return self._body
