"""Each key once, one worker a key, delays and backoff; on a loop whose clock the test moves."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

from retrain_operator.api.policy import PolicyKey
from retrain_operator.queue import WorkQueue

A = PolicyKey(namespace="n", name="a")
B = PolicyKey(namespace="n", name="b")


class _Jumps(selectors.DefaultSelector):
    """A selector that does not wait: the time it should have waited is added to the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now += timeout or 0
        return super().select(0)


def on_a_fast_clock(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Runs `test` on a loop where hours pass at once."""

    def run() -> None:
        selector = _Jumps()
        loop = asyncio.SelectorEventLoop(selector)
        loop.time = lambda: selector.now  # type: ignore[method-assign]
        try:
            loop.run_until_complete(test())
        finally:
            loop.close()

    run.__name__ = test.__name__
    return run


async def taken(queue: WorkQueue, *, within: float) -> PolicyKey | None:
    """The next key, or None if none comes in time."""
    try:
        return await asyncio.wait_for(queue.get(), within)
    except TimeoutError:
        return None


@on_a_fast_clock
async def test_ten_events_of_a_key_are_one_look() -> None:
    queue = WorkQueue()
    for _ in range(10):
        queue.add(A)
    assert len(queue) == 1
    assert await taken(queue, within=1) == A
    queue.done(A)
    assert await taken(queue, within=1) is None


@on_a_fast_clock
async def test_a_key_under_work_comes_again_only_when_its_worker_is_done() -> None:
    queue = WorkQueue()
    queue.add(A)
    assert await taken(queue, within=1) == A
    queue.add(A)
    queue.add(B)
    assert await taken(queue, within=1) == B
    assert await taken(queue, within=1) is None
    queue.done(A)
    assert await taken(queue, within=1) == A


@on_a_fast_clock
async def test_of_several_delays_the_earliest_holds() -> None:
    queue, loop = WorkQueue(), asyncio.get_running_loop()
    start = loop.time()
    queue.add_after(A, seconds=60)
    queue.add_after(A, seconds=10)
    queue.add_after(A, seconds=30)
    assert await taken(queue, within=100) == A
    assert 9.9 < loop.time() - start < 11
    queue.done(A)
    assert await taken(queue, within=1000) is None


@on_a_fast_clock
async def test_a_delay_in_the_past_is_now() -> None:
    queue = WorkQueue()
    queue.add_after(A, seconds=-600)
    assert await taken(queue, within=1) == A


@on_a_fast_clock
async def test_waits_double_up_to_the_last_and_start_anew_after_success() -> None:
    queue = WorkQueue(backoff_first_seconds=1, backoff_last_seconds=300)
    waits = []
    for _ in range(12):
        waits.append(queue.failed(A))
        assert await taken(queue, within=301) == A
        queue.done(A)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    queue.succeeded(A)
    assert queue.failed(A) == 1
    assert queue.failed(B, at_least_seconds=77) == 77


@on_a_fast_clock
async def test_a_thousand_failures_do_not_overflow() -> None:
    queue = WorkQueue()
    assert max(queue.failed(A) for _ in range(2000)) == 300


@on_a_fast_clock
async def test_backoff_does_not_hold_up_an_event() -> None:
    queue = WorkQueue()
    for _ in range(10):
        queue.failed(A)
    queue.add(A)
    assert await taken(queue, within=0.1) == A


@on_a_fast_clock
async def test_the_age_of_the_oldest_key_is_known() -> None:
    queue = WorkQueue()
    assert queue.oldest_seconds() == 0
    queue.add(A)
    await asyncio.sleep(40)  # of the test's clock
    queue.add(B)
    assert 39 < queue.oldest_seconds() < 42
    assert await taken(queue, within=1) == A
    assert queue.oldest_seconds() < 2
