"""The command lines of etcd, API server, controller-manager and scheduler.

Flags stay at their defaults wherever they can, so that what is measured here is what users have: RBAC, all default
admission plugins (Pod Security, ValidatingAdmissionPolicy, ResourceQuota, service accounts), 20 API queries a second
for the controller-manager.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.daemon import Daemon
from tests.cluster.pki import Pki
from tests.cluster.probe import answers
from tests.cluster.settings import SERVICE_NETWORK


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlane:
    """Where one control plane lives: programs, files, address and ports."""

    programs: Path
    data: Path
    logs: Path
    pki: Pki
    address: str
    api_port: int
    etcd_port: int
    etcd_peer_port: int
    controller_manager_port: int
    scheduler_port: int

    @property
    def server(self) -> str:
        return f"https://{self.address}:{self.api_port}"

    def daemon(self, *, name: str, flags: Sequence[str], health: str, ca: Path | None = None) -> Daemon:
        return Daemon(
            name=name,
            argv=(str(self.programs / name), *flags),
            log=self.logs / f"{name}.log",
            healthy=lambda: answers(health, ca=ca),
        )


def etcd(plane: ControlPlane) -> Daemon:
    """Loopback only, and no fsync: a test cluster's data need not survive a power cut, and it halves every write."""
    client = f"http://127.0.0.1:{plane.etcd_port}"
    peer = f"http://127.0.0.1:{plane.etcd_peer_port}"
    return plane.daemon(
        name="etcd",
        flags=(
            f"--data-dir={plane.data}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            "--quota-backend-bytes=8589934592",  # thousands of Jobs soon fill the default of 2 GiB
            "--auto-compaction-retention=0",  # the API server compacts
            "--log-level=warn",
        ),
        health=f"{client}/health",
    )


def apiserver(plane: ControlPlane) -> Daemon:
    pki = plane.pki
    # A loopback address must not become an endpoint of the `kubernetes` Service
    reconciler = "none" if plane.address.startswith("127.") else "lease"
    return plane.daemon(
        name="kube-apiserver",
        flags=(
            f"--etcd-servers=http://127.0.0.1:{plane.etcd_port}",
            f"--bind-address={plane.address}",
            f"--advertise-address={plane.address}",
            f"--secure-port={plane.api_port}",
            f"--service-cluster-ip-range={SERVICE_NETWORK}",
            f"--endpoint-reconciler-type={reconciler}",
            f"--tls-cert-file={pki.certificate(name='apiserver')}",
            f"--tls-private-key-file={pki.key(name='apiserver')}",
            f"--client-ca-file={pki.ca}",
            f"--token-auth-file={pki.tokens}",
            "--authorization-mode=Node,RBAC",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={pki.folder / 'service-account.pub'}",
            f"--service-account-signing-key-file={pki.key(name='service-account')}",
            f"--kubelet-client-certificate={pki.certificate(name='kubelet-client')}",
            f"--kubelet-client-key={pki.key(name='kubelet-client')}",
            "--kubelet-preferred-address-types=InternalIP",  # the node's name is in no DNS: `kubectl logs` needs this
            "--allow-privileged=true",
            "--shutdown-delay-duration=0s",
        ),
        health=f"{plane.server}/readyz",
        ca=pki.ca,
    )


def controller_manager(plane: ControlPlane) -> Daemon:
    pki = plane.pki
    return plane.daemon(
        name="kube-controller-manager",
        flags=(
            f"--kubeconfig={pki.kubeconfig(user='controller-manager')}",
            "--bind-address=127.0.0.1",
            f"--secure-port={plane.controller_manager_port}",
            f"--service-account-private-key-file={pki.key(name='service-account')}",
            f"--root-ca-file={pki.ca}",
            f"--cluster-signing-cert-file={pki.ca}",
            f"--cluster-signing-key-file={pki.ca_key}",
            "--use-service-account-credentials=true",  # the rights of each controller apart, as kubeadm does
            "--leader-elect=false",
        ),
        health=f"https://127.0.0.1:{plane.controller_manager_port}/healthz",
    )


def scheduler(plane: ControlPlane) -> Daemon:
    return plane.daemon(
        name="kube-scheduler",
        flags=(
            f"--kubeconfig={plane.pki.kubeconfig(user='scheduler')}",
            "--bind-address=127.0.0.1",
            f"--secure-port={plane.scheduler_port}",
            "--leader-elect=false",
        ),
        health=f"https://127.0.0.1:{plane.scheduler_port}/readyz",
    )
