"""A RetrainPolicy as a file: what a person has who has no cluster, or does not want to use it yet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retrain_trainer.errors import DataUnavailable, SpecError


def read_policy(path: Path) -> Mapping[str, Any]:
    """The object in the file. DataUnavailable `PolicyMissing`; SpecError `InvalidSpec` where it holds another thing."""
    import yaml

    try:
        policy = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise DataUnavailable(reason="PolicyMissing", message=f"{path} cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise SpecError(reason="InvalidSpec", message=f"{path} is no YAML: {error}") from error
    if not isinstance(policy, Mapping) or policy.get("kind") != "RetrainPolicy":
        raise SpecError(reason="InvalidSpec", message=f"{path} must hold one object of kind RetrainPolicy")
    return policy


def described(policy: Mapping[str, Any]) -> dict[str, Any]:
    """The part that `contract.describe` reads; the namespace is `default` unless the file names one."""
    metadata = policy.get("metadata")
    named = dict(metadata) if isinstance(metadata, Mapping) else {}
    return {"namespace": "default", **named, "spec": policy.get("spec")}
