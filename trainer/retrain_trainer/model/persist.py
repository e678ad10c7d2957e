"""Saves models with skops (no pickle), and loads them as if the file came from an enemy.

Before a file is parsed its sha256 must be the one of its manifest. Then: a zip of plain size and names, only types of
our own fixed list (never the file's), sound trees, and one prediction — all first in a child process without secrets in
its environment, since a tampered model can crash the interpreter it is loaded in. Costs one import of scikit-learn
(about 1.5 s); a crash of the run would be retried, and look like bad luck.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import json
import os
import platform
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from sklearn.exceptions import InconsistentVersionWarning
from sklearn.pipeline import Pipeline
from skops.io import dumps as skops_dumps
from skops.io import get_untrusted_types
from skops.io import loads as skops_loads
from skops.io.exceptions import UntrustedTypesFoundException

from retrain_trainer.errors import RegistryDamaged, SpecError
from retrain_trainer.model.encoder import RowEncoder
from retrain_trainer.model.trees import check_trees
from retrain_trainer.model.trust import FIXED_TYPES, trusted_types

#: Largest model file, and largest sum of its parts once unpacked.
MAX_BYTES = 2 << 30
MAX_UNPACKED_BYTES = 8 << 30
MAX_PARTS = 200_000

#: Seconds that the child may take to load and predict.
PROBE_SECONDS = 300.0

#: Digests of what this process itself saved: bytes with such a digest are its own, and need no child to try them in. A
#: back-test loads some hundred models that it made a moment ago.
_MADE_HERE: set[str] = set()

_PARTS = {".json", ".npy", ".npz", ".bin"}
_LIBRARIES = ("scikit-learn", "numpy", "scipy", "skops", "retrain-operator")


def library_versions() -> dict[str, str]:
    """What a model file depends on, for its manifest: Python and the libraries, by name."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # run from a checkout
            continue
    return found


def dumps(*, model: Pipeline) -> bytes:
    """The model as a skops file. Two dumps of one model differ in bytes; a digest names a file, not a model.

    Raises SpecError `UnsaveableModel` when the model holds a type that would be refused when it is loaded.
    """
    try:
        data: bytes = skops_dumps(model, compression=zipfile.ZIP_DEFLATED, compresslevel=1)
        alien = sorted(set(get_untrusted_types(data=data)) - FIXED_TYPES - trusted_types())
    except (TypeError, ValueError, AttributeError) as error:
        raise SpecError(
            reason="UnsaveableModel",
            message=f"spec.model: this estimator or one of its parameters cannot be saved: {str(error)[:120]}",
        ) from error
    if alien:
        raise SpecError(
            reason="UnsaveableModel",
            message=f"spec.model: the model holds {alien[0][:120]}, which is not trusted when models are loaded; "
            "choose another parameter, or name the type in `retrain_trusted_types` of your registered estimator",
        )
    _MADE_HERE.add(digest(data))
    return data


def save(*, model: Pipeline, path: Path) -> str:
    """Writes the model to `path` and returns `sha256:<hex>` of the file. Raises what `dumps` raises."""
    data = dumps(model=model)
    path.write_bytes(data)
    return digest(data)


