"""The whole spec as a run reads it, and its digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass, replace
from datetime import timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from retrain_trainer.errors import SpecError
from retrain_trainer.spec.data import DataSpec, read_data
from retrain_trainer.spec.evaluation import DEFAULT_METRIC, EvaluationSpec, read_evaluation
from retrain_trainer.spec.limits import LimitsSpec, read_limits
from retrain_trainer.spec.model import DEFAULT_ESTIMATOR, ModelSpec, Task, read_model
from retrain_trainer.spec.promotion import PromotionSpec, read_promotion
from retrain_trainer.spec.publish import PublishSpec, read_publish
from retrain_trainer.spec.reading import Reader
from retrain_trainer.spec.registry import RegistrySpec, read_registry
from retrain_trainer.spec.triggers import TriggersSpec, read_triggers
from retrain_trainer.spec.validation import ValidationSpec, read_validation


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySpec:
    """Everything of `spec` that a run reads."""

    data: DataSpec
    model: ModelSpec
    registry: RegistrySpec
    validation: ValidationSpec = field(default_factory=ValidationSpec)
    evaluation: EvaluationSpec = field(default_factory=EvaluationSpec)
    triggers: TriggersSpec = field(default_factory=TriggersSpec)
    limits: LimitsSpec = field(default_factory=LimitsSpec)
    promotion: PromotionSpec = field(default_factory=PromotionSpec)
    publish: PublishSpec = field(default_factory=PublishSpec)

    @property
    def digest(self) -> str:
        """sha256 over what defines the model: data, model, validation (but show_examples), evaluation without its
        threshold.

        A champion whose manifest carries another digest was made by another spec: that is the SpecChange trigger. Only
        what differs from the defaults counts, so that writing a default down, or a release that adds a field, trains
        nothing. Defaults that follow from the task count as they are written: see `spellings`.
        """
        evaluation = _stated(self.evaluation)
        evaluation.pop("threshold", None)
        validation = _stated(self.validation)
        validation.pop("show_examples", None)
        parts = {
            "data": _stated(self.data),
            "model": _stated(self.model),
            "validation": validation,
            "evaluation": evaluation,
        }
        return "sha256:" + hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def spellings(self, *, task: Task) -> frozenset[str]:
        """The digests of all specs that say the same to a champion of this task: its defaults (task, estimator, metric)
        may be written down or left out.
        """
        meant = self.model.task or task
        return frozenset(
            replace(
                self,
                model=replace(self.model, task=cast("Task | None", named), estimator=estimator),
                evaluation=replace(self.evaluation, metric=metric),
            ).digest
            for named in _written_or_not(value=self.model.task, default=task)
            for estimator in _written_or_not(value=self.model.estimator, default=DEFAULT_ESTIMATOR[meant])
            for metric in _written_or_not(value=self.evaluation.metric, default=DEFAULT_METRIC[meant])
        )


def _written_or_not(*, value: str | None, default: str) -> tuple[str | None, ...]:
    return (None, default) if value in (None, default) else (value,)


def _stated(section: Any) -> dict[str, Any]:
    """The fields of a section that differ from their defaults, as JSON values."""
    return {
        each.name: _plain(value) for each in fields(section) if (value := getattr(section, each.name)) != _default(each)
    }


def _default(each: Field[Any]) -> Any:
    return each.default_factory() if each.default_factory is not MISSING else each.default


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return _stated(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value


#: Fields of `spec` that are the operator's: no check depends on them. Of `publish` a run reads `mlflow`.
OPERATOR_FIELDS = ("schedule", "suspend", "startingDeadlineSeconds", "job", "publish", "runHistoryLimit")


def parse_spec(value: Mapping[str, Any]) -> PolicySpec:
    """The typed spec. Raises SpecError (exit code 64) that names the field, its value and what to write instead."""
    spec = Reader(value=value, path="spec")
    parsed = PolicySpec(
        data=read_data(spec.section("data")),
        model=read_model(spec.section("model")),
        registry=read_registry(spec.section("registry")),
        validation=read_validation(spec.section("validation")),
        evaluation=read_evaluation(spec.section("evaluation")),
        triggers=read_triggers(spec.section("triggers")),
        limits=read_limits(spec.section("limits"), zone=_zone(spec)),
        promotion=read_promotion(spec.section("promotion")),
        publish=read_publish(spec.section("publish")),
    )
    spec.finish(ignore=OPERATOR_FIELDS)
    if parsed.data.time_column is None:
        for name, used in (
            ("promotion.probation", parsed.promotion.probation_checks),
            ("validation.maxAge", parsed.validation.max_age is not None),
        ):
            if used:
                raise SpecError(reason="InvalidSpec", message=f"spec.{name} needs spec.data.timeColumn")
    return parsed


def _zone(spec: Reader) -> str:
    name = spec.text("timeZone") or "Etc/UTC"
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: a folder of zones, a name too long
        raise SpecError(
            reason="InvalidSpec",
            message=f"spec.timeZone: {name[:60]!r} is no IANA time zone; write Europe/Berlin or such",
        ) from error
    return name
