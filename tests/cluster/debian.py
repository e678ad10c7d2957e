"""The Debian packages of the node: installed when missing, as the one change outside the state folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.cluster.command import environment, run
from tests.cluster.console import step
from tests.cluster.state import State

# package: a program (looked for in PATH) or file it brings
PACKAGES: Final = {
    "containerd": "containerd",
    "runc": "runc",
    "containernetworking-plugins": "/usr/lib/cni/bridge",
    "buildah": "buildah",
    "debootstrap": "debootstrap",
    "nftables": "nft",
    "iproute2": "ip",
    "mount": "mount",
    "openssl": "openssl",
    "ca-certificates": "/etc/ssl/certs/ca-certificates.crt",
}
_POLICY: Final = Path("/usr/sbin/policy-rc.d")


def install_packages(*, state: State) -> None:
    """Install what is missing, without starting any service of it."""
    missing = [name for name, probe in PACKAGES.items() if not _there(probe=probe)]
    if not missing:
        return
    log = state.logs / "apt.log"
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    with step(f"install Debian packages {' '.join(missing)}"), _no_services():
        run(["apt-get", "update"], env=env, log=log)
        run(["apt-get", "install", "--yes", "--no-install-recommends", *missing], env=env, log=log)


def _there(*, probe: str) -> bool:
    if probe.startswith("/"):
        return Path(probe).exists()
    return shutil.which(probe, path=environment()["PATH"]) is not None


@contextmanager
def _no_services() -> Iterator[None]:
    """Debian asks this file whether a freshly installed service may start; ours says no (101), then goes."""
    if _POLICY.exists():  # someone's own rule stays
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink(missing_ok=True)
