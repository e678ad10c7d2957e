"""A watch that goes on where it ended, against a server that says line by line what the test wants it to say."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio import client
from retrain_operator.api.policy import PolicyKey
from retrain_operator.cache import Cache
from retrain_operator.kube.client import KubeApi
from retrain_operator.lists import JOBS
from retrain_operator.queue import WorkQueue
from retrain_operator.reflector import Reflector
from retrain_operator.settings import Settings

from tests.builders import a_job, a_policy

KEY = PolicyKey(namespace="team-a", name="flight-delays")
#: Seconds; what stands in for the five after which a watch was a good one.
LASTED = 0.05
QUICK = Settings(inactivity_seconds=0.3, backoff_first_seconds=0.01, backoff_last_seconds=0.02)

#: What the server does with the n-th watch; after the last it says nothing and stays open.
Turn = Callable[[web.Request], Awaitable[web.StreamResponse]]


def event(kind: str, *, version: str, **job: Any) -> bytes:
    return json.dumps({"type": kind, "object": a_job(resource_version=version, **job)}).encode() + b"\n"


def bookmark(version: str) -> bytes:
    told = {"type": "BOOKMARK", "object": {"kind": "Job", "metadata": {"resourceVersion": version}}}
    return json.dumps(told).encode() + b"\n"


def failure(code: int) -> Mapping[str, Any]:
    return {"kind": "Status", "code": code, "reason": "Expired" if code == 410 else "Busy", "message": "injected"}


def says(*parts: bytes, stays: bool = False) -> Turn:
    """These bytes, each on its own, and the end (or silence)."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for part in parts:
            await response.write(part)
            await asyncio.sleep(0.01)
        if stays:
            await asyncio.sleep(60)
        return response

    return answer


def refuses(code: int, **headers: str) -> Turn:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response(failure(code), status=code, headers=headers)

    return answer


