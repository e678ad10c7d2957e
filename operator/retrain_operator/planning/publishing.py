"""What serving systems are told: the champion that the status names, in a ConfigMap and in an InferenceService.

MLflow is told by the runs themselves (`mirror`); the condition is about all of them.

Level-triggered: whatever made the champion (a gate, a person, a pin, a rollback), what is published is what the status
shows. The order is status, publication, status; a crash in between repeats a request that changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from retrain_operator.api import names, raw, reasons
from retrain_operator.api.policy import Policy
from retrain_operator.planning.conditions import Condition, stored_condition
from retrain_operator.planning.mirror import mirror_problem
from retrain_operator.planning.model import model_version
from retrain_operator.planning.observed import Publication, Publish, Target

#: In the order in which they are written.
TARGETS: Final[tuple[Target, ...]] = ("configMap", "inferenceService")

#: Keys of the ConfigMap, and the field of the status that each shows.
_DATA: Final = {
    "version": "modelVersion",
    "uri": "modelURI",
    "digest": "modelDigest",
    "metric": "metric",
    "promotionTime": "promotionTime",
}


def wanted_of(*, policy: Policy) -> dict[Target, Publish]:
    """What should be published where; empty without a champion, or where the spec asks for nothing."""
    status = policy.status
    if model_version(status) is None or raw.text(status.get("modelURI")) is None:
        return {}
    found: dict[Target, Publish] = {}
    for target in TARGETS:
        if (name := policy.publishes(target)) is not None:
            body = _configmap(policy) if target == "configMap" else _inference_service(policy)
            body["metadata"] |= {"name": name, "namespace": policy.key.namespace}
            found[target] = Publish(
                target=target, policy=policy.key.name, name=name, version=model_version(status) or 0, body=body
            )
    return found


def to_publish(*, policy: Policy, done: Mapping[str, Publication]) -> list[Publish]:
    """What is not known to stand there since this process last looked; `done` is by target."""
    return [
        publish
        for target, publish in wanted_of(policy=policy).items()
        if target not in done or done[target].publish != publish
    ]


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


_KINDS: Final[Mapping[Target, str]] = {"configMap": "ConfigMap", "inferenceService": "InferenceService"}


def _configmap(policy: Policy) -> dict[str, Any]:
    status = policy.status
    data = {key: str(status[field]) for key, field in _DATA.items() if status.get(field) is not None}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        # No ownerReference: what serves the model outlives the policy.
        "metadata": {
            "labels": {names.LABEL_MANAGED_BY: names.MANAGER},
            "annotations": {names.ANNOTATION_POLICY: policy.key.name},
        },
        "data": {"policy": policy.key.name, "file": model_file(status), **data},
    }


def _inference_service(policy: Policy) -> dict[str, Any]:
    return {
        "apiVersion": names.KSERVE_VERSION,
        "kind": "InferenceService",
        "metadata": {},
        "spec": {"predictor": {"model": {"storageUri": model_file(policy.status)}}},
    }


def model_file(status: Mapping[str, Any]) -> str:
    """The URI of the champion's file: in a registry of ours it lies under its digest (`blobs/sha256/<hex>`).

    A version's folder has the manifest only. Another trainer (docs/contract.md) names what it likes.
    """
    uri, digest = str(status.get("modelURI")), str(status.get("modelDigest", ""))
    registry, _, version = uri.rpartition("/versions/")
    if registry and version.isdigit() and digest.startswith("sha256:"):
        return f"{registry}/blobs/sha256/{digest.removeprefix('sha256:')}"
    return uri
