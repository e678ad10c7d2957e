"""The proxy between the operator and the API server: forwards, streams watches frame by frame, and lets a fault in.

Plain HTTP on the operator's side, TLS to the API server; the operator's own token goes through, so its rights are real.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import aiohttp
from aiohttp import web
from retrain_operator.api import raw

from tests.faults.operator.faults import Call, Cut, Fault, Frame, Reply, Send, Surroundings
from tests.faults.operator.labels import Label, Labeller, Place, parsed, place_of

#: Longest line of a watch: an object and what surrounds it.
_MAX_LINE = 8 * 2**20
_OURS = ("policy", "cronjob", "job")
_NOT_PASSED_ON = {"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "content-encoding"}


class Proxy:
    """One operator's way to the API server. `async with` serves on a free port."""

    def __init__(self, *, server: str, ca: str) -> None:
        self._server = server
        self._tls = ssl.create_default_context(cafile=ca)
        self._labels = Labeller()
        self._upstream: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None
        self._watches: Counter[str] = Counter()
        self._serving: set[asyncio.Task[Any]] = set()
        self.fault = Fault("none")
        self.url = ""
        #: Labels of writes since `arm`, in order, with the code of the answer (0: none was given).
        self.writes: list[tuple[Label, int]] = []
        #: Labels of reads of one object, of pods and of Events since `arm`, in order.
        self.reads: list[Label] = []
        #: Labels of frames since `arm`, in order.
        self.frames: list[Label] = []
        #: Full lists of each kind that were answered, ever.
        self.lists: Counter[str] = Counter()
        #: The last of them.
        self.listed: dict[str, Reply] = {}

    async def __aenter__(self) -> Proxy:
        connector = aiohttp.TCPConnector(ssl=self._tls, limit=0)
        self._upstream = aiohttp.ClientSession(
            connector=connector, read_bufsize=_MAX_LINE, timeout=aiohttp.ClientTimeout(total=None)
        )
        application = web.Application(client_max_size=_MAX_LINE)
        application.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host="127.0.0.1", port=0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.fault.close()
        assert self._runner is not None
        assert self._upstream is not None
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._runner.cleanup()
        await self._upstream.close()

    def arm(self, fault: Fault, *, kill: Callable[[], None]) -> None:
        """Counts and lets `fault` in from now on."""
        fault.around = Surroundings(kill=kill, lists=lambda: self.lists["job"], listed=self.listed)
        fault.armed()
        self._labels.restart()
        self.writes.clear()
        self.reads.clear()
        self.frames.clear()
        self.fault = fault

    def watching(self) -> bool:
        """Is a watch open on each kind?"""
        return all(self._watches[kind] > 0 for kind in _OURS)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            return await self._answer(request)
        finally:
            self._serving.discard(task)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        content = await request.read()
        place = place_of(request.path)
        what = self._labels.what(place=place, body=parsed(content) if request.method == "POST" else {})
        watches = request.query.get("watch") in ("true", "1")
        call = Call(
            label=self._labels.label(verb="WATCH" if watches else request.method, what=what),
            path=request.path,
            again=partial(self._again, request, content),
            list_of=place.kind if request.method == "GET" and not place.name and not watches else "",
            watch_of=place.kind if watches else "",
        )
        try:
            if watches:
                return await self._watch(request, call, place)
            reply = await self._exchange(request, call, content)
            return web.Response(status=reply.status, body=reply.content, headers=_passed_on(reply.headers))
        except (Cut, aiohttp.ClientError):
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=502)

    async def _exchange(self, request: web.Request, call: Call, content: bytes) -> Reply:
        fault = self.fault
        entry = len(self.writes)
        if call.label.writes:
            self.writes.append((call.label, 0))
        elif call.list_of not in _OURS and call.label.what != "discovery" and not _again_and_again(call.label):
            self.reads.append(call.label)
        reply = await fault.before(call)
        if reply is None:
            reply = await self._forward(request, content)
            if call.label.writes and entry < len(self.writes) and self.writes[entry][0] is call.label:
                self.writes[entry] = (call.label, reply.status)
            reply = await fault.after(call, reply)
        if call.list_of and reply.status == 200:
            self.lists[call.list_of] += 1
            self.listed[call.list_of] = reply
        return reply

    async def _forward(self, request: web.Request, content: bytes) -> Reply:
        assert self._upstream is not None
        async with self._upstream.request(
            request.method, self._server + request.raw_path, headers=_passed_on(request.headers), data=content or None
        ) as answer:
            return Reply(status=answer.status, content=await answer.read(), headers=dict(answer.headers))

    async def _again(self, request: web.Request, content: bytes) -> None:
        await self._forward(request, content)

    async def _watch(self, request: web.Request, call: Call, place: Place) -> web.StreamResponse:
        refused = await self.fault.before(call)
        if refused is not None:
            return web.Response(status=refused.status, body=refused.content, headers=_passed_on(refused.headers))
        assert self._upstream is not None
        async with self._upstream.get(self._server + request.raw_path, headers=_passed_on(request.headers)) as answer:
            response = web.StreamResponse(status=answer.status, headers=_passed_on(answer.headers))
            await response.prepare(request)

            async def send(line: bytes) -> None:
                if request.transport is not None and not request.transport.is_closing():
                    await response.write(line)

            self._watches[call.watch_of] += 1
            try:
                await self._pump(answer, place, send, self.fault.opened(call))
            finally:
                self._watches[call.watch_of] -= 1
            return response

    async def _pump(self, answer: aiohttp.ClientResponse, place: Place, send: Send, frames_wanted: bool) -> None:
        while frames_wanted and (line := await answer.content.readline()):
            event = parsed(line)
            verb, body = str(event.get("type")), raw.mapping(event.get("object"))
            what = self._labels.what(place=Place(kind=place.kind, namespace=place.namespace), body=body)
            label = self._labels.label(verb=verb, what=what)
            if verb != "BOOKMARK":
                self.frames.append(label)
            for one in await self.fault.frame(Frame(label=label, watch_of=place.kind, line=line), send):
                await send(one)


def _again_and_again(label: Label) -> bool:
    """What is published is read at each full list, however many there are."""
    return label.what.startswith("configmap ") and label.nth > 1


def _passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _NOT_PASSED_ON}
