"""A real Alertmanager on a free port, for as long as a block; alerts are put into it as Prometheus does."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.prometheus import alertmanager_programs
from tests.cluster.state import default_state
from tests.support.polling import eventually
from tests.support.s3 import free_port


@dataclass(frozen=True, slots=True, kw_only=True)
class Alertmanager:
    """A running server."""

    port: int
    log: Path

    def raise_alert(self, *, starts: str, ends: str | None = None, **labels: str) -> None:
        """What Prometheus posts while an alert fires; with `ends` in the past it is resolved."""
        alert: dict[str, Any] = {"labels": labels, "startsAt": starts}
        if ends is not None:
            alert["endsAt"] = ends
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v2/alerts",
            data=json.dumps([alert]).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200


@contextmanager
def alertmanager(*, folder: Path, configuration: Mapping[str, Any]) -> Iterator[Alertmanager]:
    """The server with this alertmanager.yml."""
    config = folder / "alertmanager.yml"
    config.write_text(yaml.safe_dump(dict(configuration)))
    port, path = free_port(), folder / "alertmanager.log"
    programs = alertmanager_programs(state=default_state())
    with path.open("wb") as log:
        process = subprocess.Popen(
            [
                *_with_templates(programs),
                programs / "prometheus-alertmanager",
                f"--config.file={config}",
                f"--storage.path={folder / 'alertmanager'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
                "--log.level=debug",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
    try:
        eventually("Alertmanager answers", lambda: _ready(port) or process.poll() is not None)
        assert process.poll() is None, path.read_text()
        yield Alertmanager(port=port, log=path)
    finally:
        process.kill()  # it has nothing to keep
        process.wait(timeout=30)


def _with_templates(programs: Path) -> list[str]:
    """A view of /usr/share, of this process alone, in which the templates of a package that is not installed lie."""
    shared = programs / "share"
    if not shared.exists():
        return []
    look = f'mount -t overlay overlay -o lowerdir="{shared}":/usr/share /usr/share && exec "$@"'
    return ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "sh", "-c", look, "sh"]


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
