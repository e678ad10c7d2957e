"""A real Prometheus server on a free port, for as long as a block; it looks at what its configuration names."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.prometheus import prometheus_programs
from tests.cluster.state import default_state
from tests.support.polling import eventually
from tests.support.s3 import free_port


@dataclass(frozen=True, slots=True, kw_only=True)
class Prometheus:
    """A running server; its HTTP API as Grafana uses it."""

    port: int
    address: str = "127.0.0.1"

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{self.address}:{self.port}"

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The result of an instant query: each with `metric` and `value`."""
        answer = self._get("query", {"query": expression})
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    def alerts(self) -> dict[str, str]:
        """Names of alerts that are pending or firing, with their state."""
        return {alert["labels"]["alertname"]: alert["state"] for alert in self._get("alerts", {})["data"]["alerts"]}

    def targets(self) -> list[dict[str, Any]]:
        """What it scrapes."""
        active: list[dict[str, Any]] = self._get("targets", {"state": "active"})["data"]["activeTargets"]
        return active

    def _get(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                body: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{query}: {error.read().decode()}") from None
        return body


def promtool(*arguments: str | Path) -> str:
    """What promtool prints; a failure is an AssertionError with its words."""
    done = subprocess.run(
        [prometheus_programs(state=default_state()) / "promtool", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def prometheus(*, folder: Path, configuration: Mapping[str, Any], address: str = "127.0.0.1") -> Iterator[Prometheus]:
    """The server with this prometheus.yml, its data in `folder`; `address` is one of this machine's own."""
    programs = prometheus_programs(state=default_state())
    config = folder / "prometheus.yml"
    config.write_text(yaml.safe_dump(dict(configuration)))
    port = free_port(address)
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                programs / "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}:{port}",
                "--log.level=warn",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
    try:
        eventually("Prometheus answers", lambda: _ready(address, port) or process.poll() is not None)
        assert process.poll() is None, (folder / "prometheus.log").read_text()
        yield Prometheus(port=port, address=address)
    finally:
        process.kill()  # it has nothing to keep
        process.wait(timeout=30)


def _ready(address: str, port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}:{port}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
