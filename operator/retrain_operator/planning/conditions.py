"""Conditions: what is true about a policy, since when, and of which generation it is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from retrain_operator.api import raw
from retrain_operator.api.times import format_time
from retrain_operator.api.vocabulary import ConditionType

Truth = Literal["True", "False", "Unknown"]

#: CRD bound of a condition's message.
MAX_MESSAGE = 1024

#: Conditions that runs decide; between runs they stand as they are.
RUN_CONDITIONS: tuple[ConditionType, ...] = (
    "ModelAvailable",
    "RunsHealthy",
    "DataValid",
    "AccuracyMet",
    "ApprovalRequired",
    "Drifted",
)

#: Said of the version that was trained last; there from the first one on.
CHALLENGER_CONDITIONS: tuple[ConditionType, ...] = ("LeakSuspected", "NoSkill")


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition without its time."""

    type: ConditionType
    status: Truth
    reason: str
    message: str
    generation: int


def stored_conditions(status: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The conditions that stand in a status, by type."""
    return {str(item.get("type")): item for item in raw.items(status.get("conditions"))}


def stored_condition(*, stored: Mapping[str, Any], type_: ConditionType, generation: int) -> Condition:
    """A stored condition, carried on as the truth of `generation`."""
    status = stored.get("status")
    return Condition(
        type=type_,
        status=status if status in ("True", "False", "Unknown") else "Unknown",
        reason=raw.text(stored.get("reason")) or "NoRunYet",
        message=str(stored.get("message", "")),
        generation=generation,
    )


def rendered(*, condition: Condition, stored: Mapping[str, Any] | None, now: datetime) -> dict[str, Any]:
    """The condition as it goes to the status: the transition time moves only with the status."""
    since = format_time(now)
    if stored is not None and stored.get("status") == condition.status:
        since = raw.text(stored.get("lastTransitionTime")) or since
    return {
        "type": condition.type,
        "status": condition.status,
        "reason": condition.reason,
        "message": raw.cut(condition.message, MAX_MESSAGE),
        "observedGeneration": condition.generation,
        "lastTransitionTime": since,
    }
