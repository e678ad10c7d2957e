"""Kubernetes, etcd and an S3 server, built from Go modules: package registries are all a closed network lets through.

Kubernetes is not made to be a dependency: its own staging modules are required at v0.0.0, and a `replace` for each
must say which release is meant. Their list is read from its go.mod, since it changes with every version.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Final

from tests.cluster.command import run
from tests.cluster.console import step
from tests.cluster.golang import find_go
from tests.cluster.settings import ETCD, KUBERNETES, VERSITYGW
from tests.cluster.state import State

PROGRAMS: Final = ("kube-apiserver", "kubelet", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubectl")
_GO_LINE: Final = "go 1.25\n"
_STAGING: Final = re.compile(r"^\s*(?:require\s+)?(k8s\.io/\S+) v0\.0\.0(?:\s*//.*)?$", re.MULTILINE)
_ETCD_MODULE: Final = "go.etcd.io/etcd/server/v3"
_S3_MODULE: Final = "github.com/versity/versitygw/cmd/versitygw"


def build_binaries(*, state: State) -> None:
    """Build what is missing; each program appears under its name only when it is complete."""
    missing = [name for name in PROGRAMS if not (state.bin / name).exists()]
    if missing:
        go = find_go(state=state)
        folder = state.root / "build" / f"kubernetes-{KUBERNETES}"
        with step("download Kubernetes modules"):
            _kubernetes_module(go=go, folder=folder)
        flags = f"-s -w -X k8s.io/component-base/version.gitVersion={KUBERNETES}"
        for name in missing:
            with step(f"build {name}"):
                _build(go=go, folder=folder, package=f"k8s.io/kubernetes/cmd/{name}", flags=flags, to=state.bin / name)
    if not (state.bin / "etcd").exists():
        go = find_go(state=state)
        folder = state.root / "build" / f"etcd-{ETCD}"
        with step("build etcd"):
            _tool_module(go=go, folder=folder, tools=[_ETCD_MODULE], version=ETCD, replacements=[])
            _build(go=go, folder=folder, package=_ETCD_MODULE, flags="-s -w", to=state.bin / "etcd")
    shutil.rmtree(state.root / "build", ignore_errors=True)


def build_s3_server(*, state: State) -> Path:
    """The S3 server of the tests, built once: it needs no cluster."""
    program = state.s3_server
    if not program.exists():
        go = find_go(state=state)
        folder = state.root / "build" / f"versitygw-{VERSITYGW}"
        program.parent.mkdir(parents=True, exist_ok=True)
        with step("build versitygw"):
            _tool_module(go=go, folder=folder, tools=[_S3_MODULE], version=VERSITYGW, replacements=[])
            _build(go=go, folder=folder, package=_S3_MODULE, flags="-s -w", to=program)
        shutil.rmtree(folder, ignore_errors=True)
    return program


def staging_modules(*, go_mod: str) -> list[str]:
    """The modules that a go.mod requires at v0.0.0: they live in the same repository and are replaced by a release."""
    return sorted(set(_STAGING.findall(go_mod)))


def staging_version(*, version: str) -> str:
    """The release of the staging modules that belongs to one of Kubernetes: v1.35.4 publishes them as v0.35.4."""
    return re.sub(r"^v1\.", "v0.", version)


def _kubernetes_module(*, go: str, folder: Path) -> None:
    module = f"k8s.io/kubernetes@{KUBERNETES}"
    downloaded = json.loads(run([go, "mod", "download", "-json", module], env={"GOTOOLCHAIN": "local"}))
    release = staging_version(version=KUBERNETES)
    modules = staging_modules(go_mod=Path(downloaded["GoMod"]).read_text())
    _tool_module(
        go=go,
        folder=folder,
        tools=[f"k8s.io/kubernetes/cmd/{name}" for name in PROGRAMS],
        version=KUBERNETES,
        replacements=[f"-replace={name}={name}@{release}" for name in modules],
        requirement=f"-require={module}",
    )


def _tool_module(
    *, go: str, folder: Path, tools: list[str], version: str, replacements: list[str], requirement: str | None = None
) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "go.mod").write_text(f"module example.com/tools\n\n{_GO_LINE}")
    if requirement:
        run([go, "mod", "edit", requirement, *replacements], cwd=folder)
    run([go, "get", "-tool", *(f"{tool}@{version}" for tool in tools)], cwd=folder, log=folder / "get.log")


def _build(*, go: str, folder: Path, package: str, flags: str, to: Path) -> None:
    unfinished = to.with_name(f".{to.name}.unfinished")
    run(
        ["nice", "-n", "5", go, "build", "-p", "2", "-trimpath", "-ldflags", flags, "-o", unfinished, package],
        cwd=folder,
        env={"CGO_ENABLED": "0"},
        log=folder / f"{to.name}.log",
    )
    unfinished.rename(to)
