"""A real S3 server on an address of this machine, on a folder of its own: versitygw, which enforces `If-None-Match`."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.binaries import build_s3_server
from tests.cluster.state import default_state
from tests.support.polling import eventually

BUCKET = "models"
#: Searched for in every message and log: neither may ever be seen there.
ACCESS_KEY = "AKCANARYACCESSKEY"
SECRET_KEY = "canary-secret-key-0123456789"


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Server:
    """`folder` holds the bucket's objects as files; `log` has a line for each request."""

    port: int
    folder: Path
    log: Path
    address: str = "127.0.0.1"

    @property
    def endpoint(self) -> str:
        """Where clients find it."""
        return f"http://{self.address}:{self.port}"

    @property
    def environment(self) -> Mapping[str, str]:
        """What a run needs in its environment, and what keeps the machine's own settings away."""
        return environment(port=self.port)

    def requests(self) -> list[str]:
        """The operations asked of the server until now, in order, such as `s3_GetObject`."""
        lines = self.log.read_text().splitlines()
        return [word for line in lines for word in line.split(" ") if word.startswith("s3_")]


def environment(*, port: int) -> dict[str, str]:
    """Variables for an S3 server at a port of this machine."""
    return {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_METADATA_ENDPOINT": "http://127.0.0.1:1",  # nobody there: no request leaves the machine
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
    }


def program() -> Path:
    """The server's program; built on first use, which takes two minutes once."""
    state = default_state()
    if state.s3_server.exists():
        return state.s3_server
    with state.locked():
        return build_s3_server(state=state)


@contextmanager
def s3_server(*, folder: Path, address: str = "127.0.0.1") -> Iterator[S3Server]:
    """A server that lives as long as the block, with one empty bucket; `address` is one of this machine's own."""
    executable = program()
    (folder / "objects" / BUCKET).mkdir(parents=True)
    log = folder / "access.log"
    log.touch()
    server = S3Server(port=free_port(address), folder=folder / "objects" / BUCKET, log=log, address=address)
    with (folder / "server.log").open("wb") as output:
        process = subprocess.Popen(
            [
                *(executable, "--port", f"{address}:{server.port}", "--quiet", "--keep-alive"),
                *("--access-log", log, "posix", folder / "objects"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={
                **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
                **{"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY},
            },
        )
    try:
        eventually("the S3 server answers", lambda: _answers(address, server.port) or process.poll() is not None)
        assert process.poll() is None, (folder / "server.log").read_text()
        yield server
    finally:
        process.kill()  # it would wait for open connections, and has nothing to keep
        process.wait(timeout=30)


def free_port(address: str = "127.0.0.1") -> int:
    """A port of an address of this machine that nobody listens at."""
    with socket.socket() as found:
        found.bind((address, 0))
        return int(found.getsockname()[1])


def _answers(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False
