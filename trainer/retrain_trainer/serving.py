"""Models for those who use them: `retrain_trainer.load_champion("pvc://models/team/policy").predict(rows)`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from retrain_trainer.data.source import DEFAULT_CLAIMS, parse_uri, resolve
from retrain_trainer.errors import DataUnavailable
from retrain_trainer.registry.log import Registry
from retrain_trainer.registry.store import DirectoryStore

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

_VERSION = re.compile(r"(.*?)/?versions/([0-9]+)/?")


def load_champion(location: str | Path, *, mounts: Mapping[str, Path] | None = None) -> Pipeline:
    """The champion of a policy, ready to predict; or one version, where `location` ends in `versions/<n>`.

    `location` is a folder or a `pvc://claim/path` URI of a policy in a registry, as `status.modelURI` has it. `mounts`
    tells where claims are (default `/mnt/claims/<claim>`). The model takes rows by name: a dict of columns, a list of
    dicts, or a data frame. It is verified against its manifest before it is loaded.

    Raises DataUnavailable (`ClaimMissing`, `NoChampion`) or RegistryDamaged, naming the file.
    """
    from retrain_trainer.model.persist import load_model

    folder = _folder(str(location), mounts or {})
    match = _VERSION.fullmatch(str(folder))
    registry = Registry(store=DirectoryStore(mount=Path(match[1]) if match else folder))
    if match:
        manifest = registry.manifest(version=int(match[2]))
    else:
        champion = registry.champion()
        if champion is None:
            raise DataUnavailable(
                reason="NoChampion",
                message=f"{location} has no champion; is this the folder <registry>/<namespace>/<policy>?",
            )
        manifest = champion.manifest
    return load_model(data=registry.model(manifest=manifest), sha256=manifest.model_digest, versions=manifest.libraries)


def _folder(location: str, mounts: Mapping[str, Path]) -> Path:
    if "://" not in location:
        return Path(location)
    place = parse_uri(uri=location, path="location")
    return resolve(location=place, claims=mounts, default=DEFAULT_CLAIMS) / place.path
