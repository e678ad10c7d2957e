"""A cluster in a Docker container, where Docker and kind are at hand."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.cluster.command import run
from tests.cluster.console import step
from tests.cluster.images import REPOSITORY, image_name
from tests.cluster.settings import CLUSTER_NAME
from tests.cluster.state import State

_NODE = f"{CLUSTER_NAME}-control-plane"


def up(*, state: State) -> None:
    """Create the cluster unless it exists, and write its kubeconfig."""
    if CLUSTER_NAME not in run(["kind", "get", "clusters"]).split():
        with step("create the kind cluster"):
            run(
                [
                    "kind",
                    "create",
                    "cluster",
                    "--name",
                    CLUSTER_NAME,
                    "--wait",
                    "120s",
                    "--kubeconfig",
                    path(state=state),
                ]
            )
    kubeconfig = path(state=state)
    kubeconfig.parent.mkdir(parents=True, exist_ok=True)
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(run(["kind", "get", "kubeconfig", "--name", CLUSTER_NAME]))


def down(*, state: State) -> None:
    run(["kind", "delete", "cluster", "--name", CLUSTER_NAME])
    path(state=state).unlink(missing_ok=True)


def path(*, state: State) -> Path:
    """The kubeconfig, apart from the user's own."""
    return state.root / "kind.kubeconfig"


def build_image(*, target: str, tag: str) -> str:
    """Build a target of the Dockerfile; Docker's own cache decides what is to do."""
    name = image_name(target=target, tag=tag)
    with step(f"build image {name}"):
        run(["docker", "build", "--quiet", "--target", target, "--tag", name, REPOSITORY])
    return name


def load_image(*, image: str) -> None:
    with tempfile.TemporaryDirectory() as folder, step(f"load {image}"):
        archive = Path(folder, "image.tar")
        run(["docker", "save", "--output", archive, image])
        run(["kind", "load", "image-archive", archive, "--name", CLUSTER_NAME])


def gateway() -> str:
    """The machine's own address in the network that Docker gave to kind."""
    found = run(["docker", "network", "inspect", "kind", "--format", "{{range .IPAM.Config}}{{.Gateway}} {{end}}"])
    return next(address for address in found.split() if "." in address)


def stop_node() -> None:
    run(["docker", "exec", _NODE, "systemctl", "stop", "kubelet", "containerd"])


def start_node() -> None:
    run(["docker", "exec", _NODE, "systemctl", "start", "containerd", "kubelet"])
