"""The part of a RetrainPolicy that a run reads, typed, with the defaults of the CRD: one file a section.

The same parser serves the container (the API server has validated and defaulted the spec) and
`retrain-trainer run policy.yaml` (nobody has), so it checks everything again and names field, value and remedy.
"""

from retrain_trainer.spec.data import DataSpec, HoldoutSpec
from retrain_trainer.spec.evaluation import DEFAULT_METRIC, EvaluationSpec, GuardSpec
from retrain_trainer.spec.limits import Blackout, Budget, LimitsSpec
from retrain_trainer.spec.model import DEFAULT_ESTIMATOR, ModelSpec, Task
from retrain_trainer.spec.policy import OPERATOR_FIELDS, PolicySpec, parse_spec
from retrain_trainer.spec.promotion import PromotionSpec
from retrain_trainer.spec.publish import MLflowSpec, PublishSpec
from retrain_trainer.spec.reading import Scalar, parse_duration
from retrain_trainer.spec.registry import RegistrySpec
from retrain_trainer.spec.triggers import BelowThreshold, Drift, DriftStatistic, Drop, MaxAge, NewRows, TriggersSpec
from retrain_trainer.spec.validation import ColumnRule, ColumnType, Severity, ValidationSpec

__all__ = [
    "DEFAULT_ESTIMATOR",
    "DEFAULT_METRIC",
    "OPERATOR_FIELDS",
    "BelowThreshold",
    "Blackout",
    "Budget",
    "ColumnRule",
    "ColumnType",
    "DataSpec",
    "Drift",
    "DriftStatistic",
    "Drop",
    "EvaluationSpec",
    "GuardSpec",
    "HoldoutSpec",
    "LimitsSpec",
    "MLflowSpec",
    "MaxAge",
    "ModelSpec",
    "NewRows",
    "PolicySpec",
    "PromotionSpec",
    "PublishSpec",
    "RegistrySpec",
    "Scalar",
    "Severity",
    "Task",
    "TriggersSpec",
    "ValidationSpec",
    "parse_duration",
    "parse_spec",
]
