"""The champion of a policy as a small HTTP service, with nothing but the standard library.

    python examples/serve/serve.py s3://models/team-a/default/flight-delays --port 8080
    curl -d '{"rows": [{"carrier": "UA", "distance": 1400}]}' localhost:8080/predict

`POST /predict` takes rows by name and answers with predictions and the version that made them; `GET /healthz` is 200
once a champion is loaded. A new champion is picked up within `--every` seconds; one that cannot be loaded is told in
`/healthz` and in the log, and the old one goes on.
"""

from __future__ import annotations

import argparse
import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from retrain_trainer import champion_version, load_champion

MAX_BODY = 4 * 1024**2


@dataclass(frozen=True)
class Served:
    """A version and its model; replaced as a whole, so that an answer never mixes two."""

    version: int
    model: Any


class Champion:
    """The newest champion that could be loaded."""

    def __init__(self, location: str, mounts: dict[str, Path]) -> None:
        self.location, self.mounts = location.rstrip("/"), mounts
        self.served: Served | None = None
        self.problem = "no champion is loaded yet"

    def refresh(self) -> None:
        """Load the champion if it is another one. What goes wrong is remembered, and the old one goes on."""
        try:
            version = champion_version(self.location, mounts=self.mounts)
            if self.served is None or self.served.version != version:
                model = load_champion(f"{self.location}/versions/{version}", mounts=self.mounts)
                self.served = Served(version, model)
                print(f"serving version {version}", flush=True)
            self.problem = ""
        except Exception as error:  # a registry that is away must not end the service
            if str(error) != self.problem:
                print(f"no newer champion: {error}", flush=True)
            self.problem = str(error)

    def keep_fresh(self, every: float, over: threading.Event) -> None:
        """Refresh until `over`."""
        while not over.wait(every):
            self.refresh()


class Handler(BaseHTTPRequestHandler):
    champion: Champion
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        served, problem = self.champion.served, self.champion.problem
        if self.path != "/healthz":
            self.answer(404, {"error": "GET /healthz or POST /predict"})
        else:
            version = None if served is None else served.version
            self.answer(503 if served is None else 200, {"version": version, "problem": problem})

    def do_POST(self) -> None:
        served, length = self.champion.served, self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_BODY:
            self.close_connection = True  # what was sent is not read
            self.answer(413, {"error": f"the body must have a Content-Length of at most {MAX_BODY:,} bytes"})
            return
        body = self.rfile.read(int(length))
        if self.path != "/predict":
            self.answer(404, {"error": "GET /healthz or POST /predict"})
        elif served is None:
            self.answer(503, {"error": self.champion.problem})
        else:
            self.predict(served, body)

    def predict(self, served: Served, body: bytes) -> None:
        try:
            rows = json.loads(body)["rows"]
            if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
                raise ValueError("rows must be a list of objects, one a row")
            predictions = served.model.predict(rows).tolist()
        except (KeyError, TypeError, ValueError) as error:
            self.answer(400, {"error": f'send {{"rows": [{{"column": value, …}}, …]}}: {error}'})
        else:
            self.answer(200, {"version": served.version, "predictions": predictions})

    def answer(self, status: int, content: dict[str, Any]) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Rows are nobody's business but the client's."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("location", help="a policy in a registry: s3://…, pvc://… or a folder")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 in a pod")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--every", type=float, default=60, help="seconds between two looks for a new champion")
    parser.add_argument("--mount", action="append", default=[], metavar="CLAIM=DIR", help="where pvc://CLAIM points")
    options = parser.parse_args()
    mounts = {claim: Path(folder) for claim, _, folder in (text.partition("=") for text in options.mount)}
    champion, over = Champion(options.location, mounts), threading.Event()
    champion.refresh()
    threading.Thread(target=champion.keep_fresh, args=(options.every, over), daemon=True).start()
    server = ThreadingHTTPServer((options.host, options.port), type("Bound", (Handler,), {"champion": champion}))
    server.daemon_threads = True
    print(f"listening on http://{options.host}:{server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        over.set()


if __name__ == "__main__":
    main()
