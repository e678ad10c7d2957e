"""Which cluster to use: the one asked for, else kind, else the embedded one, else a message with the ways out."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from typing import Final, Literal, get_args

from tests.cluster.command import succeeds
from tests.cluster.console import ClusterError

Kind = Literal["embedded", "kind", "current"]

_NONE: Final = """no Kubernetes for demo and tests. Three ways out:
  1. CLUSTER=current: use the cluster of your current kubectl context
  2. install Docker and kind: a cluster in a container is made for you
  3. be root on a Debian-like Linux: one node is made from upstream Kubernetes (the first time in some ten minutes)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What the choice depends on."""

    asked: str
    kind_works: bool
    linux: bool
    root: bool
    apt: bool


def choose(machine: Machine) -> tuple[Kind, str]:
    """The cluster to use and, in words, why."""
    if machine.asked:
        for kind in get_args(Kind):
            if machine.asked == kind:
                return kind, f"CLUSTER={kind} asks for it"
        raise ClusterError(f"CLUSTER={machine.asked}: it must be one of {', '.join(get_args(Kind))}")
    if machine.kind_works:
        return "kind", "Docker answers and kind is installed"
    if machine.linux and machine.root and machine.apt:
        return "embedded", "root on a Debian-like Linux, and no Docker with kind"
    raise ClusterError(_NONE)


def this_machine() -> Machine:
    """Look around; Docker is only asked when nobody chose."""
    asked = os.environ.get("CLUSTER", "")
    return Machine(
        asked=asked,
        kind_works=not asked and shutil.which("kind") is not None and succeeds(["docker", "info"], timeout=10),
        linux=sys.platform == "linux",
        root=hasattr(os, "geteuid") and os.geteuid() == 0,
        apt=shutil.which("apt-get") is not None,
    )
