"""Prometheus and promtool for tests: those of the machine, else out of the Debian package, which is not installed."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from tests.cluster.command import run, succeeds
from tests.cluster.console import ClusterError, step
from tests.cluster.state import State

PROGRAMS: Final = ("prometheus", "promtool")


def prometheus_programs(*, state: State) -> Path:
    """The folder with both programs; the package (18 MiB) is downloaded once."""
    found = [shutil.which(name) for name in PROGRAMS]
    if all(found) and found[0]:
        return Path(found[0]).parent
    with state.locked():
        if not all((state.prometheus / name).exists() for name in PROGRAMS):
            _unpack(to=state.prometheus)
    return state.prometheus


def _unpack(*, to: Path) -> None:
    if shutil.which("apt-get") is None:
        raise ClusterError("no prometheus and promtool in PATH, and no apt-get to fetch Debian's package with")
    with step("fetch the Debian package prometheus"), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        if os.geteuid() == 0 and not succeeds(["apt-cache", "show", "prometheus"]):
            run(["apt-get", "update"])
        run(["apt-get", "download", "prometheus"], cwd=folder)
        [package] = folder.glob("*.deb")
        run(["dpkg-deb", "--extract", package, folder / "files"])
        to.mkdir(parents=True, exist_ok=True)
        for program in PROGRAMS:
            shutil.copy2(folder / "files" / "usr" / "bin" / program, to / f".{program}.unfinished")
            (to / f".{program}.unfinished").rename(to / program)
