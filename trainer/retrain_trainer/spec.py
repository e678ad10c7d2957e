"""The part of a RetrainPolicy that a run reads, typed, with the defaults of the CRD.

The same parser serves the container (the API server has validated and defaulted the spec) and
`retrain-trainer run policy.yaml` (nobody has), so it checks everything again and names field, value and remedy.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any, Literal, get_args

from retrain_trainer.errors import SpecError
from retrain_trainer.reading import Reader, Scalar

Task = Literal["Classification", "Regression"]
ColumnType = Literal["Integer", "Number", "String", "Boolean", "Timestamp"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldoutSpec:
    """The newest rows, kept from training and used by the gate. Exactly one of window and fraction, or neither."""

    window: timedelta | None = None
    fraction: float | None = None
    gap: timedelta = timedelta(0)
    min_rows: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSpec:
    """Where the rows are and how they lie in time."""

    uri: str
    time_column: str | None = None
    window: timedelta | None = None
    label_delay: timedelta = timedelta(0)
    holdout: HoldoutSpec = field(default_factory=HoldoutSpec)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """What is predicted, from what, by what. `parameters` go to the estimator's constructor."""

    target: str
    task: Task | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    estimator: str | None = None
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    seed: int = 0
    positive_class: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRule:
    """What must hold for one column."""

    name: str
    type: ColumnType | None = None
    min: float | None = None
    max: float | None = None
    allowed: tuple[str, ...] = ()
    pattern: str | None = None
    max_null_fraction: float | None = None
    unique: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationSpec:
    """What must hold for the data before anything is trained or scored."""

    min_rows: int = 100
    max_age: timedelta | None = None
    max_null_fraction: float = 0.5
    columns: tuple[ColumnRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSpec:
    """The metric and its threshold. Without a metric: balanced_accuracy or r2, by task."""

    metric: str | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggersSpec:
    """What calls for training."""

    below_threshold: bool = True
    spec_change: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionSpec:
    """When a challenger replaces the champion. `min_score` is the floor of a first version; default: the threshold."""

    min_improvement: float = 0.0
    confidence: float = 0.95
    min_score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySpec:
    """Everything of `spec` that a run reads."""

    data: DataSpec
    model: ModelSpec
    registry_uri: str
    validation: ValidationSpec = field(default_factory=ValidationSpec)
    evaluation: EvaluationSpec = field(default_factory=EvaluationSpec)
    triggers: TriggersSpec = field(default_factory=TriggersSpec)
    promotion: PromotionSpec = field(default_factory=PromotionSpec)

    @property
    def digest(self) -> str:
        """sha256 over what defines the model: data, model, validation, evaluation without its threshold.

        A champion whose manifest carries another digest was made by another spec: that is the SpecChange trigger.
        """
        parts = {
            "data": asdict(self.data),
            "model": asdict(self.model),
            "validation": asdict(self.validation),
            "metric": self.evaluation.metric,
        }
        text = json.dumps(parts, sort_keys=True, default=lambda value: value.total_seconds())
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


#: Fields of `spec` that are the operator's: a run does not read them.
OPERATOR_FIELDS = ("schedule", "timeZone", "suspend", "startingDeadlineSeconds", "job", "runHistoryLimit")


def parse_spec(value: Mapping[str, Any]) -> PolicySpec:
    """The typed spec. Raises SpecError (exit code 64) that names the field, its value and what to write instead."""
    spec = Reader(value=value, path="spec")
    data, model = spec.section("data"), spec.section("model")
    registry = spec.section("registry")
    parsed = PolicySpec(
        data=_data(data),
        model=_model(model),
        registry_uri=registry.required_text("uri"),
        validation=_validation(spec.section("validation")),
        evaluation=_evaluation(spec.section("evaluation")),
        triggers=_triggers(spec.section("triggers")),
        promotion=_promotion(spec.section("promotion")),
    )
    registry.finish()
    spec.finish(ignore=OPERATOR_FIELDS)
    return parsed


def _data(reader: Reader) -> DataSpec:
    holdout = reader.section("holdout")
    parsed = DataSpec(
        uri=reader.required_text("uri"),
        time_column=reader.text("timeColumn"),
        window=reader.duration("window"),
        label_delay=reader.duration("labelDelay") or timedelta(0),
        holdout=HoldoutSpec(
            window=holdout.duration("window"),
            fraction=holdout.number("fraction", low=0.01, high=0.9),
            gap=holdout.duration("gap") or timedelta(0),
            min_rows=holdout.integer("minRows", default=500, low=1),
        ),
    )
    holdout.finish()
    reader.finish()
    if parsed.holdout.window is not None and parsed.holdout.fraction is not None:
        raise SpecError(reason="InvalidSpec", message="spec.data.holdout: set window or fraction, not both")
    if parsed.time_column is None:
        for name, used in {
            "data.window": parsed.window,
            "data.labelDelay": parsed.label_delay,
            "data.holdout.window": parsed.holdout.window,
            "data.holdout.gap": parsed.holdout.gap,
        }.items():
            if used:
                raise SpecError(reason="InvalidSpec", message=f"spec.{name} needs spec.data.timeColumn")
    return parsed


def _model(reader: Reader) -> ModelSpec:
    features = reader.section("features")
    parsed = ModelSpec(
        target=reader.required_text("target"),
        task=reader.choice("task", get_args(Task)),
        include=features.texts("include"),
        exclude=features.texts("exclude"),
        estimator=reader.text("estimator"),
        parameters=reader.scalars("parameters"),
        seed=reader.integer("seed", default=0),
        positive_class=reader.text("positiveClass"),
    )
    features.finish()
    reader.finish()
    return parsed


def _validation(reader: Reader) -> ValidationSpec:
    fraction = reader.number("maxNullFraction", low=0, high=1)
    parsed = ValidationSpec(
        min_rows=reader.integer("minRows", default=100, low=1),
        max_age=reader.duration("maxAge"),
        max_null_fraction=0.5 if fraction is None else fraction,
        columns=tuple(_column(column) for column in reader.sections("columns")),
    )
    reader.finish()
    return parsed


def _column(reader: Reader) -> ColumnRule:
    parsed = ColumnRule(
        name=reader.required_text("name"),
        type=reader.choice("type", get_args(ColumnType)),
        min=reader.number("min"),
        max=reader.number("max"),
        allowed=reader.texts("allowed"),
        pattern=reader.text("pattern"),
        max_null_fraction=reader.number("maxNullFraction", low=0, high=1),
        unique=reader.flag("unique", default=False),
    )
    reader.finish()
    return parsed


def _evaluation(reader: Reader) -> EvaluationSpec:
    parsed = EvaluationSpec(metric=reader.text("metric"), threshold=reader.number("threshold"))
    reader.finish()
    return parsed


def _triggers(reader: Reader) -> TriggersSpec:
    below, change = reader.section("belowThreshold"), reader.section("specChange")
    parsed = TriggersSpec(
        below_threshold=below.flag("enabled", default=True), spec_change=change.flag("enabled", default=True)
    )
    for section in (below, change, reader):
        section.finish()
    return parsed


def _promotion(reader: Reader) -> PromotionSpec:
    parsed = PromotionSpec(
        min_improvement=reader.number("minImprovement", low=0) or 0.0,
        confidence=reader.number("confidence", low=0.5, high=0.999) or 0.95,
        min_score=reader.number("minScore"),
    )
    reader.finish()
    return parsed
