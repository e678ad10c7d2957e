"""The embedded cluster: up, down, status. Every step looks at what is there first, so `up` also repairs."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.cluster import control_plane, network, node, pods, volumes
from tests.cluster.binaries import build_binaries, build_s3_server
from tests.cluster.command import wait_for
from tests.cluster.console import ClusterError, step
from tests.cluster.daemon import Daemon, memory
from tests.cluster.debian import install_packages
from tests.cluster.images import ensure_pause
from tests.cluster.loading import load_image
from tests.cluster.pki import Pki, ensure_pki, write_kubeconfigs
from tests.cluster.probe import Api
from tests.cluster.settings import (
    API_PORT,
    CONTROLLER_MANAGER_PORT,
    ETCD_PEER_PORT,
    ETCD_PORT,
    NODE_ADDRESS,
    NODE_NAME,
    PAUSE_IMAGE,
    SCHEDULER_PORT,
)
from tests.cluster.state import State

_NOT_READY: Final = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One row of `status`."""

    name: str
    pid: int | None
    healthy: bool
    memory: int


def up(*, state: State) -> None:
    """Bring the cluster up, or what of it is down; returns when its node is Ready and its storage there."""
    if os.geteuid() != 0:
        raise ClusterError("the embedded cluster needs root: it makes containers, mounts and a network")
    fresh = not state.etcd.exists()
    state.prepare()
    install_packages(state=state)
    build_binaries(state=state)
    build_s3_server(state=state)
    pki = Pki(folder=state.pki)
    ensure_pki(pki=pki)
    ensure_pause(state=state)
    if fresh:
        _stop(state=state)  # someone removed the folder while its processes ran
    if not _runs(state=state):
        _clean_after_kill(state=state)
    network.connect(state=state)
    plane = _plane(state=state, pki=pki)
    write_kubeconfigs(pki=pki, server=plane.server)
    shutil.copy(pki.kubeconfig(user="admin"), state.kubeconfig)
    for daemon in _control_plane(plane=plane):
        _ensure(daemon)
    start_node(state=state)
    volumes.ensure_volumes(state=state, api=api(state=state))
    volumes.recycle_volumes(state=state, api=api(state=state))


def down(*, state: State, purge: bool = False) -> None:
    """Stop everything and undo what was done to the machine; what was built or loaded stays, unless `purge`."""
    if not state.root.exists():
        return
    _stop(state=state)
    pods.unmount(folder=state.root)
    if network.is_ours(state=state):
        pods.remove_control_groups()
    pods.remove_log_links(state=state)
    network.disconnect(state=state)
    state.kubeconfig.unlink(missing_ok=True)
    for folder in (
        state.pki,
        state.etcd,
        state.kubelet,
        state.run,
        state.volumes,
        state.logs / "pods",
        *_containers(state=state),
    ):
        shutil.rmtree(folder, ignore_errors=True)
    if purge:
        shutil.rmtree(state.root)


def start_node(*, state: State) -> None:
    """Start what runs pods, and wait until the node is Ready."""
    pki = Pki(folder=state.pki)
    containerd, kubelet, proxy = _node(state=state, pki=pki)
    _ensure(containerd)
    load_image(state=state, image=PAUSE_IMAGE)
    # A node that was away for less than 40 s has been called Ready all the time: only a new word of it counts.
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    if not _ensure(kubelet):
        since = ""
    _ensure(proxy)
    if not node_ready(state=state, since=since):
        with step("wait for the node"):
            wait_for(
                lambda: node_ready(state=state, since=since),
                seconds=120,
                what="the node is not Ready",
                log=kubelet.log,
            )


def stop_node(*, state: State) -> None:
    """Stop the kubelet and containerd, as when the node's network is cut: its containers go on, unseen."""
    containerd, kubelet, _ = _node(state=state, pki=Pki(folder=state.pki))
    kubelet.stop()
    containerd.stop()


