"""`spec.model`: what is predicted, from what, by what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from retrain_trainer.spec.reading import Reader, Scalar

Task = Literal["Classification", "Regression"]

DEFAULT_ESTIMATOR: dict[Task, str] = {
    "Classification": "HistGradientBoostingClassifier",
    "Regression": "HistGradientBoostingRegressor",
}


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


def read_model(reader: Reader) -> ModelSpec:
    """Raises SpecError naming the field."""
    features = reader.section("features")
    parsed = ModelSpec(
        target=reader.required_text("target"),
        task=reader.choice("task", get_args(Task)),
        include=features.texts("include"),
        exclude=features.texts("exclude"),
        estimator=reader.text("estimator"),
        parameters=reader.scalars("parameters"),
        seed=reader.integer("seed", default=0, high=2**32 - 1),
        positive_class=reader.text("positiveClass"),
    )
    features.finish()
    reader.finish()
    return parsed
