"""`spec.registry`: where versions, promotions and runs are kept."""

from __future__ import annotations

from dataclasses import dataclass

from retrain_trainer.spec.reading import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySpec:
    """Where versions, promotions and runs are kept; below it come namespace and name of the policy."""

    uri: str


def read_registry(reader: Reader) -> RegistrySpec:
    """Raises SpecError naming the field."""
    parsed = RegistrySpec(uri=reader.required_text("uri"))
    reader.finish()
    return parsed
