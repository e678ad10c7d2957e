"""`spec.evaluation`: how a model is judged."""

from __future__ import annotations

from dataclasses import dataclass

from retrain_trainer.errors import SpecError
from retrain_trainer.spec.model import Task
from retrain_trainer.spec.reading import Reader

DEFAULT_METRIC: dict[Task, str] = {"Classification": "balanced_accuracy", "Regression": "r2"}

#: As in the CRD.
MAX_GUARDRAILS = 16
MAX_SLICES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardSpec:
    """A bound that a challenger's score must keep, or be not clearly worse than the champion there.

    column: the score of each of its values (a slice); None: of the whole holdout (a guardrail). metric: None for
    `spec.evaluation.metric`. Exactly one of min and max. path: where it stands, for messages.
    """

    path: str
    column: str | None = None
    metric: str | None = None
    min: float | None = None
    max: float | None = None
    min_rows: int = 100

    @property
    def bound(self) -> float:
        """The number of min or max."""
        return self.min if self.min is not None else self.max or 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSpec:
    """The metric and its threshold. Without a metric: balanced_accuracy or r2, by task."""

    metric: str | None = None
    threshold: float | None = None
    guardrails: tuple[GuardSpec, ...] = ()
    slices: tuple[GuardSpec, ...] = ()


def read_evaluation(reader: Reader) -> EvaluationSpec:
    """Raises SpecError naming the field."""
    parsed = EvaluationSpec(
        metric=reader.text("metric"),
        threshold=reader.number("threshold"),
        guardrails=_guards(reader, name="guardrails", most=MAX_GUARDRAILS),
        slices=_guards(reader, name="slices", most=MAX_SLICES),
    )
    reader.finish()
    return parsed


def _guards(reader: Reader, *, name: str, most: int) -> tuple[GuardSpec, ...]:
    guards = []
    for index, section in enumerate(reader.sections(name)):
        path = f"spec.evaluation.{name}[{index}]"
        of_slice = name == "slices"
        guard = GuardSpec(
            path=path,
            column=section.required_text("column") if of_slice else None,
            metric=section.text("metric") if of_slice else section.required_text("metric"),
            min=section.number("min"),
            max=section.number("max"),
            min_rows=section.integer("minRows", default=100, low=1),
        )
        section.finish()
        if (guard.min is None) == (guard.max is None):
            raise SpecError(reason="InvalidSpec", message=f"{path}: set min or max, one of them and not both")
        guards.append(guard)
    if len(guards) > most:
        raise SpecError(
            reason="InvalidSpec", message=f"spec.evaluation.{name} has {len(guards)} entries; at most {most} can be"
        )
    return tuple(guards)
