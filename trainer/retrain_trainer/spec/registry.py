"""`spec.registry`: where versions, promotions and runs are kept."""

from __future__ import annotations

from dataclasses import dataclass

from retrain_trainer.spec.reading import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySpec:
    """Where versions, promotions and runs are kept; below it come namespace and name of the policy.

    keep_versions: models of so many newest versions are kept, besides those that are needed; 0: all.
    """

    uri: str
    keep_versions: int = 0


def read_registry(reader: Reader) -> RegistrySpec:
    """Raises SpecError naming the field."""
    parsed = RegistrySpec(
        uri=reader.required_text("uri"), keep_versions=reader.integer("keepVersions", default=0, low=1)
    )
    reader.finish()
    return parsed
