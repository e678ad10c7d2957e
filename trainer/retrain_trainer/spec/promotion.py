"""`spec.promotion`: when a challenger replaces the champion."""

from __future__ import annotations

from dataclasses import dataclass

from retrain_trainer.spec.reading import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionSpec:
    """When a challenger replaces the champion. `min_score` is the floor of a first version; default: the threshold."""

    min_improvement: float = 0.0
    confidence: float = 0.95
    min_score: float | None = None


def read_promotion(reader: Reader) -> PromotionSpec:
    """Raises SpecError naming the field."""
    parsed = PromotionSpec(
        min_improvement=reader.number("minImprovement", low=0) or 0.0,
        confidence=reader.number("confidence", low=0.5, high=0.999) or 0.95,
        min_score=reader.number("minScore"),
    )
    reader.finish()
    return parsed
