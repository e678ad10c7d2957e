"""Prometheus, promtool and Alertmanager for tests: those of the machine, else out of Debian packages, not installed."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from tests.cluster.command import run, succeeds
from tests.cluster.console import ClusterError, step
from tests.cluster.state import State

#: Debian's packages, and the programs that are taken out of each.
_PACKAGES: Final = {
    "prometheus": ("prometheus", "promtool"),
    "prometheus-alertmanager": ("prometheus-alertmanager", "amtool"),
}


def prometheus_programs(*, state: State) -> Path:
    """The folder with prometheus and promtool; the package (18 MiB) is downloaded once."""
    return _programs(package="prometheus", state=state)


def alertmanager_programs(*, state: State) -> Path:
    """The folder with prometheus-alertmanager, amtool and share/; the package (10 MiB) is downloaded once."""
    return _programs(package="prometheus-alertmanager", state=state)


def _programs(*, package: str, state: State) -> Path:
    programs = _PACKAGES[package]
    found = [shutil.which(name) for name in programs]
    if all(found) and found[0]:
        return Path(found[0]).parent
    with state.locked():
        if not all((state.prometheus / name).exists() for name in programs):
            _unpack(package=package, to=state.prometheus)
    return state.prometheus


def _unpack(*, package: str, to: Path) -> None:
    if shutil.which("apt-get") is None:
        raise ClusterError(f"no {package} in PATH, and no apt-get to fetch Debian's package with")
    with step(f"fetch the Debian package {package}"), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        if os.geteuid() == 0 and not succeeds(["apt-cache", "show", package]):
            run(["apt-get", "update"])
        run(["apt-get", "download", package], cwd=folder)
        [archive] = folder.glob("*.deb")
        run(["dpkg-deb", "--extract", archive, folder / "files"])
        to.mkdir(parents=True, exist_ok=True)
        # Debian's Alertmanager reads its templates where the package would have put them.
        templates = Path("share", "prometheus", "alertmanager")
        if (folder / "files" / "usr" / templates).exists():
            shutil.copytree(folder / "files" / "usr" / templates, to / templates, dirs_exist_ok=True)
        for program in _PACKAGES[package]:
            shutil.copy2(folder / "files" / "usr" / "bin" / program, to / f".{program}.unfinished")
            (to / f".{program}.unfinished").rename(to / program)
