"""Which policies to look at: each key once, one worker a key, with delays and backoff.

kopf hands every event on, different objects in parallel; here ten events of a policy and its children become one look.
"""

from __future__ import annotations

import asyncio

from retrain_operator.api.policy import PolicyKey


class WorkQueue:
    """A keyed queue. A key that is added while it is being worked on comes again afterwards."""

    def __init__(self, *, backoff_first_seconds: float = 1, backoff_last_seconds: float = 300) -> None:
        self._first = backoff_first_seconds
        self._last = backoff_last_seconds
        self._ready: asyncio.Queue[PolicyKey] = asyncio.Queue()
        self._waiting: dict[PolicyKey, float] = {}
        self._working: set[PolicyKey] = set()
        self._again: set[PolicyKey] = set()
        self._timers: dict[PolicyKey, asyncio.TimerHandle] = {}
        self._failures: dict[PolicyKey, int] = {}

    def add(self, key: PolicyKey) -> None:
        """Look at `key` soon."""
        if key in self._working:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting[key] = asyncio.get_running_loop().time()
            self._ready.put_nowait(key)

    def add_after(self, key: PolicyKey, *, seconds: float) -> None:
        """Look at `key` after a while; of several such wishes the earliest holds."""
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if timer is not None and not timer.cancelled() and loop.time() < timer.when() <= loop.time() + seconds:
            return
        if timer is not None:
            timer.cancel()
        self._timers[key] = loop.call_later(max(0.0, seconds), self._fire, key)

    def _fire(self, key: PolicyKey) -> None:
        self._timers.pop(key, None)
        self.add(key)

    async def get(self) -> PolicyKey:
        """The next key; it is the caller's until `done`."""
        key = await self._ready.get()
        self._waiting.pop(key, None)
        self._working.add(key)
        return key

    def done(self, key: PolicyKey) -> None:
        """The caller has finished with `key`."""
        self._working.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def succeeded(self, key: PolicyKey) -> None:
        """Ends the backoff of `key`."""
        self._failures.pop(key, None)

    def failures(self, key: PolicyKey) -> int:
        """How many looks in a row have failed."""
        return self._failures.get(key, 0)

    def failed(self, key: PolicyKey, *, at_least_seconds: float = 0) -> float:
        """Looks at `key` again after a doubled wait; returns the seconds."""
        count = self._failures.get(key, 0)
        self._failures[key] = count + 1
        seconds = max(at_least_seconds, self.backoff_seconds(failures=count + 1))
        self.add_after(key, seconds=seconds)
        return seconds

    def backoff_seconds(self, *, failures: int) -> float:
        """How long to wait after so many failures in a row, 1 or more: twice as long each time, up to a bound."""
        seconds: float = min(self._last, self._first * 2.0 ** min(failures - 1, 30))
        return seconds

    def oldest_seconds(self) -> float:
        """How long the key that waits longest has waited."""
        if not self._waiting:
            return 0.0
        return asyncio.get_running_loop().time() - min(self._waiting.values())

    def __len__(self) -> int:
        return len(self._waiting)