def digest(data: bytes) -> str:
    """`sha256:<hex>`."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def load_model(
    *, data: bytes | Path, sha256: str, versions: Mapping[str, str] | None = None, any_version: bool = False
) -> Pipeline:
    """The model in a file whose digest (`sha256:<hex>` or the hex alone) and library versions its manifest tells.

    `any_version`: take it also if another scikit-learn wrote it, as long as it loads and predicts. Only for a champion
    that is to be compared: what it says now is what it would say in use here, and a challenger that is better than
    that is better. scikit-learn promises nothing about such models, so they are not served.

    Raises RegistryDamaged: `ChampionMissing` (no file), `ChampionCorrupt` (digest, not a whole skops file),
    `ChampionUntrusted` (a type we do not trust, an unsound tree, a crash of the child), `ChampionUnloadable` (made by
    other library versions, which the message names).
    """
    content = _content(data)
    if digest(content).removeprefix("sha256:") != sha256.removeprefix("sha256:"):
        raise RegistryDamaged(
            reason="ChampionCorrupt",
            message=f"the model file has {digest(content)[:19]}…, its manifest says "
            f"{sha256.removeprefix('sha256:')[:12]}…; restore the file, or roll back to another version",
        )
    check_archive(content)
    if digest(content) not in _MADE_HERE:
        _probe(content=content, versions=versions, any_version=any_version)
    return parse(content, versions=versions, any_version=any_version)


def _content(data: bytes | Path) -> bytes:
    if isinstance(data, bytes):
        return data
    try:
        if data.stat().st_size > MAX_BYTES:
            raise RegistryDamaged(reason="ChampionCorrupt", message=f"the model file {data.name} is larger than 2 GiB")
        return data.read_bytes()
    except OSError as error:
        raise RegistryDamaged(
            reason="ChampionMissing", message=f"the model file {data.name} cannot be read: {error.strerror or error}"
        ) from error


def check_archive(data: bytes) -> None:
    """Refuses what is no skops file by its outside: magic, names and sizes. RegistryDamaged `ChampionCorrupt`."""
    if not data.startswith(b"PK\x03\x04"):
        raise _corrupt("it is no skops file (a pickle or joblib file is never loaded)")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise _corrupt(f"it is no whole zip file: {str(error)[:60]}") from error
    names = [part.filename for part in parts]
    for name in names:
        if PurePosixPath(name).name != name or PurePosixPath(name).suffix not in _PARTS or "\\" in name:
            raise _corrupt(f"it holds a part that skops does not write: {name[:60]!r}")
    if "schema.json" not in names or len(set(names)) != len(names) or len(names) > MAX_PARTS:
        raise _corrupt("it has no schema.json, a part twice, or too many parts")
    if any(part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for part in parts):
        raise _corrupt("it is packed in a way that skops does not write")
    unpacked = sum(part.file_size for part in parts)
    if unpacked > MAX_UNPACKED_BYTES:
        raise _corrupt(f"it would unpack to {unpacked:,} bytes; at most {MAX_UNPACKED_BYTES:,} are read")


def parse(data: bytes, *, versions: Mapping[str, str] | None = None, any_version: bool = False) -> Pipeline:
    """Builds the model in *this* process. Only for bytes whose digest and archive were checked; see `load_model`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("ignore" if any_version else "error", InconsistentVersionWarning)
        try:
            model: Any = skops_loads(data, trusted=sorted(FIXED_TYPES | trusted_types()))
        except UntrustedTypesFoundException as error:
            raise RegistryDamaged(
                reason="ChampionUntrusted",
                message=f"the model file holds types that are not trusted: {str(error)[:160]}; it is not loaded",
            ) from error
        except InconsistentVersionWarning as error:
            raise _unloadable(why="", versions=versions) from error
        except (Exception, RecursionError) as error:
            raise _unloadable(why=f"{type(error).__name__}: {str(error)[:60]}", versions=versions) from error
    if not isinstance(model, Pipeline) or not model.steps or not isinstance(model.steps[0][1], RowEncoder):
        raise RegistryDamaged(
            reason="ChampionUntrusted", message="the model file holds no pipeline of this trainer; it is not loaded"
        )
    try:
        check_trees(model)
    except Exception as error:
        raise RegistryDamaged(
            reason="ChampionUntrusted", message=f"the model file was tampered with: {str(error)[:120]}"
        ) from error
    return model


def _probe(*, content: bytes, versions: Mapping[str, str] | None, any_version: bool) -> None:
    """Loads and predicts once in a child process, with none of our environment but where Python's modules are."""
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    command = [sys.executable, "-P", "-m", "retrain_trainer.model.probe", json.dumps(dict(versions or {}))]
    command += ["any-version"] if any_version else []
    try:
        child = subprocess.run(
            command, input=content, capture_output=True, timeout=PROBE_SECONDS, env=environment, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise RegistryDamaged(
            reason="ChampionUntrusted",
            message=f"the model file did not load and predict within {PROBE_SECONDS:g} s in a child process",
        ) from error
    if child.returncode == 0:
        return
    if child.returncode == 3:
        problem = json.loads(child.stdout)
        raise RegistryDamaged(reason=str(problem["reason"]), message=str(problem["message"]))
    raise RegistryDamaged(
        reason="ChampionUntrusted",
        message=f"a child process that loaded the model file ended with status {child.returncode} "
        "(negative: the signal that killed it); it is not loaded here",
    )


def _corrupt(why: str) -> RegistryDamaged:
    return RegistryDamaged(reason="ChampionCorrupt", message=f"the model file cannot be used: {why}")


def _unloadable(*, why: str, versions: Mapping[str, str] | None) -> RegistryDamaged:
    """Names the libraries whose versions differ from those the model was made with."""
    here = library_versions()
    differing = [
        f"{name} {made} (here {here.get(name, 'none')})"
        for name, made in sorted((versions or {}).items())
        if made != here.get(name)
    ]
    text = f"made with {', '.join(differing)[:160]}" if differing else f"scikit-learn here is {here['scikit-learn']}"
    cause = f"; {why}" if why else ""
    return RegistryDamaged(
        reason="ChampionUnloadable",
        message=f"the model file cannot be loaded by these library versions: {text}{cause}; train a new version, or "
        "use the image that made it",
    )
