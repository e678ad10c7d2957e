"""The bridge of the pods, and the few kernel settings that Kubernetes changes: set on `up`, put back on `down`."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.cluster.command import run, succeeds
from tests.cluster.console import ClusterError
from tests.cluster.settings import BRIDGE, CLUSTER_NAME, NODE_ADDRESS, POD_NETWORK
from tests.cluster.state import State

# ip_forward is the network plugin's and kube-proxy's, the others are what the kubelet insists on
_SETTINGS: Final = (
    "net/ipv4/ip_forward",
    "vm/overcommit_memory",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
_REMEMBERED: Final = "kernel-settings.json"
_RESULTS: Final = Path("/var/lib/cni/results")  # libcni's own cache; its place is fixed


def connect(*, state: State) -> None:
    """Make the bridge before any pod does, since its address is the node's. Its alias says whose it is."""
    owner = _owner()
    if owner not in ("", str(state.root)):
        raise ClusterError(
            f"the bridge {BRIDGE} is that of the cluster in {owner}; "
            f"end that first: RETRAIN_CACHE={owner} python -m tests.cluster down"
        )
    _remember_settings(state=state)
    if not owner:
        _refuse_clash()
        run(["ip", "link", "add", BRIDGE, "type", "bridge"])
        run(["ip", "link", "set", BRIDGE, "alias", str(state.root)])
        run(["ip", "address", "add", f"{NODE_ADDRESS}/{POD_NETWORK.partition('/')[2]}", "dev", BRIDGE])
    run(["ip", "link", "set", BRIDGE, "up"])
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def disconnect(*, state: State) -> None:
    """Take away the bridge, kube-proxy's tables and cached results, and put the kernel settings back."""
    if is_ours(state=state):
        run(["ip", "link", "delete", BRIDGE])
        for family in ("ip", "ip6"):
            succeeds(["nft", "delete", "table", family, "kube-proxy"])
    forget_addresses(state=state)
    _restore_settings(state=state)


def is_ours(*, state: State) -> bool:
    """Whether the cluster that has this machine's bridge is the one of this state folder."""
    return _owner() == str(state.root)


def forget_addresses(*, state: State) -> None:
    """When no pod lives, no address is taken: what killed processes left behind would use up the network."""
    for path in (state.run / "addresses").glob("*/*"):
        path.unlink(missing_ok=True)
    for path in _RESULTS.glob(f"{CLUSTER_NAME}-*"):
        path.unlink(missing_ok=True)


def _owner() -> str:
    """The state folder of the cluster that made the bridge; empty when there is none."""
    folder = Path("/sys/class/net", BRIDGE)
    return ((folder / "ifalias").read_text().strip() or "someone else") if folder.exists() else ""


def _refuse_clash() -> None:
    taken = run(["ip", "route", "show", POD_NETWORK]).strip()
    if taken:
        raise ClusterError(
            f"the pods' network {POD_NETWORK} is in use on this machine ({taken}): is there another cluster?"
        )


def _remember_settings(*, state: State) -> None:
    file = state.run / _REMEMBERED
    if not file.exists():
        found = {}
        for name in _SETTINGS:
            with suppress(OSError):
                found[name] = Path("/proc/sys", name).read_text().strip()
        file.write_text(json.dumps(found))


def _restore_settings(*, state: State) -> None:
    file = state.run / _REMEMBERED
    with suppress(OSError, ValueError):
        for name, value in json.loads(file.read_text()).items():
            path = Path("/proc/sys", name)
            if path.read_text().strip() != value:
                path.write_text(value)
    file.unlink(missing_ok=True)