def node_ready(*, state: State, since: str = "") -> bool:
    """Whether the API server says that the node is Ready and lets pods onto it; the taints go a moment later.

    `since` is the oldest heartbeat that counts, as the API writes times.
    """
    with suppress(ClusterError):
        found = api(state=state).get(f"/api/v1/nodes/{NODE_NAME}")
        taints = {taint["key"] for taint in found["spec"].get("taints", [])}
        return taints.isdisjoint(_NOT_READY) and any(
            row["type"] == "Ready" and row["status"] == "True" and row["lastHeartbeatTime"] >= since
            for row in found["status"].get("conditions", [])
        )
    return False


def status(*, state: State) -> list[Component]:
    """Every component with its process, health and memory."""
    rows = []
    for daemon in _daemons(state=state):
        pid = next(iter(daemon.pids()), None)
        healthy = pid is not None and daemon.healthy()
        rows.append(Component(name=daemon.name, pid=pid, healthy=healthy, memory=memory(pid) if pid else 0))
    return rows


def api(*, state: State) -> Api:
    """The API as administrator."""
    pki = Pki(folder=state.pki)
    return Api(server=_plane(state=state, pki=pki).server, ca=pki.ca, token=pki.token(user="admin"))


def _plane(*, state: State, pki: Pki) -> control_plane.ControlPlane:
    return control_plane.ControlPlane(
        programs=state.bin,
        data=state.etcd,
        logs=state.logs,
        pki=pki,
        address=NODE_ADDRESS,
        api_port=API_PORT,
        etcd_port=ETCD_PORT,
        etcd_peer_port=ETCD_PEER_PORT,
        controller_manager_port=CONTROLLER_MANAGER_PORT,
        scheduler_port=SCHEDULER_PORT,
    )


def _control_plane(*, plane: control_plane.ControlPlane) -> list[Daemon]:
    return [
        control_plane.etcd(plane),
        control_plane.apiserver(plane),
        control_plane.controller_manager(plane),
        control_plane.scheduler(plane),
    ]


def _node(*, state: State, pki: Pki) -> list[Daemon]:
    state.run.mkdir(mode=0o700, parents=True, exist_ok=True)  # their configuration is written there
    return [
        node.containerd(state=state),
        node.kubelet(state=state, pki=pki),
        node.kube_proxy(state=state, pki=pki),
    ]


def _daemons(*, state: State) -> list[Daemon]:
    pki = Pki(folder=state.pki)
    return [*_control_plane(plane=_plane(state=state, pki=pki)), *_node(state=state, pki=pki)]


def _stop(*, state: State) -> None:
    """End every process of the cluster; containers in the orderly way while that can be."""
    containerd, kubelet, proxy = _node(state=state, pki=Pki(folder=state.pki))
    kubelet.stop()
    if containerd.pids():
        pods.remove_containers(state=state)
    for daemon in (proxy, containerd, *reversed(_control_plane(plane=_plane(state=state, pki=Pki(folder=state.pki))))):
        daemon.stop()
    pods.kill_pods(state=state)


def _ensure(daemon: Daemon) -> bool:
    """Whether it had to be started."""
    if daemon.runs():
        return False
    with step(f"start {daemon.name}"):
        try:
            daemon.replace()
        except ClusterError as error:
            raise ClusterError(f"{error}\nTo begin afresh: python -m tests.cluster down") from error
    return True


def _runs(*, state: State) -> bool:
    """Whether anything of ours that could hold a pod is alive."""
    node = _node(state=state, pki=Pki(folder=state.pki))
    return bool(pods.shims(state=state)) or any(daemon.pids() for daemon in node)


def _clean_after_kill(*, state: State) -> None:
    """No pod lives, so what pods held is free: after a reboot or a kill of everything the rest would be in the way."""
    pods.unmount(folder=state.root)
    network.forget_addresses(state=state)


def _containers(*, state: State) -> list[Path]:
    """What containerd keeps of running containers; images are elsewhere in its folder."""
    return [state.containerd / "state", state.containerd / "runc"]
