"""/healthz and /readyz for the kubelet, in the operator's own event loop: a loop that hangs does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from aiohttp import web


class Health:
    """Reads what the parts say of themselves; ages are in seconds of the event loop's clock."""

    def __init__(self, *, stuck_seconds: float, oldest_in_queue: Callable[[], float]) -> None:
        self.ready = False
        self._stuck_seconds = stuck_seconds
        self._oldest_in_queue = oldest_in_queue
        self._listed_at = asyncio.get_running_loop().time()
        self._watched_at = self._listed_at
        self.watching = asyncio.Event()

    def watches(self) -> None:
        """Policies are about to be watched; a watch lasts five minutes, then comes the next one."""
        self._watched_at = asyncio.get_running_loop().time()
        self.watching.set()

    def listed(self) -> None:
        """A full list of every kind has just succeeded."""
        self._listed_at = asyncio.get_running_loop().time()

    def problem(self) -> str | None:
        """Why the operator should be started anew, or None."""
        silent = asyncio.get_running_loop().time() - self._listed_at
        if silent > self._stuck_seconds:
            return f"no full list for {silent:.0f} s"
        unwatched = asyncio.get_running_loop().time() - self._watched_at
        if unwatched > self._stuck_seconds:
            return f"policies have not been watched anew for {unwatched:.0f} s"
        waited = self._oldest_in_queue()
        if waited > self._stuck_seconds:
            return f"a policy has waited {waited:.0f} s in the queue"
        return None


async def serve_health(*, health: Health, port: int, more: Sequence[web.RouteDef] = ()) -> web.AppRunner:
    """Serves until the runner is cleaned up; `more` are routes of others on the same port."""

    async def healthz(_: web.Request) -> web.Response:
        problem = health.problem()
        return web.Response(status=503 if problem else 200, text=problem or "ok")

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(status=200 if health.ready else 503, text="ok" if health.ready else "first lists under way")

    application = web.Application()
    application.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), *more])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, port=port).start()
    return runner
