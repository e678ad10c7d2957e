"""What of a spec defines the model: an edit of it calls for training, an edit of the threshold alone for a check."""

from __future__ import annotations

import json
from dataclasses import dataclass

from retrain_operator.api import names, raw
from retrain_operator.api.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """`spec`: over data, model, validation (but showExamples), evaluation (but the threshold). `threshold`: as text."""

    spec: str
    threshold: str


def digests_of(*, policy: Policy) -> Digests:
    """The digests of a policy's present spec."""
    parts = {name: policy.spec.get(name) for name in ("data", "model")}
    # What may be quoted changes nothing that is learned.
    parts["validation"] = {
        name: value for name, value in raw.mapping(policy.spec.get("validation")).items() if name != "showExamples"
    }
    parts["evaluation"] = {
        name: value for name, value in raw.mapping(policy.spec.get("evaluation")).items() if name != "threshold"
    }
    threshold = policy.threshold
    return Digests(
        spec=names.short_digest(json.dumps(parts, sort_keys=True, default=dict), length=16),
        threshold="none" if threshold is None else repr(threshold),
    )
