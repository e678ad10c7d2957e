"""Asks the queries of `triggers.prometheus`: each text once an interval, however many policies share it.

Queries are spread over the interval by a hash of their text, so that thousands are not asked in one moment; a slow one
holds up no other. Only what is new wakes a policy.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from retrain_operator.api import raw, reasons
from retrain_operator.api.policy import Policy
from retrain_operator.cache import Cache
from retrain_operator.metrics.counts import Counts
from retrain_operator.planning.observed import Cause, Sample
from retrain_operator.queue import WorkQueue
from retrain_operator.triggers.prometheus import QueryRefused, Source, Unreachable, not_configured
from retrain_operator.triggers.signals import Signals

_log = logging.getLogger(__name__)

#: Seconds over which the first askings of queries are spread.
_FIRST: Final = 30.0

#: So many times in a row there must be no answer before people are told: a blip writes no status.
TOLD_AFTER: Final = 3


@dataclass(slots=True)
class _Asked:
    """About one query text: when it is due (seconds of the event loop's clock), and failures in a row."""

    due: float
    failures: int = 0
    task: asyncio.Task[None] | None = field(default=None, repr=False)


class Evaluator:
    """`source` None: nobody to ask. `leads`: may this replica act? `now` is the clock of the samples.

    `look_seconds` is the time between two looks at what is due; `minimum_seconds` the shortest interval of a query;
    `together` how many are under way at once.
    """

    def __init__(
        self,
        *,
        source: Source | None,
        cache: Cache,
        queue: WorkQueue,
        signals: Signals,
        counts: Counts,
        leads: Callable[[], bool],
        now: Callable[[], datetime],
        minimum_seconds: float = 30,
        together: int = 8,
        look_seconds: float = 1,
    ) -> None:
        self._source = source
        self._cache = cache
        self._queue = queue
        self._signals = signals
        self._counts = counts
        self._leads = leads
        self._now = now
        self._minimum = minimum_seconds
        self._look = look_seconds
        self._gate = asyncio.Semaphore(together)
        self._asked: dict[str, _Asked] = {}

    async def run(self) -> None:
        """Runs until cancelled."""
        try:
            while True:
                if self._leads():
                    self._ask_what_is_due()
                await asyncio.sleep(self._look)
        finally:
            tasks = [asked.task for asked in self._asked.values() if asked.task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _ask_what_is_due(self) -> None:
        waiting = self._policies_by_query()
        if self._source is None:
            for query, policies in waiting.items():
                self._tell(query, policies, truth=None, problem=not_configured())
            return
        now = asyncio.get_running_loop().time()
        for query in [query for query in self._asked if query not in waiting]:
            if (task := self._asked.pop(query).task) is not None:
                task.cancel()
        for query, policies in waiting.items():
            interval = max(self._minimum, min(_interval(policy) for policy in policies))
            asked = self._asked.get(query)
            if asked is None:
                first = now + _share(query) * min(_FIRST, interval)
                asked = self._asked[query] = _Asked(due=first)
            if asked.due <= now and (asked.task is None or asked.task.done()):
                asked.due = max(asked.due + interval, now)
                asked.task = asyncio.create_task(self._ask(self._source, query, asked), name=f"query {query[:40]}")
            # An interval that was made shorter holds from now on.
            asked.due = min(asked.due, now + interval)

    async def _ask(self, source: Source, query: str, asked: _Asked) -> None:
        async with self._gate:
            began = asyncio.get_running_loop().time()
            truth, problem = None, None
            try:
                truth = await source.ask(query)
                asked.failures, outcome = 0, "answered"
            except QueryRefused as error:
                problem = Cause(reason=reasons.QUERY_REFUSED, message=f"Prometheus: {error}; edit the query")
                asked.failures, outcome = 0, "refused"
            except Unreachable as error:
                asked.failures, outcome = asked.failures + 1, "unreachable"
                _log.warning("Prometheus does not answer: %s (%d in a row)", error, asked.failures)
            except Exception:
                asked.failures, outcome = asked.failures + 1, "unreachable"
                _log.exception("a query could not be asked")
            self._counts.queried(outcome=outcome, seconds=asyncio.get_running_loop().time() - began)
        if asked.failures >= TOLD_AFTER:
            message = "Prometheus does not answer; nothing starts until it does"
            problem = Cause(reason=reasons.PROMETHEUS_UNREACHABLE, message=message)
        if truth is not None or problem is not None:
            self._tell(query, self._policies_by_query().get(query, []), truth=truth, problem=problem)

    def _tell(self, query: str, policies: list[Policy], *, truth: bool | None, problem: Cause | None) -> None:
        sample = Sample(query=query, at=self._now(), truth=truth, problem=problem)
        for policy in policies:
            # What is true as before may have been true for long enough by now.
            if self._signals.sampled(policy_uid=policy.uid, sample=sample) or (truth and _is_pending(policy)):
                self._queue.add(policy.key)

    def _policies_by_query(self) -> dict[str, list[Policy]]:
        found: defaultdict[str, list[Policy]] = defaultdict(list)
        for policy in self._cache.policies.values():
            if policy.suspended or policy.deleting:
                continue
            if (trigger := policy.prometheus) is not None:
                found[trigger.query].append(policy)
        return found


def _interval(policy: Policy) -> float:
    trigger = policy.prometheus
    return trigger.interval.total_seconds() if trigger is not None else 0.0


def _is_pending(policy: Policy) -> bool:
    return bool(raw.at(policy.status, "triggers", "prometheus", "state") == "Pending")


def _share(query: str) -> float:
    """From 0 to 1, always the same for the same text."""
    return int.from_bytes(hashlib.sha256(query.encode()).digest()[:4], "big") / 2**32
