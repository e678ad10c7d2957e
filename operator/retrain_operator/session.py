"""The watch's HTTP session, which counts what is asked: kopf makes the requests, and tells nobody of them."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import aiohttp
from yarl import URL

from retrain_operator.metrics.counts import Counts
from retrain_operator.metrics.requests import resource_of, verb_of


def counting_session(
    *, tls: ssl.SSLContext, headers: Mapping[str, str], counts: Counts, watches: Callable[[], None]
) -> aiohttp.ClientSession:
    """A session without a bound on its connections (each watch holds one); whoever gets it closes it.

    `watches` is called whenever a watch is asked for.
    """

    def count(method: str, url: URL, code: int | None) -> None:
        is_watch = url.query.get("watch") == "true"
        resource = resource_of(url.path)
        counts.requested(verb=verb_of(method=method, path=url.path, watch=is_watch), resource=resource, code=code)
        if is_watch:
            counts.watching(resource=resource, path=url.path)

    async def asked(_: Any, __: SimpleNamespace, told: aiohttp.TraceRequestStartParams) -> None:
        if told.url.query.get("watch") == "true":
            watches()

    async def ended(_: Any, __: SimpleNamespace, told: aiohttp.TraceRequestEndParams) -> None:
        count(told.method, told.url, told.response.status)

    async def failed(_: Any, __: SimpleNamespace, told: aiohttp.TraceRequestExceptionParams) -> None:
        count(told.method, told.url, None)

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(asked)
    trace.on_request_end.append(ended)
    trace.on_request_exception.append(failed)
    connector = aiohttp.TCPConnector(limit=0, ssl=tls)
    return aiohttp.ClientSession(connector=connector, headers=headers, trace_configs=[trace])
