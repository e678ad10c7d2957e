"""`spec.triggers`: what calls for training."""

from __future__ import annotations

from dataclasses import dataclass

from retrain_trainer.spec.reading import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggersSpec:
    """What calls for training."""

    below_threshold: bool = True
    spec_change: bool = True


def read_triggers(reader: Reader) -> TriggersSpec:
    """Raises SpecError naming the field."""
    below, change = reader.section("belowThreshold"), reader.section("specChange")
    parsed = TriggersSpec(
        below_threshold=below.flag("enabled", default=True), spec_change=change.flag("enabled", default=True)
    )
    for section in (below, change, reader):
        section.finish()
    return parsed
