"""The node: containerd, kubelet and kube-proxy with their configuration, all in the state folder.

Each configuration's file name holds its digest, which puts it on the command line: a process that runs with another
configuration is recognised and replaced.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Final

from tests.cluster.command import succeeds
from tests.cluster.daemon import Daemon
from tests.cluster.pki import Pki
from tests.cluster.probe import answers
from tests.cluster.settings import (
    BRIDGE,
    CLUSTER_NAME,
    KUBELET_HEALTH_PORT,
    KUBELET_PORT,
    NODE_ADDRESS,
    NODE_NAME,
    PAUSE_IMAGE,
    POD_NETWORK,
    PROXY_HEALTH_PORT,
    PROXY_METRICS_PORT,
    SERVICE_NETWORK,
)
from tests.cluster.state import State

_PLUGINS: Final = "/usr/lib/cni"  # where Debian puts the CNI plugins

# Images are loaded, never pulled. With this proxy a missing one is refused at once, with no word to any registry and
# without the timeouts of a closed network.
_NOWHERE: Final = "http://127.0.0.1:1"


def containerd(*, state: State) -> Daemon:
    config = _configuration(state=state, name="containerd", suffix="toml", text=_containerd_toml(state=state))
    _write_network(state=state)
    return Daemon(
        name="containerd",
        argv=(_program("containerd"), "--config", str(config)),
        log=state.logs / "containerd.log",
        healthy=lambda: succeeds([*ctr(state=state, words=[]), "--connect-timeout", "1s", "version"], timeout=5),
        env={"HTTP_PROXY": _NOWHERE, "HTTPS_PROXY": _NOWHERE},
    )


def ctr(*, state: State, words: list[str]) -> list[str]:
    """A command line for containerd's own tool, in the namespace that the kubelet uses."""
    return ["ctr", "--address", str(state.containerd_socket), "--namespace", "k8s.io", *words]


def kubelet(*, state: State, pki: Pki) -> Daemon:
    config = _configuration(
        state=state, name="kubelet", suffix="json", text=json.dumps(_kubelet_configuration(state=state, pki=pki))
    )
    return Daemon(
        name="kubelet",
        argv=(
            str(state.bin / "kubelet"),
            f"--config={config}",
            f"--root-dir={state.kubelet}",
            f"--cert-dir={state.kubelet / 'pki'}",
            f"--kubeconfig={pki.kubeconfig(user='kubelet')}",
            f"--hostname-override={NODE_NAME}",
            f"--node-ip={NODE_ADDRESS}",
        ),
        log=state.logs / "kubelet.log",
        healthy=lambda: answers(f"http://127.0.0.1:{KUBELET_HEALTH_PORT}/healthz"),
    )


def kube_proxy(*, state: State, pki: Pki) -> Daemon:
    config = _configuration(
        state=state, name="kube-proxy", suffix="json", text=json.dumps(_proxy_configuration(pki=pki))
    )
    return Daemon(
        name="kube-proxy",
        argv=(str(state.bin / "kube-proxy"), f"--config={config}"),
        log=state.logs / "kube-proxy.log",
        healthy=lambda: answers(f"http://127.0.0.1:{PROXY_HEALTH_PORT}/livez"),
    )


def _containerd_toml(*, state: State) -> str:
    quoted = {
        name: json.dumps(str(path))  # TOML's basic strings are JSON's
        for name, path in {
            "root": state.containerd / "root",
            "state": state.containerd / "state",
            "socket": state.containerd_socket,
            "opt": state.containerd / "opt",
            "runc": state.containerd / "runc",
            "network": state.run / "cni",
        }.items()
    }
    return f"""version = 2
root = {quoted["root"]}
state = {quoted["state"]}
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]

[grpc]
  address = {quoted["socket"]}

[plugins."io.containerd.internal.v1.opt"]
  path = {quoted["opt"]}

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  netns_mounts_under_state_dir = true
  restrict_oom_score_adj = true  # root without CAP_SYS_RESOURCE may not lower it, as in many sandboxes
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
        Root = {quoted["runc"]}
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{_PLUGINS}"
    conf_dir = {quoted["network"]}
"""


def _write_network(*, state: State) -> None:
    """No default route: pods reach each other, Services and this machine; anything else is "unreachable" at once."""
    network = {
        "cniVersion": "0.4.0",
        "name": CLUSTER_NAME,
        "plugins": [
            {
                "type": "bridge",
                "bridge": BRIDGE,
                "isGateway": True,
                "ipMasq": False,
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": POD_NETWORK, "gateway": NODE_ADDRESS}]],
                    "routes": [{"dst": SERVICE_NETWORK}],
                    "dataDir": str(state.run / "addresses"),
                },
            },
        ],
    }
    folder = state.run / "cni"
    folder.mkdir(exist_ok=True)
    _write(path=folder / "10-bridge.conflist", text=json.dumps(network, indent=2))


def _kubelet_configuration(*, state: State, pki: Pki) -> dict[str, object]:
    resolv = state.run / "resolv.conf"
    _write(path=resolv, text=f"nameserver {NODE_ADDRESS}\n")
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_ADDRESS,
        "port": KUBELET_PORT,
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": KUBELET_HEALTH_PORT,
        "readOnlyPort": 0,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": False},
            "x509": {"clientCAFile": str(pki.ca)},
        },
        "authorization": {"mode": "AlwaysAllow"},  # for who shows a certificate of ours: the API server alone
        "containerRuntimeEndpoint": f"unix://{state.containerd_socket}",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": [],
        # There is no DNS in the cluster; nothing listens there, so that names fail at once instead of timing out.
        "clusterDNS": [NODE_ADDRESS],
        "clusterDomain": "cluster.local",
        "resolvConf": str(resolv),
        "podLogsDir": str(state.logs / "pods"),
        "volumePluginDir": str(state.kubelet / "plugins-flex"),
        "makeIPTablesUtilChains": False,
        "serializeImagePulls": False,
        # The disk is shared with whatever else the machine does: never evict pods or delete images over it.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {
            "memory.available": "50Mi",
            "nodefs.available": "0%",
            "nodefs.inodesFree": "0%",
            "imagefs.available": "0%",
        },
    }


def _proxy_configuration(*, pki: Pki) -> dict[str, object]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": str(pki.kubeconfig(user="proxy"))},
        "hostnameOverride": NODE_NAME,
        "bindAddress": NODE_ADDRESS,
        "healthzBindAddress": f"127.0.0.1:{PROXY_HEALTH_PORT}",
        "metricsBindAddress": f"127.0.0.1:{PROXY_METRICS_PORT}",
        "clusterCIDR": POD_NETWORK,
        "detectLocalMode": "ClusterCIDR",
        # Without br_netfilter answers between two pods on the bridge would bypass the translation back.
        "nftables": {"masqueradeAll": True},
        # 0: leave the machine's own conntrack settings alone
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }


def _configuration(*, state: State, name: str, suffix: str, text: str) -> Path:
    path = state.run / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.{suffix}"
    _write(path=path, text=text)
    return path


def _write(*, path: Path, text: str) -> None:
    """Write what is new: containerd and kube-proxy watch their files, and the latter ends itself at any write."""
    if not path.exists() or path.read_text() != text:
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(text)
        unfinished.rename(path)


def _program(name: str) -> str:
    for folder in ("/usr/bin", "/usr/local/bin", "/usr/sbin"):
        if Path(folder, name).exists():
            return f"{folder}/{name}"
    return name
