"""Images from the store into the node's containerd, and only when they are not there yet."""

from __future__ import annotations

import json

from tests.cluster.command import run
from tests.cluster.console import ClusterError, step
from tests.cluster.node import ctr
from tests.cluster.state import State
from tests.cluster.store import buildah, image_id


def load_image(*, state: State, image: str) -> None:
    """Make an image of the store known to the kubelet under the same name, as `kind load` does."""
    stored = image if image.startswith("localhost/") else f"localhost/{image}"
    identity = image_id(state=state, name=stored)
    if identity is None:
        raise ClusterError(f"{image} is not in the image store: build it first (python -m tests.cluster build)")
    name = node_name(image=image)
    record = state.images / "loaded.json"
    loaded = json.loads(record.read_text()) if record.exists() else {}
    present = loaded_images(state=state).get(name)
    if present is not None and loaded.get(name) == [identity, present]:
        return
    archive = state.images / "load.tar"
    with step(f"load {image}"):
        archive.unlink(missing_ok=True)
        try:
            buildah(state=state, words=["push", "--quiet", stored, f"docker-archive:{archive}:{name}"])
            run(ctr(state=state, words=["images", "import", str(archive)]))
        finally:
            archive.unlink(missing_ok=True)
    digest = loaded_images(state=state).get(name)
    if digest is None:
        raise ClusterError(f"{image} was imported, but containerd does not list {name}")
    record.write_text(json.dumps(loaded | {name: [identity, digest]}))


def loaded_images(*, state: State) -> dict[str, str]:
    """The digest of each image that the node has, by full name."""
    rows = run(ctr(state=state, words=["images", "list"])).splitlines()[1:]
    return {words[0]: words[2] for words in (row.split() for row in rows) if len(words) > 2}


def node_name(*, image: str) -> str:
    """The full name under which the kubelet looks for an image that a pod calls `retrain-operator:dev`."""
    first = image.partition("/")[0]
    if "/" in image and ("." in first or ":" in first or first == "localhost"):
        return image
    return f"docker.io/{image}" if "/" in image else f"docker.io/library/{image}"
