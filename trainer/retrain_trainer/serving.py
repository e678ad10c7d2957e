"""Models for those who use them: `retrain_trainer.load_champion("pvc://models/team/policy").predict(rows)`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from retrain_trainer.errors import DataUnavailable, RegistryDamaged
from retrain_trainer.registry.address import store_at
from retrain_trainer.registry.registry import Registry

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

_DIGEST = re.compile(r"[0-9a-f]{64}")
_VERSION = re.compile(r"(.*?)/?versions/([0-9]+)/?")


def load_champion(location: str | Path, *, mounts: Mapping[str, Path] | None = None) -> Pipeline:
    """The champion of a policy, ready to predict; or one version, where `location` ends in `versions/<n>`.

    `location` is a folder, a `pvc://claim/path` or an `s3://bucket/prefix` URI of a policy in a registry, as
    `status.modelURI` has it. `mounts` tells where claims are (default `/mnt/claims/<claim>`); what a bucket needs
    stands in the environment (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, …) or comes with the pod's identity. The model takes
    rows by name: a dict of columns, a list of dicts, or a data frame; none of them give no answers. It is verified
    against its manifest before it is loaded.

    Raises SpecError (`InvalidURI`), DataUnavailable (`ClaimMissing`, `NoChampion`, and those of a bucket) or
    RegistryDamaged, naming the file.
    """
    from retrain_trainer.model.persist import load_model
    from retrain_trainer.model.served import ServedPipeline

    text = str(location)
    match = _VERSION.fullmatch(text)
    registry = Registry(store=store_at(text=match[1] if match else text, claims=mounts or {}))
    if match:
        manifest = registry.versions.manifest(version=int(match[2]))
    else:
        champion = registry.champion()
        if champion is None:
            raise _no_champion(location)
        manifest = champion.manifest
    model = load_model(
        data=registry.versions.model(manifest=manifest), sha256=manifest.model_digest, versions=manifest.libraries
    )
    return ServedPipeline.of(model)


def load_file(path: str | Path) -> Pipeline:
    """The model in one file of a registry (`blobs/sha256/<hex>`), or in a folder that holds one.

    So KServe hands it to a serving runtime, in `/mnt/models`. The file is verified against its name, where it has kept
    it (a claim that is mounted directly makes `/mnt/models` the file itself). Its manifest is not at hand, so that it
    was made by the scikit-learn of this image shows only when it loads.

    Raises RegistryDamaged (`ChampionMissing`, `ChampionCorrupt`, `ChampionUntrusted`, `ChampionUnloadable`).
    """
    from retrain_trainer.model.persist import digest, load_model
    from retrain_trainer.model.served import ServedPipeline

    place = Path(path)
    if place.is_file() and not _DIGEST.fullmatch(place.name):
        content = place.read_bytes()
        return ServedPipeline.of(load_model(data=content, sha256=digest(content)))
    inside = sorted(place.iterdir()) if place.is_dir() else [place]
    files = [file for file in inside if _DIGEST.fullmatch(file.name)]
    if len(files) != 1:
        raise RegistryDamaged(
            reason="ChampionMissing",
            message=f"{place} has {len(files)} files named by a sha256, as models in a registry are; one is expected",
        )
    return ServedPipeline.of(load_model(data=files[0], sha256=files[0].name))


def champion_version(location: str | Path, *, mounts: Mapping[str, Path] | None = None) -> int:
    """The number of the champion of a policy: three small reads, to find out whether `load_champion` has a newer one.

    Raises what `load_champion` raises.
    """
    champion = Registry(store=store_at(text=str(location), claims=mounts or {})).champion()
    if champion is None:
        raise _no_champion(location)
    return champion.manifest.version


def _no_champion(location: str | Path) -> DataUnavailable:
    return DataUnavailable(
        reason="NoChampion",
        message=f"{location} has no champion; is this the folder <registry>/<namespace>/<policy>?",
    )
