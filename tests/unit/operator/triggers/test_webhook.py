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
from retrain_operator.planning.calls import next_triggers
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


#: The minute when something is told, and of each alert the one when it began by the clock of whoever raised it; None:
#: the operator is started anew, and remembers nothing.
Told = tuple[float, dict[str, float]] | None


def tells(minute: float, **began: float) -> Told:
    """Alertmanager tells of alerts that fire."""
    return minute, began


def calls(told: list[Told], *, folder: Path) -> int:
    """For how many calls the status is written, with the planner in the controller's place; each must be answered."""

    async def write(desk: Desk) -> None:
        while True:
            key = await desk.queue.get()
            policy, heard = desk.cache.policies[key], desk.signals.alert(policy_uid=POLICY_UID)
            triggers = next_triggers(policy=policy, sample=None, alert=heard, now=desk.now)
            if triggers != policy.status.get("triggers", {}):
                written.append(triggers["webhook"]["fired"])
                body = a_policy(resource_version=str(len(written) + 1), spec=WAITS, status={"triggers": triggers})
                desk.cache.put_policy(body)
            desk.queue.done(key)

    async def play() -> None:
        desk = Desk(folder=folder)
        for each in told:
            if each is None:
                desk.signals = Signals()
                continue
            desk.now = NOON + timedelta(minutes=each[0])
            starts = {name: (NOON + timedelta(minutes=began)).isoformat() for name, began in each[1].items()}
            body = notification(*(alert(starts=began, instance=name) for name, began in starts.items()))
            async with desk.open(seconds=5) as session:
                writing = asyncio.create_task(write(desk))
                assert (await desk.told(session, body))[0] == 200
                writing.cancel()
                assert desk.signals.alert(policy_uid=POLICY_UID) is None  # the status holds it

    written: list[str] = []
    asyncio.run(play())
    assert len(set(written)) == len(written)  # each is the name of a run
    return len(written)


@pytest.mark.parametrize(
    ("told", "count"),
    [
        pytest.param([tells(0, a=0), tells(5, a=0), None, tells(240, a=0)], 1, id="one alert, told again and again"),
        pytest.param([tells(0, a=1), tells(5, a=1), None, tells(240, a=1)], 1, id="one of a clock a minute ahead"),
        pytest.param([tells(0, a=120), tells(5, a=120), None, tells(240, a=120)], 1, id="one of a clock hours ahead"),
        pytest.param([tells(0, a=-20), tells(5, a=-20), None, tells(9, a=-20)], 1, id="one of a clock behind ours"),
        pytest.param(
            [tells(0, a=20, b=20.5), tells(5, a=20, b=20.5), tells(10, b=20.5, a=20), tells(30, a=20, b=20.5)],
            1,
            id="two of a clock ahead, told at once",
        ),
        pytest.param(
            [tells(0, a=20), tells(5, b=25), *(tells(5 * n, **{"ab"[n % 2]: 20 + n % 2 * 5}) for n in range(2, 9))],
            2,
            id="two of a clock ahead, told in turns",
        ),
        pytest.param(
            [tells(0, a=20), tells(1, b=21), None, tells(5, a=20), tells(5, b=21), tells(30, a=20, b=21)],
            2,
            id="two of a clock ahead, told again after a restart",
        ),
        pytest.param(
            [tells(0, a=20), tells(1, b=21), None, tells(2, c=22), tells(3, a=20), tells(4, b=21), tells(5, c=22)],
            3,
            id="and beside a third that began after it",
        ),
        pytest.param([tells(0, a=20), tells(5, a=25), tells(9, a=25)], 2, id="it ended and began anew, ahead"),
        pytest.param([tells(0, a=20), None, tells(5, a=25), tells(9, a=25)], 2, id="and so after a restart"),
        pytest.param([tells(0, a=-20), tells(5, a=-15), tells(9, a=-15)], 2, id="it ended and began anew, behind"),
        pytest.param(
            [tells(0, a=20), tells(5, b=5), tells(9, a=20, b=5), None, tells(30, a=20, b=5)],
            2,
            id="one of a right clock after one of a clock ahead",
        ),
        pytest.param(
            [tells(0, a=20), tells(25, b=15), tells(26, b=15), None, tells(30, a=20, b=15)],
            2,
            id="and when it is told after the time of the first",
        ),
        pytest.param(
            [tells(0, a=20), tells(5, b=5), tells(6, c=6), tells(7, a=20, b=5, c=6), None, tells(9, c=6, b=5, a=20)],
            3,
            id="and another of a right clock",
        ),
        pytest.param(
            [tells(0, a=20), tells(0.5, a=19.5), tells(5, a=19.5)], 1, id="its other Prometheus saw it earlier"
        ),
        pytest.param(
            [tells(0, a=50_000), tells(5, b=5), tells(9, a=50_000, b=5), tells(10, a=50_000)],
            2,
            id="one of a clock a month ahead shuts out nobody",
        ),
        pytest.param(
            [tells(0, a=50_000), None, tells(5, b=5), tells(6, b=5), None, tells(9, b=5)],
            2,
            id="nor after a restart",
        ),
    ],
)
def test_an_alert_calls_once_whatever_the_clocks(tmp_path: Path, told: list[Told], count: int) -> None:
    assert calls(told, folder=tmp_path) == count


def test_a_call_of_a_clock_a_month_ahead_is_no_answer_to_an_alert_of_today(tmp_path: Path) -> None:
    async def play() -> None:
        desk = Desk(folder=tmp_path)
        desk.write(fired="2026-04-01T12:00:00Z")
        async with desk.open() as session:
            assert (await desk.told(session, notification(alert())))[0] == 503  # nobody writes it here
            assert desk.signals.alert(policy_uid=POLICY_UID) is not None

    asyncio.run(play())


def test_nesting_without_end_is_no_notification(tmp_path: Path) -> None:
    async def play() -> None:
        desk = Desk(folder=tmp_path)
        async with desk.open() as session:
            assert (await desk.told(session, b"[" * 100_000))[0] == 400

    asyncio.run(play())