async def drops(request: web.Request) -> web.StreamResponse:
    """The connection ends without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def slowly(turn: Turn) -> Turn:
    """The same, after a while."""

    async def answer(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(2 * LASTED)
        return await turn(request)

    return answer


@dataclass
class Server:
    """`asked`: the versions from which it was asked to watch, in order; `lists`: how often it was listed.

    `gaps`: seconds from the end of an answer to the next question.
    """

    turns: Sequence[Turn]
    listed: Sequence[Mapping[str, Any]] = ()
    list_turns: Sequence[Turn] = ()
    asked: list[str] = field(default_factory=list)
    lists: int = 0
    gaps: list[float] = field(default_factory=list)
    ended: float | None = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        clock = asyncio.get_running_loop().time
        if self.ended is not None:
            self.gaps.append(clock() - self.ended)
        try:
            return await self._answer(request)
        finally:
            self.ended = clock()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            self.lists += 1
            if self.lists <= len(self.list_turns):
                return await self.list_turns[self.lists - 1](request)
            return web.json_response({"metadata": {"resourceVersion": "100"}, "items": list(self.listed)})
        assert request.query["labelSelector"] == JOBS.selector
        self.asked.append(request.query["resourceVersion"])
        number = len(self.asked) - 1
        turn = self.turns[number] if number < len(self.turns) else says(stays=True)
        return await turn(request)


def watched(server: Server, *, cache: Cache, until: Callable[[], bool], settings: Settings = QUICK) -> set[PolicyKey]:
    """Follows from version 10 on until the test has seen enough; the policies that are to be looked at."""
    woken: set[PolicyKey] = set()

    async def play() -> None:
        application = web.Application()
        application.router.add_get("/apis/batch/v1/jobs", server.answer)
        runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, host="127.0.0.1", port=0)
        await site.start()
        api = KubeApi(configuration=client.Configuration(host=f"http://127.0.0.1:{runner.addresses[0][1]}"))
        queue = WorkQueue()
        reflector = Reflector(api=api, cache=cache, queue=queue, kind=JOBS, namespace=None, settings=settings)
        task = asyncio.create_task(reflector.follow(since="10"))
        try:
            async with asyncio.timeout(10):
                while not until():
                    assert not task.done(), task.exception()
                    await asyncio.sleep(0.005)
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            while len(queue):
                woken.add(await queue.get())
            await api.close()
            await runner.cleanup()

    asyncio.run(play())
    return woken


def known() -> Cache:
    cache = Cache()
    cache.put_policy(a_policy(resource_version="5"))
    return cache


def jobs(cache: Cache) -> list[str]:
    return [job.resource_version for job in cache.jobs(cache.policies[KEY])]


@pytest.mark.parametrize(
    ("turns", "asked"),
    [
        pytest.param([says(event("ADDED", version="11"))], ["10", "11"], id="ended by the server"),
        pytest.param([says(event("ADDED", version="11"), bookmark("90"))], ["10", "90"], id="a bookmark tells how far"),
        pytest.param(
            [says(event("ADDED", version="11"), event("MODIFIED", version="12")[:30])],
            ["10", "11"],
            id="cut in the middle of an event, which is told again",
        ),
        pytest.param([says(event("ADDED", version="11"), stays=True)], ["10", "11"], id="silent for too long"),
        pytest.param([drops, says(event("ADDED", version="11"))], ["10", "10", "11"], id="dropped without an answer"),
        pytest.param([refuses(503), says(event("ADDED", version="11"))], ["10", "10", "11"], id="refused for a while"),
        pytest.param(
            [says(event("ADDED", version="11"), b'{"type": "ERROR", "object": {"code": 500}}\n')],
            ["10", "11"],
            id="an error in the stream",
        ),
        pytest.param(
            [says(event("ADDED", version="11"), b"<html>\n")], ["10", "11"], id="something that is no event at all"
        ),
    ],
)
def test_it_goes_on_where_it_was(turns: Sequence[Turn], asked: Sequence[str]) -> None:
    server, cache = Server(turns=turns), known()
    woken = watched(server, cache=cache, until=lambda: len(server.asked) >= len(asked))
    assert server.asked[: len(asked)] == asked
    assert server.lists == 0
    assert jobs(cache) == ["11"]
    assert woken == {KEY}


@pytest.mark.parametrize(
    "turn",
    [
        pytest.param(refuses(410), id="410 as the answer"),
        pytest.param(
            says(json.dumps({"type": "ERROR", "object": failure(410)}).encode() + b"\n"), id="410 in the stream"
        ),
    ],
)
def test_what_is_too_old_is_listed_anew_and_every_policy_looked_at(turn: Turn) -> None:
    server, cache = Server(turns=[turn]), known()
    cache.put_job(a_job(resource_version="9"))  # its end was not told
    woken = watched(server, cache=cache, until=lambda: len(server.asked) >= 2)
    assert server.asked[:2] == ["10", "100"]
    assert server.lists == 1
    assert jobs(cache) == []
    assert woken == {KEY}


def test_an_event_in_many_pieces_and_two_in_one_are_heard() -> None:
    first, second = event("ADDED", version="11"), event("MODIFIED", version="12")
    pieces = [first[:7], first[7:50], first[50:] + second + event("MODIFIED", version="13")[:-1], b"\n"]
    server, cache = Server(turns=[says(*pieces, stays=True)]), known()
    watched(server, cache=cache, until=lambda: jobs(cache) == ["13"])


def test_a_job_that_leaves_the_watch_is_dropped() -> None:
    server, cache = Server(turns=[says(event("ADDED", version="11"), event("DELETED", version="12"))]), known()
    woken = watched(server, cache=cache, until=lambda: len(server.asked) == 2)
    assert (jobs(cache), woken) == ([], {KEY})


@pytest.mark.parametrize(
    ("turns", "lists", "together"),
    [
        pytest.param([slowly(refuses(503))] * 3, [], 1, id="refused after a while"),
        pytest.param([slowly(drops)] * 6, [], 2, id="dropped after a while; aiohttp itself asks once more"),
        pytest.param([slowly(says(b"<html>\n"))] * 3, [], 1, id="answered after a while, by no API server"),
        pytest.param([refuses(410)], [slowly(refuses(503))] * 2, 1, id="a list is needed, and refused after a while"),
    ],
)
def test_what_fails_slowly_is_not_repeated_at_once(
    turns: Sequence[Turn], lists: Sequence[Turn], together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrain_operator.reflector._LASTED", LASTED)
    patient = Settings(inactivity_seconds=5, backoff_first_seconds=0.2, backoff_last_seconds=0.4)
    server = Server(turns=turns, list_turns=lists)
    watched(server, cache=known(), until=lambda: len(server.gaps) >= 3 * together, settings=patient)
    first, *later = server.gaps[together - 1 : 3 * together : together]
    assert first >= 0.19
    assert min(later) >= 0.39  # doubled


@pytest.mark.parametrize(
    "turn",
    [
        pytest.param(slowly(says(event("ADDED", version="11"))), id="it ended after a while"),
        pytest.param(slowly(says()), id="it ended after a while without a change"),
        pytest.param(says(event("ADDED", version="11"), stays=True), id="it went silent"),
        pytest.param(says(stays=True), id="it was silent from the first"),
    ],
)
def test_a_watch_that_lasted_begins_anew_at_once(turn: Turn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrain_operator.reflector._LASTED", LASTED)
    patient = Settings(inactivity_seconds=0.3, backoff_first_seconds=60, backoff_last_seconds=60)
    server = Server(turns=[turn, turn])
    watched(server, cache=known(), until=lambda: len(server.asked) >= 3, settings=patient)  # within its ten seconds


def test_retry_after_is_kept_to_where_the_refusal_took_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrain_operator.reflector._LASTED", LASTED)
    server = Server(turns=[slowly(refuses(429, **{"Retry-After": "1"}))])
    watched(server, cache=known(), until=lambda: len(server.asked) >= 2)
    assert server.gaps[0] >= 0.9


def test_retry_after_is_kept_to() -> None:
    server, cache = Server(turns=[refuses(429, **{"Retry-After": "1"})]), known()
    loop_times: list[float] = []

    def enough() -> bool:
        if len(server.asked) > len(loop_times):
            loop_times.append(asyncio.get_running_loop().time())
        return len(server.asked) >= 2

    watched(server, cache=cache, until=enough)
    assert loop_times[1] - loop_times[0] >= 0.9
