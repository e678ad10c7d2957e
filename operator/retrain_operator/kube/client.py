"""One way to the API server: raw JSON in, raw JSON out, typed errors, counted requests.

The generated classes of kubernetes.aio are not used: parsing each object into models costs more than the request, and
the plan reads slim views. Its connection pool, TLS and token refresh are.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal

import aiohttp
from kubernetes.aio import client, config

from retrain_operator.api import raw
from retrain_operator.metrics.counts import Counts
from retrain_operator.metrics.requests import resource_of, verb_of

Verb = Literal["GET", "POST", "PUT", "PATCH"]

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
JSON = "application/json"


class ApiError(Exception):
    """The API server said no: `status` is the HTTP code, `reason` its word (`AlreadyExists`), `message` a sentence."""

    def __init__(self, *, status: int, reason: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after


async def load_configuration(*, context: str | None = None) -> client.Configuration:
    """In a pod the ServiceAccount's, else the user's kubeconfig."""
    configuration = client.Configuration()
    try:
        config.load_incluster_config(client_configuration=configuration)
    except config.ConfigException:
        await config.load_kube_config(context=context, client_configuration=configuration)
    return configuration


class KubeApi:
    """The API server, as the operator uses it. Close it when done.

    `timeout_seconds` bounds one request; connecting is given 5 s.
    """

    def __init__(
        self, *, configuration: client.Configuration, timeout_seconds: float = 30, counts: Counts | None = None
    ) -> None:
        # Each watch holds a connection, and there may be two a namespace; requests are bounded by the workers.
        configuration.connection_pool_maxsize = 0
        self.configuration = configuration
        self.counts = counts or Counts()
        self._client = client.ApiClient(configuration)
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds, connect=5)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()

    async def request(
        self,
        verb: Verb,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = JSON,
    ) -> dict[str, Any]:
        """One request.

        Raises:
            ApiError: the server answered with a code of 400 or more.
            aiohttp.ClientError, TimeoutError: it did not answer.
        """
        # Set explicitly: with another content type the client would turn a patch into a strategic merge.
        url, headers = await self._addressed(verb, path, query=query or {}, content_type=content_type)
        code: int | None = None
        try:
            response = await self._client.call_api(
                verb, url, header_params=headers, body=body, _request_timeout=self._timeout
            )
            content: bytes = await response.read()
            code = response.status
        finally:
            named = verb_of(method=verb, path=path, watch=False)
            self.counts.requested(verb=named, resource=resource_of(path), code=code)
        if response.status >= 400:
            raise _api_error(status=response.status, content=content, retry_after=response.getheader("Retry-After"))
        answer: dict[str, Any] = json.loads(content)
        return answer

    @asynccontextmanager
    async def stream(
        self, path: str, *, query: Mapping[str, str], inactivity_seconds: float
    ) -> AsyncIterator[aiohttp.StreamReader]:
        """The body of a watch as it comes. Raises as `request` does; TimeoutError also after so much silence."""
        url, headers = await self._addressed("GET", path, query=query, content_type=JSON)
        timeout = aiohttp.ClientTimeout(total=None, connect=5, sock_read=inactivity_seconds)
        code: int | None = None
        try:
            response = await self._client.call_api("GET", url, header_params=headers, _request_timeout=timeout)
            code = response.status
        finally:
            resource = resource_of(path)
            self.counts.requested(verb="watch", resource=resource, code=code)
            self.counts.watching(resource=resource, path=path)
        try:
            if response.status >= 400:
                wait = response.getheader("Retry-After")
                raise _api_error(status=response.status, content=await response.read(), retry_after=wait)
            yield response.response.content
        finally:
            response.response.close()

    async def _addressed(
        self, verb: Verb, path: str, *, query: Mapping[str, str], content_type: str
    ) -> tuple[str, dict[str, str]]:
        """URL and headers, with a token that is refreshed when it is due."""
        _, url, headers, _, _ = await self._client.param_serialize(
            verb,
            path,
            query_params=list(query.items()),
            header_params={"Accept": JSON, "Content-Type": content_type},
            auth_settings=["BearerToken"],
        )
        return url, headers


def _api_error(*, status: int, content: bytes, retry_after: str | None) -> ApiError:
    try:
        answer: Any = json.loads(content)
    except ValueError:
        answer = None
    return ApiError(
        status=status,
        reason=raw.text(raw.at(answer, "reason")) or "Unknown",
        message=raw.text(raw.at(answer, "message")) or raw.cut(content.decode(errors="replace"), 200),
        retry_after=float(retry_after) if retry_after is not None and retry_after.isdigit() else None,
    )
