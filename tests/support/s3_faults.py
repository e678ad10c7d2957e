"""Trouble between a run and its bucket: a proxy that loses or delays replies, and a server that overwrites.

The proxy hands requests on to the real server byte for byte, so that their signatures hold.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

#: pass it on · answer 503 and do nothing · do it and cut the line · do it and answer 500 · never answer
Fault = Literal["none", "busy", "reply lost", "reply garbled", "silent"]


@dataclass
class Proxy:
    """`choose` is asked for every request (number of those before it, method, path); `fired` counts faults."""

    upstream: int
    choose: Callable[[int, str, str], Fault]
    port: int = 0
    seen: list[str] = field(default_factory=list)
    fired: int = 0
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def faulty(*, upstream: int, choose: Callable[[int, str, str], Fault]) -> Iterator[Proxy]:
    """A proxy in front of the server at port `upstream` of this machine."""
    proxy = Proxy(upstream=upstream, choose=choose)
    handler = type("Handler", (_Forward,), {"proxy": proxy})
    with _serving(handler) as port:
        proxy.port = port
        yield proxy
        proxy.over.set()


@contextmanager
def overwriting() -> Iterator[int]:
    """A server that takes every PUT and ignores `If-None-Match`; yields its port."""
    handler = type("Handler", (_Overwrite,), {"objects": {}})
    with _serving(handler) as port:
        yield port


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, *, status: int, data: bytes, headers: list[tuple[str, str]]) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers):
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


class _Forward(_Quiet):
    proxy: Proxy

    def _do(self) -> None:
        proxy, body = self.proxy, self._body()
        fault = proxy.choose(len(proxy.seen), self.command, self.path)
        proxy.seen.append(f"{self.command} {self.path}")
        proxy.fired += fault != "none"
        if fault == "busy":
            self._answer(status=503, data=b"<Error><Code>SlowDown</Code></Error>", headers=[])
            return
        status, headers, data = self._forwarded(body)
        if fault == "none":
            self._answer(status=status, data=data, headers=headers)
        elif fault == "reply garbled":
            self._answer(status=500, data=b"<Error><Code>InternalError</Code></Error>", headers=[])
        else:
            if fault == "silent":
                proxy.over.wait(timeout=60)
            self.close_connection = True

    def _forwarded(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = HTTPConnection("127.0.0.1", self.proxy.upstream, timeout=60)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            data = answer.read()
            return answer.status, _passed_on(answer.headers), data
        finally:
            connection.close()

    do_GET = do_PUT = do_DELETE = do_HEAD = _do  # noqa: N815


def _passed_on(headers: HTTPMessage) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers.items() if name.lower() not in ("connection", "transfer-encoding")]


class _Overwrite(_Quiet):
    objects: dict[str, bytes]

    def do_PUT(self) -> None:
        self.objects[self.path] = self._body()
        self._answer(status=200, data=b"", headers=[("ETag", '"0"')])

    def do_GET(self) -> None:
        data = self.objects.get(self.path)
        if data is None:
            self._answer(status=404, data=b"<Error><Code>NoSuchKey</Code></Error>", headers=[])
        else:
            last = ("Last-Modified", "Fri, 01 Mar 2013 12:00:00 GMT")
            self._answer(status=200, data=data, headers=[("ETag", '"0"'), last])
