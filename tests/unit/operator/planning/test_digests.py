"""The digest of a spec takes it as the API server stores it, with the CRD's defaults in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

CRD = Path(__file__).parents[4] / "crds" / "retrainpolicies.yaml"

#: A default that a release adds here would be an edit of every policy there is: each would be checked on the day of the
#: upgrade. New fields have their defaults in the trainer.
DEFAULTS = {
    "data.holdout.minRows": 500,
    "model.seed": 0,
    "validation": {},
    "validation.minRows": 100,
    "validation.maxNullFraction": 0.5,
    "validation.showExamples": True,
    "validation.columns[].unique": False,
    "evaluation": {},
    "evaluation.guardrails[].minRows": 100,
    "evaluation.slices[].minRows": 100,
}


def defaults(schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Every field with a default, by its path."""
    if "default" in schema:
        yield path, schema["default"]
    for name, field in (schema.get("properties") or {}).items():
        yield from defaults(field, f"{path}.{name}" if path else name)
    if "items" in schema:
        yield from defaults(schema["items"], f"{path}[]")


def test_no_release_adds_a_default_to_what_defines_a_model() -> None:
    [version] = yaml.safe_load(CRD.read_text())["spec"]["versions"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    found = {
        path: value
        for section in ("data", "model", "validation", "evaluation")
        for path, value in defaults(spec[section], section)
    }
    assert found == DEFAULTS
