"""An overlay as a user writes one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).parents[2]


def write_overlay(*, folder: Path, namespace: str, manifests: str, components: Sequence[str] = ()) -> Path:
    """A kustomization in `folder` that puts `manifests` of this repository, and components, into a namespace."""
    folder.mkdir(parents=True, exist_ok=True)

    def place(name: str) -> str:
        return os.path.relpath(REPOSITORY / name, folder.resolve())

    (folder / "kustomization.yaml").write_text(
        yaml.safe_dump(
            {
                "apiVersion": "kustomize.config.k8s.io/v1beta1",
                "kind": "Kustomization",
                "namespace": namespace,
                "resources": [place(manifests)],
                "components": [place(component) for component in components],
            }
        )
    )
    return folder
