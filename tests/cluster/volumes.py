"""Storage: a class `standard` and a pool of prepared `local` volumes on the node's disk, and their recycling.

Nothing provisions volumes here, so a claim binds at once to one of the pool. A released volume keeps its data and its
claim until it is recycled, as the class's `Retain` says; tests do that between themselves.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from tests.cluster.command import wait_for
from tests.cluster.pods import mount_points
from tests.cluster.probe import Api
from tests.cluster.settings import NODE_NAME, STORAGE_CLASS, VOLUME_SIZE, VOLUMES
from tests.cluster.state import State

_CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
_VOLUMES = "/api/v1/persistentvolumes"


def ensure_volumes(*, state: State, api: Api) -> None:
    """The class and the pool; what exists stays."""
    if STORAGE_CLASS not in _names(api=api, path=_CLASSES):
        api.post(_CLASSES, storage_class())
    existing = _names(api=api, path=_VOLUMES)
    for number in range(VOLUMES):
        name = f"local-{number:02}"
        folder = state.volumes / name
        folder.mkdir(exist_ok=True)
        if name not in existing:
            api.post(_VOLUMES, volume(name=name, folder=folder))
    # A claim made before the controller has taken note of the volumes waits for its next round, 15 s later.
    wait_for(lambda: "Pending" not in _phases(api=api).values(), seconds=30, what="the volumes are not Available")


def recycle_volumes(*, state: State, api: Api) -> int:
    """Empty each released volume and offer it again; how many there were.

    One that is still mounted waits: after a forced deletion its container may be writing yet.
    """
    recycled = 0
    mounted = {Path(target).name for target in mount_points(folder=state.kubelet)}
    for name, phase in _phases(api=api).items():
        if phase == "Released" and name not in mounted:
            empty(state.volumes / name)
            api.patch(f"{_VOLUMES}/{name}", {"spec": {"claimRef": None}})
            recycled += 1
    return recycled


def empty(folder: Path) -> None:
    """Remove what is in a volume's folder, and the group that a pod's fsGroup gave it."""
    if folder.is_symlink() or not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    shutil.chown(folder, user=0, group=0)
    folder.chmod(0o755)


def storage_class() -> dict[str, Any]:
    """Immediate binding: with one node there is nothing to wait for."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": STORAGE_CLASS,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "Immediate",
        "reclaimPolicy": "Retain",
    }


def volume(*, name: str, folder: Path) -> dict[str, Any]:
    """A PersistentVolume for one folder of the node."""
    on_node = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE_NAME]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "storageClassName": STORAGE_CLASS,
            "capacity": {"storage": VOLUME_SIZE},
            "accessModes": ["ReadWriteOnce", "ReadWriteMany", "ReadOnlyMany"],
            "persistentVolumeReclaimPolicy": "Retain",
            "local": {"path": str(folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [on_node]}]}},
        },
    }


def _phases(*, api: Api) -> dict[str, str]:
    """The phase of each volume of the pool; a new one has none yet."""
    return {
        item["metadata"]["name"]: item.get("status", {}).get("phase", "Pending")
        for item in api.get(_VOLUMES)["items"]
        if item["spec"].get("storageClassName") == STORAGE_CLASS
    }


def _names(*, api: Api, path: str) -> set[str]:
    return {item["metadata"]["name"] for item in api.get(path)["items"]}
