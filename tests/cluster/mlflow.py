"""An MLflow server for tests: the whole of MLflow from hash-locked requirements, in an environment of its own."""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path
from typing import Final

from tests.cluster.command import run
from tests.cluster.console import step
from tests.cluster.state import State

_REQUIREMENTS: Final = Path(__file__).parents[2] / "requirements" / "mlflow-server.txt"


def mlflow_python(*, state: State) -> Path:
    """The Python that `-m mlflow server` runs with; 640 MiB are installed once, in some 30 s."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = state.mlflow / f"{version}-{hashlib.sha256(_REQUIREMENTS.read_bytes()).hexdigest()[:12]}"
    with state.locked():
        if not (folder / "installed").exists():
            _install(folder)
    return folder / "bin" / "python"


def _install(folder: Path) -> None:
    shutil.rmtree(folder.parent, ignore_errors=True)  # older ones too
    with step("install MLflow's server"):
        run([sys.executable, "-m", "venv", folder])
        run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--require-hashes", "-r", _REQUIREMENTS])
        (folder / "installed").touch()
