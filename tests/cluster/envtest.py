"""A control plane alone, for tests that need no pods: etcd and the API server, on free ports, in a temporary folder.

It needs no root and no network, only the programs: those in KUBEBUILDER_ASSETS, else those that the embedded cluster
has built. Each one starts in some three seconds and is gone with its `with` block.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.cluster import control_plane
from tests.cluster.console import ClusterError
from tests.cluster.daemon import Daemon, stop_processes
from tests.cluster.pki import Pki, ensure_pki, write_kubeconfigs
from tests.cluster.state import default_state

_NEEDED: Final = ("etcd", "kube-apiserver")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServer:
    """A running API server, as its administrator sees it."""

    server: str
    token: str
    ca: Path
    kubeconfig: Path
    etcd: Daemon
    api: Daemon
    data: Path

    def kill(self) -> None:
        """SIGKILL of the API server; etcd stays."""
        stop_processes(self.api.pids(), first=signal.SIGKILL)

    def start(self) -> None:
        """Starts the API server again, on the same port."""
        self.api.start()

    def back_up(self, to: Path) -> None:
        """Copies what etcd holds. The server is away meanwhile."""
        with self._away():
            shutil.copytree(self.data, to)

    def restore(self, source: Path) -> None:
        """Brings back what etcd held, with its revisions of then. The server is away meanwhile."""
        with self._away():
            shutil.rmtree(self.data)
            shutil.copytree(source, self.data)

    @contextmanager
    def _away(self) -> Iterator[None]:
        self.kill()
        self.etcd.stop()
        yield
        for daemon in (self.etcd, self.api):
            daemon.start()


def find_programs() -> Path:
    """The folder with etcd and kube-apiserver."""
    given = os.environ.get("KUBEBUILDER_ASSETS")
    for folder in (Path(given) if given else None, default_state().bin):
        if folder is not None and all((folder / name).exists() for name in _NEEDED):
            return folder
    raise ClusterError(
        "no etcd and kube-apiserver: set KUBEBUILDER_ASSETS to a folder that has them, "
        "or build them with: python -m tests.cluster up"
    )


@contextmanager
def api_server(*, programs: Path | None = None, controllers: bool = False) -> Iterator[ApiServer]:
    """A fresh API server; with `controllers` also what makes pods of Jobs and collects garbage."""
    with tempfile.TemporaryDirectory(prefix="retrain-envtest-") as name, ExitStack() as stack:
        folder = Path(name)
        pki = Pki(folder=folder / "pki")
        ensure_pki(pki=pki, addresses=("127.0.0.1",))
        plane = _plane(folder=folder, pki=pki, programs=programs or find_programs())
        write_kubeconfigs(pki=pki, server=plane.server)
        etcd, api = control_plane.etcd(plane), control_plane.apiserver(plane)
        daemons = [etcd, api]
        if controllers:
            daemons.append(control_plane.controller_manager(plane))
        for daemon in daemons:
            stack.callback(daemon.stop)
            daemon.start()
        yield ApiServer(
            server=plane.server,
            token=pki.token(user="admin"),
            ca=pki.ca,
            kubeconfig=pki.kubeconfig(user="admin"),
            etcd=etcd,
            api=api,
            data=plane.data,
        )


def _plane(*, folder: Path, pki: Pki, programs: Path) -> control_plane.ControlPlane:
    api, etcd, peer, controllers, scheduler = _free_ports(5)
    return control_plane.ControlPlane(
        programs=programs,
        data=folder / "etcd",
        logs=folder / "logs",
        pki=pki,
        address="127.0.0.1",
        api_port=api,
        etcd_port=etcd,
        etcd_peer_port=peer,
        controller_manager_port=controllers,
        scheduler_port=scheduler,
    )


def _free_ports(count: int) -> list[int]:
    """Ports that are free now; all are held at once, so that no two are the same."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
