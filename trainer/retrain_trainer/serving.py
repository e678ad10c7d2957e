"""Models for those who use them: `retrain_trainer.load_champion("pvc://models/team/policy").predict(rows)`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from retrain_trainer.errors import DataUnavailable
from retrain_trainer.registry.address import open_store, parse_registry_uri
from retrain_trainer.registry.log import Registry
from retrain_trainer.registry.store import DirectoryStore, Store

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

_VERSION = re.compile(r"(.*?)/?versions/([0-9]+)/?")


def load_champion(location: str | Path, *, mounts: Mapping[str, Path] | None = None) -> Pipeline:
    """The champion of a policy, ready to predict; or one version, where `location` ends in `versions/<n>`.

    `location` is a folder, a `pvc://claim/path` or an `s3://bucket/prefix` URI of a policy in a registry, as
    `status.modelURI` has it. `mounts` tells where claims are (default `/mnt/claims/<claim>`); what a bucket needs
    stands in the environment (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, …) or comes with the pod's identity. The model takes
    rows by name: a dict of columns, a list of dicts, or a data frame. It is verified against its manifest before it is
    loaded.

    Raises SpecError (`InvalidURI`), DataUnavailable (`ClaimMissing`, `NoChampion`, and those of a bucket) or
    RegistryDamaged, naming the file.
    """
    from retrain_trainer.model.persist import load_model

    text = str(location)
    match = _VERSION.fullmatch(text)
    registry = Registry(store=_store(match[1] if match else text, mounts or {}))
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


def _store(text: str, mounts: Mapping[str, Path]) -> Store:
    if "://" not in text:
        return DirectoryStore(mount=Path(text))
    return open_store(location=parse_registry_uri(uri=text, path="location"), below="", claims=mounts)
