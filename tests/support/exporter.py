"""What a model's service exports: a page of metrics with one gauge, and a Prometheus that looks at it."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from tests.support.prometheus import Prometheus, prometheus

#: True when the predictions are bad.
QUERY = 'avg(prediction_error{model="flights"}) > 0.3'


class Exporter:
    """`value` None: the series is absent. Close it when done."""

    def __init__(self) -> None:
        self.value: float | None = None
        exporter = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                """The page."""
                value = exporter.value
                page = "" if value is None else f'prediction_error{{model="flights"}} {value}\n'
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(page.encode())

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stops serving."""
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def scraping(exporter: Exporter, *, folder: Path, address: str = "127.0.0.1") -> Iterator[Prometheus]:
    """A Prometheus at `address` that looks at the exporter ten times a second."""
    folder.mkdir(exist_ok=True)
    job = {"job_name": "model", "static_configs": [{"targets": [f"127.0.0.1:{exporter.port}"]}]}
    configuration = {"global": {"scrape_interval": "100ms"}, "scrape_configs": [job]}
    with prometheus(folder=folder, configuration=configuration, address=address) as server:
        yield server
