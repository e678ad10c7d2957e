"""Where the embedded cluster keeps everything: one folder, so that removing it removes the cluster."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.cluster.console import ClusterError, say
from tests.cluster.settings import ETCD, KUBERNETES, VERSITYGW

_LONGEST: Final = 70  # a Unix socket's path has room for 107 characters, and the kubelet adds up to 35


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The folders of one embedded cluster."""

    root: Path

    @property
    def bin(self) -> Path:
        """The programs of Kubernetes and etcd; keyed by version, so an upgrade builds anew."""
        return self.root / "bin" / f"kubernetes-{KUBERNETES}-etcd-{ETCD}"

    @property
    def s3_server(self) -> Path:
        """The program of the S3 server."""
        return self.root / "bin" / f"versitygw-{VERSITYGW}" / "versitygw"

    @property
    def prometheus(self) -> Path:
        """The folder with prometheus, promtool and Alertmanager."""
        return self.root / "bin" / "prometheus"

    @property
    def mlflow(self) -> Path:
        """Environments of MLflow servers, by what is installed in them."""
        return self.root / "mlflow"

    @property
    def pki(self) -> Path:
        return self.root / "pki"

    @property
    def etcd(self) -> Path:
        return self.root / "etcd"

    @property
    def containerd(self) -> Path:
        return self.root / "containerd"

    @property
    def kubelet(self) -> Path:
        return self.root / "kubelet"

    @property
    def images(self) -> Path:
        return self.root / "images"

    @property
    def volumes(self) -> Path:
        return self.root / "volumes"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """Sockets, configuration and whatever else `down` throws away."""
        return self.root / "run"

    @property
    def kubeconfig(self) -> Path:
        return self.root / "kubeconfig"

    @property
    def kubectl(self) -> Path:
        return self.bin / "kubectl"

    @property
    def containerd_socket(self) -> Path:
        return self.run / "containerd.sock"

    def prepare(self) -> None:
        """Make the folders; the ones with keys in them are for the owner only."""
        if len(str(self.root)) > _LONGEST:
            raise ClusterError(
                f"{self.root} is too long for the Unix sockets under it: set RETRAIN_CACHE to a shorter path"
            )
        for folder in (self.bin, self.containerd, self.kubelet, self.images, self.volumes, self.logs):
            folder.mkdir(parents=True, exist_ok=True)
        for folder in (self.pki, self.etcd, self.run):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One change at a time: demo and tests may call `up`, `load` and `build` side by side."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("waiting for another command of this cluster to finish")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield


def default_state() -> State:
    """The folder named by RETRAIN_CACHE, else the user's cache folder."""
    given = os.environ.get("RETRAIN_CACHE")
    folder = Path(given).expanduser() if given else Path.home() / ".cache" / "retrain-operator"
    return State(root=folder.resolve())
