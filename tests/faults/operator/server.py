"""A real API server with the manifests on it, and the way to it past any proxy."""

from __future__ import annotations

import json
import shutil
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.cluster.envtest import api_server, find_programs
from tests.support.kubectl import Kubectl

REPOSITORY = Path(__file__).parents[3]
#: Longest line of a watch.
_MAX_LINE = 8 * 2**20

POLICIES = "/apis/retrain.dev/v1alpha1"
GROUPS = {
    "retrainpolicies": POLICIES,
    "cronjobs": "/apis/batch/v1",
    "jobs": "/apis/batch/v1",
    "configmaps": "/api/v1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """`operator_token` has the rights of the manifests, `admin_token` all."""

    url: str
    ca: str
    admin_token: str
    operator_token: str


@contextmanager
def ready_server() -> Iterator[Server]:
    """A fresh API server with the manifests applied, the rights to publish among them."""
    programs = find_programs()
    own = programs / "kubectl"
    binary = str(own) if own.exists() else shutil.which("kubectl")
    assert binary is not None, "kubectl is not installed"
    with api_server(programs=programs) as server:
        kubectl = Kubectl(binary=binary, kubeconfig=server.kubeconfig)
        for folder in ("crds", "tests/control_plane/publishing"):
            kubectl("apply", "-k", str(REPOSITORY / folder))
        kubectl.await_kind("rtp")
        token = kubectl("create", "token", "retrain-operator", "--namespace=retrain-system", "--duration=24h")
        yield Server(url=server.server, ca=str(server.ca), admin_token=server.token, operator_token=token)


class ApiError(AssertionError):
    """The API server refused what a person or the kubelet did; `code` is the HTTP code."""

    def __init__(self, *, code: int, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code


class Api:
    """The API server as its administrator uses it, past any proxy. `async with` keeps the connections."""

    def __init__(self, *, server: Server) -> None:
        self._url = server.url
        self._headers = {"Authorization": f"Bearer {server.admin_token}"}
        self._tls = ssl.create_default_context(cafile=server.ca)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Api:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._tls, limit=0), headers=self._headers, read_bufsize=_MAX_LINE
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._session is not None
        await self._session.close()

    async def call(
        self, verb: str, path: str, body: Mapping[str, Any] | None = None, *, content_type: str = "application/json"
    ) -> dict[str, Any]:
        """One request. Raises ApiError."""
        assert self._session is not None
        content = None if body is None else json.dumps(body)
        headers = {"Content-Type": content_type}
        async with self._session.request(verb, self._url + path, data=content, headers=headers) as answer:
            text = await answer.text()
            if answer.status >= 400:
                raise ApiError(code=answer.status, text=text[:500])
            found: dict[str, Any] = json.loads(text)
            return found

    async def watch(self, path: str) -> AsyncIterator[dict[str, Any]]:
        """Every event from now on; what exists comes first, as ADDED."""
        assert self._session is not None
        timeout = aiohttp.ClientTimeout(total=None)
        async with self._session.get(f"{self._url}{path}?watch=true", timeout=timeout) as answer:
            if answer.status != 200:
                raise ApiError(code=answer.status, text=await answer.text())
            while line := await answer.content.readline():
                yield json.loads(line)
