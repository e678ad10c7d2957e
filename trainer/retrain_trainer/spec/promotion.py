"""`spec.promotion`: when a challenger replaces the champion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from retrain_trainer.errors import SpecError
from retrain_trainer.spec.reading import Reader

Rule = Literal["Superior", "NonInferior"]
OnIncomparable = Literal["Approve", "Promote"]
Mode = Literal["Automatic", "Manual", "Observe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionSpec:
    """When a challenger replaces the champion.

    Superior: better by more than `min_improvement`. NonInferior: not worse by `tolerance` (in the metric's units; None
    with Superior). min_score: the floor of a version that is compared with none; default the threshold.
    on_incomparable: what happens to a good version when the champion cannot be scored any more. mode: Manual waits for
    a person, Observe never promotes. approved_version acts on the waiting version only; pinned_version is the champion
    while it is set. probation_checks: so many checks after an automatic promotion look back; 0 for none.
    """

    rule: Rule = "Superior"
    min_improvement: float = 0.0
    tolerance: float | None = None
    confidence: float = 0.95
    min_score: float | None = None
    on_incomparable: OnIncomparable = "Approve"
    mode: Mode = "Automatic"
    approved_version: int | None = None
    pinned_version: int | None = None
    probation_checks: int = 0

    @property
    def goal(self) -> float:
        """What the lower bound of the difference must exceed."""
        return self.min_improvement if self.rule == "Superior" else -(self.tolerance or 0.0)


def read_promotion(reader: Reader) -> PromotionSpec:
    """Raises SpecError naming the field."""
    probation = reader.section("probation")
    parsed = PromotionSpec(
        rule=reader.choice("rule", get_args(Rule)) or "Superior",
        min_improvement=reader.number("minImprovement", low=0) or 0.0,
        tolerance=reader.number("tolerance", low=0),
        confidence=reader.number("confidence", low=0.5, high=0.999) or 0.95,
        min_score=reader.number("minScore"),
        on_incomparable=reader.choice("onIncomparable", get_args(OnIncomparable)) or "Approve",
        mode=reader.choice("mode", get_args(Mode)) or "Automatic",
        approved_version=reader.optional_integer("approvedVersion", low=1),
        pinned_version=reader.optional_integer("pinnedVersion", low=1),
        probation_checks=probation.integer("checks", default=3, low=1) if reader.has("probation") else 0,
    )
    probation.finish()
    reader.finish()
    if (parsed.rule == "NonInferior") != (parsed.tolerance is not None):
        raise SpecError(
            reason="InvalidSpec",
            message="spec.promotion.tolerance goes with rule: NonInferior, and only with it; it says by how much the "
            "challenger may be worse, in the metric's units",
        )
    if parsed.rule == "NonInferior" and parsed.min_improvement:
        raise SpecError(
            reason="InvalidSpec",
            message="spec.promotion.minImprovement goes with rule: Superior; with NonInferior write tolerance",
        )
    return parsed
