"""A replica and its Lease on a real socket, with a clock that the test holds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from kubernetes.aio import client
from retrain_operator.kube.client import KubeApi
from retrain_operator.leader.election import LeaseTimes
from retrain_operator.leader.lease import Leader

PATH = "/apis/coordination.k8s.io/v1/namespaces/n/leases"


@dataclass
class Server:
    """One Lease. `slow`: seconds of the test's clock that the next answer to a question takes."""

    clock: float = 100.0
    slow: float = 0.0
    version: int = 0
    body: dict[str, Any] = field(default_factory=dict)

    async def read(self, _: web.Request) -> web.Response:
        self.clock, self.slow = self.clock + self.slow, 0.0
        if not self.body:
            return web.json_response({"kind": "Status", "code": 404}, status=404)
        return web.json_response(self.body)

    async def write(self, request: web.Request) -> web.Response:
        self.hold(await request.json())
        return web.json_response(self.body)

    def hold(self, body: dict[str, Any]) -> None:
        """Stores it under the next version."""
        self.version += 1
        self.body = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}


def played(play: Callable[[Server, Leader], Awaitable[None]]) -> None:
    async def run() -> None:
        server = Server()
        application = web.Application()
        application.router.add_get(f"{PATH}/l", server.read)
        application.router.add_post(PATH, server.write)
        application.router.add_put(f"{PATH}/l", server.write)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, host="127.0.0.1", port=0).start()
        configuration = client.Configuration(host=f"http://127.0.0.1:{runner.addresses[0][1]}")
        api = KubeApi(configuration=configuration)
        leader = Leader(
            api=api,
            namespace="n",
            name="l",
            identity="me",
            times=LeaseTimes(duration=15, deadline=10, retry=0.005),
            clock=lambda: server.clock,
            now=lambda: datetime(2026, 3, 1, tzinfo=UTC),
        )
        try:
            async with asyncio.timeout(20):
                await play(server, leader)
        finally:
            await api.close()
            await runner.cleanup()

    asyncio.run(run())


def test_a_leader_that_slept_and_still_has_the_lease_looks_at_every_policy_again() -> None:
    """What came while it could not know whether it leads was passed over."""

    async def play(server: Server, leader: Leader) -> None:
        elected: list[float] = []
        holding = asyncio.create_task(leader.hold(elected=lambda: elected.append(server.clock)))
        try:
            while len(elected) < 1:
                await asyncio.sleep(0.005)
            server.clock += 20
            while len(elected) < 2:
                assert not holding.done()
                await asyncio.sleep(0.005)
            assert leader.leads()
        finally:
            holding.cancel()
            await asyncio.gather(holding, return_exceptions=True)

    played(play)


def test_a_candidate_counts_from_when_the_answer_was_here() -> None:
    """The holder may have renewed while the question was under way."""

    async def play(server: Server, leader: Leader) -> None:
        spec = {"holderIdentity": "other", "leaseDurationSeconds": 15, "leaseTransitions": 0}
        server.hold({"metadata": {"name": "l", "namespace": "n"}, "spec": spec})
        server.slow = 5
        await leader._look()  # asked at 100, answered at 105
        server.clock = 117
        await leader._look()
        assert not leader.leads()  # 12 s since it was seen
        server.clock = 120.5
        await leader._look()
        assert leader.leads()

    played(play)
