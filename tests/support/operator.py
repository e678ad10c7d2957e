"""The operator as a process of its own, as it runs in a pod, started, stopped and killed by tests."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from tests.support.metrics import Scrape, scrape
from tests.support.polling import eventually

#: Short intervals, so that no test waits for minutes.
QUICK: dict[str, Any] = {
    "trainerImage": "retrain-trainer:test",
    "resyncSeconds": 2,
    "inactivitySeconds": 20,
    "backoffFirstSeconds": 0.2,
    "backoffLastSeconds": 2,
    "waitingLooksSeconds": [1, 3, 6],
    "minimumIntervalSeconds": 60,
}


class OperatorProcess:
    """`with OperatorProcess(...)` runs it until the end of the block. `settings` go on top of QUICK."""

    def __init__(
        self,
        *,
        kubeconfig: Path,
        namespaces: tuple[str, ...],
        folder: Path,
        arguments: tuple[str, ...] = (),
        **settings: Any,
    ) -> None:
        self._arguments = arguments
        self._kubeconfig = kubeconfig
        self._namespaces = namespaces
        self._folder = folder
        self._settings = {**QUICK, **settings}
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def scrape(self) -> Scrape:
        """Its metrics at this moment, or of the last second."""
        return scrape(self.port)

    @property
    def log(self) -> str:
        """Everything it printed, over all its starts."""
        path = self._folder / "operator.log"
        return path.read_text() if path.exists() else ""

    def start(self) -> None:
        """Starts it and waits until it is in sync."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        path = self._folder / "settings.yaml"
        path.write_text(yaml.safe_dump({**self._settings, "healthPort": self.port}))
        command = [sys.executable, "-m", "retrain_operator", "run", f"--settings={path}"]
        command += [f"--namespace={namespace}" for namespace in self._namespaces]
        command += self._arguments
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KUBE")}
        source = Path(__file__).parents[2] / "operator"
        with (self._folder / "operator.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env={**environment, "KUBECONFIG": str(self._kubeconfig), "PYTHONPATH": str(source)},
            )
        eventually("the operator is ready", self._ready, describe=lambda: self.log)

    def _ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def ended(self) -> bool:
        """Has it ended by itself?"""
        return self._process is not None and self._process.poll() is not None

    def stop(self) -> int | None:
        """SIGTERM, as a rollout does; returns the exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: no time for a last word."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """SIGSTOP: as a node that hangs."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def wait(self) -> int:
        """Waits until it ends by itself; returns the exit code."""
        assert self._process is not None
        code, self._process = self._process.wait(timeout=20), None
        return code

    def _end(self, number: signal.Signals) -> int | None:
        if self._process is None:
            return None
        self._process.send_signal(number)
        code = self._process.wait(timeout=20)
        self._process = None
        return code
