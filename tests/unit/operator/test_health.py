"""What makes the kubelet start the operator anew."""

from __future__ import annotations

import asyncio

import pytest
from retrain_operator import app
from retrain_operator.health import Health


def test_a_process_that_stopped_watching_policies_is_started_anew_though_it_lists() -> None:
    async def play() -> None:
        health = Health(stuck_seconds=0.2, oldest_in_queue=lambda: 0.0)
        for _ in range(5):
            await asyncio.sleep(0.06)
            health.listed()
            health.watches()
        assert health.problem() is None
        for _ in range(5):
            await asyncio.sleep(0.06)
            health.listed()
        assert "policies have not been watched anew" in (health.problem() or "")

    asyncio.run(play())


def test_it_is_ready_once_policies_are_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        health = Health(stuck_seconds=60, oldest_in_queue=lambda: 0.0)
        part = asyncio.create_task(app._watched(health=health))
        await asyncio.sleep(0)
        early = bool(health.ready)
        assert not early
        health.watches()
        async with asyncio.timeout(5):
            while not health.ready:
                await asyncio.sleep(0)
        part.cancel()
        await asyncio.gather(part, return_exceptions=True)

    asyncio.run(play())


def test_a_process_that_never_watches_policies_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        monkeypatch.setattr(app, "_FIRST_WATCH", 0.05)
        health = Health(stuck_seconds=60, oldest_in_queue=lambda: 0.0)
        with pytest.raises(app.WatchEnded, match="policies are not watched"):
            await app._watched(health=health)

    asyncio.run(play())
