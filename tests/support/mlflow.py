"""A real MLflow server on an address of this machine, with users and passwords, in a folder of its own."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.mlflow import mlflow_python
from tests.cluster.state import default_state
from tests.support.polling import eventually
from tests.support.s3 import free_port

USER = "retrain"
#: Searched for in every message and log: it may never be seen there.
PASSWORD = "canary-password-0123456789"


@dataclass(frozen=True, slots=True, kw_only=True)
class MLflowServer:
    """A server that knows one user, who may do anything. `log` has a line for each request."""

    port: int
    address: str
    log: Path

    @property
    def uri(self) -> str:
        """What `trackingURI` says."""
        return f"http://{self.address}:{self.port}"

    @property
    def environment(self) -> Mapping[str, str]:
        """What a run needs in its environment."""
        return {"MLFLOW_TRACKING_USERNAME": USER, "MLFLOW_TRACKING_PASSWORD": PASSWORD}

    def requests(self) -> list[str]:
        """Method and path of each request until now, such as `GET registered-models/get`."""
        lines = [line.split('"')[1] for line in self.log.read_text().splitlines() if "/mlflow/" in line and '"' in line]
        return [f"{line.split()[0]} {line.split()[1].partition('/mlflow/')[2].partition('?')[0]}" for line in lines]

    def add_user(self, *, name: str, password: str) -> None:
        """One who may read everything and write nothing that others made."""
        request = urllib.request.Request(
            f"{self.uri}/api/2.0/mlflow/users/create",
            data=json.dumps({"username": name, "password": password}).encode(),
            headers={
                "Content-Type": "application/json",
                "Authorization": "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode(),
            },
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status in (200, 201)

    def client(self) -> Any:
        """MLflow's own client, as people use it; what it needs must stand in the environment (`environment`)."""
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)


@contextmanager
def mlflow_server(*, folder: Path, address: str = "127.0.0.1", port: int | None = None) -> Iterator[MLflowServer]:
    """A server that lives as long as the block; started again on the same folder and port it knows what it knew."""
    python, log = mlflow_python(state=default_state()), folder / "server.log"
    (folder / "auth.ini").write_text(
        "[mlflow]\n"
        "default_permission = READ\n"
        f"database_uri = sqlite:///{folder / 'auth.db'}\n"
        f"admin_username = {USER}\n"
        f"admin_password = {PASSWORD}\n"
        # Passwords are hashed slowly on purpose; once a minute will do.
        "auth_cache_ttl_seconds = 60\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    server = MLflowServer(port=port or free_port(address), address=address, log=log)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [
                *(python, "-m", "mlflow", "server", "--app-name", "basic-auth", "--workers", "1"),
                *("--host", address, "--port", str(server.port), "--allowed-hosts", "*"),
                *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
                *("--artifacts-destination", folder / "artifacts"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,  # it has workers of its own
            env={
                **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
                "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"),
                "MLFLOW_FLASK_SERVER_SECRET_KEY": "for-tests-only",
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "PYTHONUNBUFFERED": "1",
            },
        )
    try:
        eventually("MLflow answers", lambda: _answers(server.uri) or process.poll() is not None, seconds=180)
        assert process.poll() is None, log.read_text()
        yield server
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # it has nothing to keep but what it has written
        process.wait(timeout=30)


def _answers(uri: str) -> bool:
    try:
        with urllib.request.urlopen(f"{uri}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
