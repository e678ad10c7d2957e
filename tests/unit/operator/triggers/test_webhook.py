"""The endpoint that Alertmanager calls, over a real socket: who may, and when it says yes."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from retrain_operator.api.policy import PolicyKey
from retrain_operator.cache import Cache
from retrain_operator.metrics.counts import Counts
from retrain_operator.queue import WorkQueue
from retrain_operator.triggers.signals import Signals
from retrain_operator.triggers.webhook import Webhook, serve_webhook

from tests.builders import POLICY_UID, a_policy
from tests.unit.operator.triggers.test_alertmanager import alert, notification

NOON = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
WAITS = {"triggers": {"webhook": {"matchLabels": {"alertname": "PredictionsDrift"}}}}
KEY = PolicyKey(namespace="team-a", name="flight-delays")
TOKEN = {"Authorization": "Bearer secret"}


class Desk:
    """The endpoint, and an operator that may write what it hears into the status."""

    def __init__(self, *, folder: Path) -> None:
        self.token = folder / "token"
        self.token.write_text("secret\n")
        self.cache, self.queue, self.signals = Cache(), WorkQueue(), Signals()
        self.cache.put_policy(a_policy(resource_version="1", spec=WAITS))
        self.ready, self.counts, self.now = True, Counts(), NOON
        self.url = ""

    @contextlib.asynccontextmanager
    async def open(self, *, seconds: float = 0.2) -> AsyncIterator[aiohttp.ClientSession]:
        webhook = Webhook(
            cache=self.cache,
            queue=self.queue,
            signals=self.signals,
            ready=lambda: self.ready,
            now=lambda: self.now,
            token_file=self.token,
            timeout_seconds=seconds,
            counts=self.counts,
        )
        runner = await serve_webhook(webhook=webhook, port=0)
        # Of IPv4 and IPv6 each has a free port of its own.
        port = next(address[1] for address in runner.addresses if address[0] == "0.0.0.0")
        self.url = f"http://127.0.0.1:{port}/alertmanager"
        try:
            async with aiohttp.ClientSession() as session:
                yield session
        finally:
            await runner.cleanup()

    def later(self, **time: float) -> None:
        """Time goes by."""
        self.now += timedelta(**time)

    def write(self, *, fired: str) -> None:
        """What the controller does."""
        status = {"triggers": {"webhook": {"fired": fired}}}
        self.cache.put_policy(a_policy(resource_version="2", spec=WAITS, status=status))

    async def told(
        self, session: aiohttp.ClientSession, body: bytes, headers: dict[str, str] = TOKEN
    ) -> tuple[int, dict[str, Any], str | None]:
        async with session.post(self.url, data=body, headers=headers) as answer:
            return answer.status, await answer.json(), answer.headers.get("Connection")


def test_it_says_yes_once_the_status_holds_the_call(tmp_path: Path) -> None:
    async def play() -> None:
        desk = Desk(folder=tmp_path)
        async with desk.open(seconds=5) as session:
            asking = asyncio.create_task(desk.told(session, notification(alert())))
            async with asyncio.timeout(5):
                assert await desk.queue.get() == KEY
            assert not asking.done()
            assert (found := desk.signals.alert(policy_uid=POLICY_UID)) is not None
            assert found.began == datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
            desk.write(fired="2026-03-01T12:00:00Z")
            assert await asking == (200, {"alerts": 1, "policies": ["team-a/flight-delays"]}, None)
            # A repeat is answered at once.
            assert (await desk.told(session, notification(alert())))[0] == 200

    asyncio.run(play())


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        pytest.param(notification(alert(namespace="team-b")), {"alerts": 1, "policies": []}, id="nobody waits for it"),
        pytest.param(notification(alert(status="resolved")), {"alerts": 0, "policies": []}, id="it is over"),
    ],
)
def test_what_calls_nobody_is_taken(tmp_path: Path, body: bytes, answer: dict[str, Any]) -> None:
    async def play() -> None:
        desk = Desk(folder=tmp_path)
        async with desk.open() as session:
            assert await desk.told(session, body) == (200, answer, None)
            assert len(desk.queue) == 0

    asyncio.run(play())


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({}, id="none"),
        pytest.param({"Authorization": "Bearer wrong"}, id="another"),
        pytest.param({"Authorization": "Bearer secret2"}, id="a longer one"),
        pytest.param({"Authorization": "Bearer "}, id="an empty one"),
        pytest.param({"Authorization": "Basic secret"}, id="not as a bearer token"),
        pytest.param({"Authorization": "Bearer sécret"}, id="letters that no header holds"),
        pytest.param({"Authorization": "Bearer \udcff"}, id="a byte that is no letter"),
    ],
)
def test_without_the_token_nothing_is_read(tmp_path: Path, header: dict[str, str]) -> None:
    async def play() -> None:
        desk = Desk(folder=tmp_path)
        async with desk.open() as session:
            status, _, _ = await desk.told(session, notification(alert()), header)
            assert status == 401
            assert len(desk.queue) == 0

    asyncio.run(play())


@pytest.mark.parametrize(
    ("why", "words"),
    [
        ("another replica leads", "another replica leads"),
        ("the status is not written in time", "not written yet"),
        ("the token file is gone", "no token"),
    ],
)
def test_alertmanager_is_asked_to_try_again_elsewhere(tmp_path: Path, why: str, words: str) -> None:
    async def play() -> None:
        desk = Desk(folder=tmp_path)
        desk.ready = why != "another replica leads"
        if why == "the token file is gone":
            desk.token.unlink()
        async with desk.open() as session:
            status, answer, connection = await desk.told(session, notification(alert()))
            assert (status, connection) == (503, "close")
            assert words in answer["error"]

    asyncio.run(play())


def test_an_empty_token_file_lets_nobody_in(tmp_path: Path) -> None:
    async def play() -> None:
        desk = Desk(folder=tmp_path)
        desk.token.write_text("\n")
        async with desk.open() as session:
            assert (await desk.told(session, notification(alert()), {"Authorization": "Bearer "}))[0] == 401

    asyncio.run(play())


def test_a_token_is_rotated_without_a_restart(tmp_path: Path) -> None:
    async def play() -> None:
        desk = Desk(folder=tmp_path)
        async with desk.open() as session:
            desk.token.write_text("other")
            assert (await desk.told(session, notification(), TOKEN))[0] == 401
            assert (await desk.told(session, notification(), {"Authorization": "Bearer other"}))[0] == 200

    asyncio.run(play())


@pytest.mark.parametrize(("size", "status"), [(1, 400), (4 * 2**20 + 1, 413)])
def test_what_is_no_notification_is_refused(tmp_path: Path, size: int, status: int) -> None:
    async def play() -> None:
        desk = Desk(folder=tmp_path)
        async with (
            desk.open() as session,
            session.post(desk.url, data=io.BytesIO(b"{" * size), headers=TOKEN) as answer,
        ):
            assert answer.status == status

    asyncio.run(play())


def test_notifications_are_counted_by_their_answer(tmp_path: Path) -> None:
    async def play() -> None:
        desk = Desk(folder=tmp_path)
        async with desk.open() as session:
            await desk.told(session, notification())
            await desk.told(session, b"{")
            await desk.told(session, notification(), {})
            desk.ready = False
            await desk.told(session, notification())
            desk.ready = True
            async with session.post(desk.url, data=io.BytesIO(b" " * (5 * 2**20)), headers=TOKEN) as answer:
                assert answer.status == 413

        def count(code: int) -> float | None:
            return desk.counts.registry.get_sample_value("retrain_operator_webhook_requests_total", {"code": str(code)})

        assert {code: count(code) for code in (200, 400, 401, 413, 503, 500)} == {
            **dict.fromkeys((200, 400, 401, 413, 503), 1.0),
            500: 0.0,
        }

    asyncio.run(play())


def test_an_alert_of_a_clock_ahead_of_ours_is_one_alert_however_often_it_is_told(tmp_path: Path) -> None:
    async def play() -> None:
        desk = Desk(folder=tmp_path)
        ahead = notification(alert(starts="2026-03-01T12:40:00Z"))  # now is 12:30
        async with desk.open(seconds=2) as session:
            asking = asyncio.create_task(desk.told(session, ahead))
            async with asyncio.timeout(5):
                assert await desk.queue.get() == KEY
            desk.write(fired="2026-03-01T12:30:00Z")
            assert (await asking)[0] == 200
            assert desk.signals.alert(policy_uid=POLICY_UID) is None  # the status holds it
            desk.later(minutes=4)
            assert (await desk.told(session, ahead))[0] == 200  # written already: nothing to wait for
            later = notification(alert(starts="2026-03-01T12:41:00Z"))
            assert (await desk.told(session, later))[0] == 503  # another one: nobody writes it here
            assert (found := desk.signals.alert(policy_uid=POLICY_UID)) is not None
            assert found.began == datetime(2026, 3, 1, 12, 34, tzinfo=UTC)

    asyncio.run(play())


def test_nesting_without_end_is_no_notification(tmp_path: Path) -> None:
    async def play() -> None:
        desk = Desk(folder=tmp_path)
        async with desk.open() as session:
            assert (await desk.told(session, b"[" * 100_000))[0] == 400

    asyncio.run(play())
