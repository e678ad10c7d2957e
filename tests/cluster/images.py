"""Images without Docker: a base from Debian packages, the pods' pause program, and the targets of the Dockerfile."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tests.cluster.command import run
from tests.cluster.console import ClusterError, step
from tests.cluster.golang import find_go
from tests.cluster.settings import BASE_IMAGE, BASE_PACKAGES, BASE_SUITE, PAUSE_IMAGE, TAG, TARGETS
from tests.cluster.state import State
from tests.cluster.store import buildah, image_id, mounts

REPOSITORY: Final = Path(__file__).resolve().parents[2]
_INPUTS: Final = ("Dockerfile", ".dockerignore", "requirements", "operator", "trainer")
_PAUSE: Final = """package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGINT, syscall.SIGTERM)
	<-end
}
"""


def image_name(*, target: str, tag: str = TAG) -> str:
    """What pods say in `image:` for a target of the Dockerfile."""
    if target not in TARGETS:
        raise ClusterError(f"there is no image target {target!r}; the Dockerfile has: {', '.join(TARGETS)}")
    return f"{TARGETS[target]}:{tag}"


def build_image(*, state: State, target: str, tag: str = TAG, context: Path = REPOSITORY) -> str:
    """Build a target of the Dockerfile and return its name; nothing happens when its inputs are those of last time."""
    name = image_name(target=target, tag=tag)
    ensure_base(state=state)
    base = image_id(state=state, name=BASE_IMAGE) or ""
    digest = inputs_digest(folder=context, names=_INPUTS, more=(target, base))
    record = state.images / f"{name.replace(':', '-')}.json"
    if record.exists() and json.loads(record.read_text()) == [digest, image_id(state=state, name=f"localhost/{name}")]:
        return name
    with step(f"build image {name}"):
        buildah(state=state, words=["rm", "--all"])  # an interrupted build leaves its containers
        buildah(
            state=state,
            words=[
                *("build", "--layers", "--pull-never", "--target", target, "--tag", name),
                *("--build-arg", f"BASE_IMAGE={BASE_IMAGE}", *mounts(state=state), str(context)),
            ],
            log=state.logs / f"build-{target}.log",
        )
    record.write_text(json.dumps([digest, image_id(state=state, name=f"localhost/{name}")]))
    return name


def ensure_base(*, state: State) -> None:
    """The base image, with the Python of the Dockerfile's own: Debian's packages are in reach, a registry is not."""
    if image_id(state=state, name=BASE_IMAGE):
        return
    folder = state.images / "base"
    shutil.rmtree(folder, ignore_errors=True)
    with step(f"build {BASE_IMAGE}"):
        run(
            ["debootstrap", "--variant=minbase", f"--include={','.join(BASE_PACKAGES)}", BASE_SUITE, folder / "root"],
            log=state.logs / "debootstrap.log",
        )
        for path in ("var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "var/log"):
            shutil.rmtree(folder / "root" / path, ignore_errors=True)
            (folder / "root" / path).mkdir(parents=True)
        (folder / "root" / "etc" / "resolv.conf").write_text("")
        dockerfile = folder / "Dockerfile"
        dockerfile.write_text('FROM scratch\nCOPY root /\nCMD ["/bin/bash"]\n')
        _commit(state=state, name=BASE_IMAGE, folder=folder)
    shutil.rmtree(folder)


def ensure_pause(*, state: State) -> None:
    """The program that holds a pod's network open: it waits, and nothing else."""
    if image_id(state=state, name=PAUSE_IMAGE):
        return
    folder = state.images / "pause"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    go = find_go(state=state)
    with step(f"build {PAUSE_IMAGE}"):
        (folder / "pause.go").write_text(_PAUSE)
        run([go, "build", "-trimpath", "-ldflags", "-s -w", "pause.go"], cwd=folder, env={"CGO_ENABLED": "0"})
        (folder / "Dockerfile").write_text('FROM scratch\nCOPY pause /pause\nUSER 65535:65535\nENTRYPOINT ["/pause"]\n')
        _commit(state=state, name=PAUSE_IMAGE, folder=folder)
    shutil.rmtree(folder)


def inputs_digest(*, folder: Path, names: Iterable[str], more: Iterable[str]) -> str:
    """A digest over paths, modes and contents of everything a build can see, and over `more`."""
    digest = hashlib.sha256()
    for word in more:
        digest.update(f"{word}\0".encode())
    for name in names:
        top = folder / name
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
                digest.update(f"{path.relative_to(folder)}\0{path.stat().st_mode & 0o111:o}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _commit(*, state: State, name: str, folder: Path) -> None:
    log = state.logs / f"build-{folder.name}.log"
    buildah(state=state, words=["build", "--pull-never", "--tag", name, str(folder)], log=log)
