"""What models' services export: a page of metrics with a gauge each, and a Prometheus that looks at it."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from tests.support.prometheus import Prometheus, prometheus

#: True when the predictions are bad.
QUERY = 'avg(prediction_error{model="flights"}) > 0.3'


class Exporter:
    """`values` by model; what has none is absent. Close it when done."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}
        exporter = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                """The page."""
                lines = [f'prediction_error{{model="{model}"}} {value}\n' for model, value in exporter.values.items()]
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                with suppress(ConnectionError):  # it may have waited long enough
                    self.wfile.write("".join(lines).encode())

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def value(self) -> float | None:
        """That of the model `flights`; None: the series is absent."""
        return self.values.get("flights")

    @value.setter
    def value(self, value: float | None) -> None:
        if value is None:
            self.values.pop("flights", None)
        else:
            self.values["flights"] = value

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
