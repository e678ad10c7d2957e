"""What is told of publishing: `status.published` and the condition Published, about every place that the spec names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from retrain_operator.api import raw, reasons
from retrain_operator.api.policy import Policy
from retrain_operator.planning.conditions import Condition, stored_condition
from retrain_operator.planning.mirror import mirror_problem
from retrain_operator.planning.observed import Publication, Target
from retrain_operator.planning.publishing import TARGETS, to_publish, wanted_of

_KINDS: Final[Mapping[Target, str]] = {"configMap": "ConfigMap", "inferenceService": "InferenceService"}


def published(*, policy: Policy, done: Mapping[str, Publication]) -> dict[str, Any]:
    """Of `status.published`, which version each target that the spec names was last given.

    While one is still to be tried all stand as they are, so that publishing costs one write of the status.
    """
    stored = raw.mapping(policy.status.get("published"))
    found: dict[str, Any] = {}
    trying = bool(to_publish(policy=policy, done=done))
    for target in TARGETS:
        name, result = policy.publishes(target), None if trying else done.get(target)
        if name is None:
            continue
        if result is not None and result.problem is None and result.publish.name == name:
            found[target] = {"name": name, "version": result.publish.version}
        elif raw.at(stored, target, "name") == name:
            found[target] = dict(raw.mapping(stored.get(target)))
    return found


def publishing_conditions(
    *,
    policy: Policy,
    stored: Mapping[str, Mapping[str, Any]],
    done: Mapping[str, Publication],
    mirror: Mapping[str, Any],
    version: int | None,
) -> list[Condition]:
    """Published, where something is asked for. Until everything was tried, what was said last stands.

    `mirror`: `status.published.mlflow` as it will stand, `version`: the champion.
    """
    mlflow = policy.mlflow
    if mlflow is None and not any(policy.publishes(target) for target in TARGETS):
        return []
    wanted = wanted_of(policy=policy)
    trying = bool(to_publish(policy=policy, done=done)) or any(each.version != version for each in wanted.values())
    problems = [] if trying else [problem for target in wanted if (problem := done[target].problem) is not None]
    if mlflow is not None and (problem := mirror_problem(mirror)) is not None:
        problems.append(problem)
    told = [f"{_KINDS[target]} {publish.name}" for target, publish in wanted.items()]
    told += [] if mlflow is None else [f"registered model {mlflow.name}@{mlflow.alias}"]
    before = stored.get("Published")
    if version is None:
        status, reason, message = "Unknown", reasons.NOTHING_TO_PUBLISH, "there is no champion yet"
    elif trying or not told:
        if before is not None:
            return [stored_condition(stored=before, type_="Published", generation=policy.generation)]
        status, reason, message = "Unknown", reasons.NOTHING_TO_PUBLISH, "the champion is about to be published"
    elif problems:
        status, reason = "False", problems[0].reason
        message = "; ".join(problem.message for problem in problems)
    elif mlflow is not None and mirror.get("version") != version:
        status, reason = "Unknown", reasons.MIRROR_PENDING
        message = f"the next run gives version {version} to registered model {mlflow.name}; no run has told of it yet"
    else:
        status, reason = "True", reasons.CHAMPION_PUBLISHED
        message = f"version {version} stands in {_listed(told)}"
    return [
        Condition(
            type="Published",
            status=status,  # type: ignore[arg-type]
            reason=reason,
            message=message,
            generation=policy.generation,
        )
    ]


def _listed(words: Sequence[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last
