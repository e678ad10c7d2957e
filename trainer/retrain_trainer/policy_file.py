"""A RetrainPolicy as a file: what a person has who has no cluster, or does not want to use it yet."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retrain_trainer.errors import DataUnavailable, SpecError
from retrain_trainer.spec.reading import shown


def read_policy(path: Path) -> Mapping[str, Any]:
    """The object in the file. DataUnavailable `PolicyMissing`; SpecError `InvalidSpec` where it holds another thing."""
    import yaml

    try:
        policy = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise DataUnavailable(reason="PolicyMissing", message=f"{path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a month 13, a giant number
        raise SpecError(reason="InvalidSpec", message=f"{path} is no YAML: {error}") from error
    if not isinstance(policy, Mapping) or policy.get("kind") != "RetrainPolicy":
        raise SpecError(reason="InvalidSpec", message=f"{path} must hold one object of kind RetrainPolicy")
    _check_json(policy.get("spec"), path="spec")
    return policy


def described(policy: Mapping[str, Any]) -> dict[str, Any]:
    """The part that `contract.describe` reads; the namespace is `default` unless the file names one."""
    metadata = policy.get("metadata")
    named = dict(metadata) if isinstance(metadata, Mapping) else {}
    return {"namespace": "default", **named, "spec": policy.get("spec")}


def _check_json(value: Any, *, path: str, within: tuple[int, ...] = ()) -> None:
    """SpecError naming the field that no API server would hand on: YAML knows more than JSON, in fields of the operator
    too, which a version keeps with its spec.
    """
    if id(value) in within:
        raise SpecError(reason="InvalidSpec", message=f"{path} holds itself; write out what the YAML alias stands for")
    children: list[tuple[Any, str]] = []
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise SpecError(
                    reason="InvalidSpec", message=f"{path}.{shown(key)} is no name of a field; put it in quotes"
                )
            children.append((item, f"{path}.{key}"))
    elif isinstance(value, list):
        children = [(item, f"{path}[{index}]") for index, item in enumerate(value)]
    elif not isinstance(value, str | int | float | None) or (isinstance(value, float) and not math.isfinite(value)):
        told = shown(value) if isinstance(value, float | bytes | set) else str(value)
        raise SpecError(
            reason="InvalidSpec", message=f"{path}: {told} is neither text, a number, true nor false; put it in quotes"
        )
    for item, place in children:
        _check_json(item, path=place, within=(*within, id(value)))
