"""An overlay as a user writes one."""

from __future__ import annotations

import os
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).parents[2]


def write_overlay(*, folder: Path, namespace: str, manifests: str) -> Path:
    """A kustomization in `folder` that puts `manifests` of this repository into a namespace."""
    folder.mkdir(parents=True, exist_ok=True)
    resource = os.path.relpath(REPOSITORY / manifests, folder.resolve())
    (folder / "kustomization.yaml").write_text(
        yaml.safe_dump(
            {
                "apiVersion": "kustomize.config.k8s.io/v1beta1",
                "kind": "Kustomization",
                "namespace": namespace,
                "resources": [resource],
            }
        )
    )
    return folder
