"""TriggersHealthy: can the query of `triggers.prometheus` be asked? It tells of the asking, never of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retrain_operator.api import reasons
from retrain_operator.api.policy import Policy
from retrain_operator.planning.conditions import Condition, stored_condition
from retrain_operator.planning.observed import Sample


def trigger_conditions(
    *, policy: Policy, stored: Mapping[str, Mapping[str, Any]], sample: Sample | None
) -> list[Condition]:
    """None where no query is named. Between answers, and while suspended, what was said last stands."""
    if policy.prometheus is None:
        return []
    before = stored.get("TriggersHealthy")
    asked = sample is not None and sample.query == policy.prometheus.query
    if policy.suspended or not asked:
        # After a restart nothing is known yet; of another query than that of the spec nothing was ever said.
        if before is not None and (policy.suspended or sample is None):
            generation = int(before.get("observedGeneration") or 0)
            return [stored_condition(stored=before, type_="TriggersHealthy", generation=generation)]
        status, reason, message = "Unknown", reasons.NOT_ASKED_YET, "the query has not been asked yet"
    elif sample is not None and sample.problem is not None:
        status, reason, message = "False", sample.problem.reason, sample.problem.message
    else:
        status, reason, message = "True", reasons.QUERY_ANSWERED, "Prometheus answers the query"
    return [
        Condition(
            type="TriggersHealthy",
            status=status,  # type: ignore[arg-type]
            reason=reason,
            message=message,
            generation=policy.generation,
        )
    ]
