"""The cluster as tests and the demo see it, whichever it is."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import embedded, images, kind, loading, volumes
from tests.cluster.choice import Kind, choose, this_machine
from tests.cluster.command import run
from tests.cluster.console import ClusterError, say
from tests.cluster.settings import NODE_ADDRESS, TAG
from tests.cluster.state import State, default_state


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A Kubernetes to work on: `kubectl --kubeconfig`, images, and its one node's life."""

    kind: Kind
    kubeconfig: Path
    kubectl: str
    state: State

    def build(self, target: str, *, tag: str = TAG) -> str:
        """Build a target of the Dockerfile (operator, trainer), load it, and return the name for `image:`."""
        if self.kind == "current":
            return _pushed_image(target=target)
        if self.kind == "kind":
            name = kind.build_image(target=target, tag=tag)
            kind.load_image(image=name)
            return name
        with self.state.locked():
            name = images.build_image(state=self.state, target=target, tag=tag)
            loading.load_image(state=self.state, image=name)
        return name

    def load(self, image: str) -> None:
        """Make a built image known to the node."""
        if self.kind == "current":
            raise ClusterError(f"CLUSTER=current: push {image} to a registry that your cluster pulls from")
        if self.kind == "kind":
            kind.load_image(image=image)
            return
        with self.state.locked():
            loading.load_image(state=self.state, image=image)

    @property
    def host_address(self) -> str:
        """The address at which pods find what listens on this machine."""
        if self.kind == "embedded":
            return NODE_ADDRESS
        if self.kind == "kind":
            return kind.gateway()
        raise ClusterError("CLUSTER=current: pods of someone else's cluster cannot reach this machine")

    def recycle_volumes(self) -> int:
        """Offer released volumes again; other clusters provision them and have nothing to recycle."""
        if self.kind != "embedded":
            return 0
        return volumes.recycle_volumes(state=self.state, api=embedded.api(state=self.state))

    def stop_node(self) -> None:
        """Lose the node: its kubelet and containerd stop, its containers go on unseen."""
        if self.kind == "current":
            raise ClusterError("CLUSTER=current: the node of someone else's cluster is not stopped")
        if self.kind == "kind":
            kind.stop_node()
        else:
            with self.state.locked():
                embedded.stop_node(state=self.state)

    def start_node(self) -> None:
        """Get the node back; returns when it is Ready."""
        if self.kind == "kind":
            kind.start_node()
        elif self.kind == "embedded":
            with self.state.locked():
                embedded.start_node(state=self.state)


def ensure_up() -> Cluster:
    """The cluster of this machine, brought up or repaired when it has to be; says in one line which it is."""
    chosen, why = choose(this_machine())
    say(f"using {chosen} ({why})")
    state = default_state()
    if chosen == "embedded":
        with state.locked():
            embedded.up(state=state)
    elif chosen == "kind":
        kind.up(state=state)
    return find(chosen=chosen, state=state)


def find(*, chosen: Kind, state: State) -> Cluster:
    """The cluster as it is, without starting anything."""
    if chosen == "embedded":
        return Cluster(kind=chosen, kubeconfig=state.kubeconfig, kubectl=str(state.kubectl), state=state)
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise ClusterError("kubectl is not installed")
    if chosen == "kind":
        return Cluster(kind=chosen, kubeconfig=kind.path(state=state), kubectl=kubectl, state=state)
    return Cluster(kind=chosen, kubeconfig=_current(state=state, kubectl=kubectl), kubectl=kubectl, state=state)


def _current(*, state: State, kubectl: str) -> Path:
    """A copy of the current context alone, so that a switch of contexts meanwhile cannot move the tests elsewhere."""
    path = state.root / "current.kubeconfig"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(run([kubectl, "config", "view", "--minify", "--flatten", "--raw"]))
    return path


def _pushed_image(*, target: str) -> str:
    """With CLUSTER=current images are where the user put them: RETRAIN_OPERATOR_IMAGE, RETRAIN_TRAINER_IMAGE, and
    RETRAIN_TRAINER_MLFLOW_IMAGE.
    """
    images.image_name(target=target)
    variable = f"RETRAIN_{target.upper().replace('-', '_')}_IMAGE"
    found = os.environ.get(variable)
    if not found:
        raise ClusterError(f"CLUSTER=current: set {variable} to an image that your cluster can pull")
    return found
