"""/metrics for Prometheus: on the health port, or on one of its own that a NetworkPolicy can close to others."""

from __future__ import annotations

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from retrain_operator.metrics.page import Page


def metrics_route(page: Page) -> web.RouteDef:
    """GET /metrics, compressed for whoever can read it so."""

    async def metrics(request: web.Request) -> web.Response:
        compressed = "gzip" in request.headers.get("Accept-Encoding", "")
        body = await page.render(compressed=compressed)
        headers = {"Content-Type": CONTENT_TYPE_PLAIN_0_0_4} | ({"Content-Encoding": "gzip"} if compressed else {})
        return web.Response(body=body, headers=headers)

    return web.get("/metrics", metrics)


async def serve_metrics(*, page: Page, port: int) -> web.AppRunner:
    """Serves /metrics alone, until the runner is cleaned up."""
    application = web.Application()
    application.add_routes([metrics_route(page)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, port=port).start()
    return runner
