"""`spec.evaluation`: how a model is judged."""

from __future__ import annotations

from dataclasses import dataclass

from retrain_trainer.spec.reading import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSpec:
    """The metric and its threshold. Without a metric: balanced_accuracy or r2, by task."""

    metric: str | None = None
    threshold: float | None = None


def read_evaluation(reader: Reader) -> EvaluationSpec:
    """Raises SpecError naming the field."""
    parsed = EvaluationSpec(metric=reader.text("metric"), threshold=reader.number("threshold"))
    reader.finish()
    return parsed
