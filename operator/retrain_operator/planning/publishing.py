"""What serving systems are told: the champion that the status names, in a ConfigMap and in an InferenceService.

What came of it is told in `published`. MLflow is told by the runs themselves (`mirror`).

Level-triggered: whatever made the champion (a gate, a person, a pin, a rollback), what is published is what the status
shows. The order is status, publication, status; a crash in between repeats a request that changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from retrain_operator.api import names, raw
from retrain_operator.api.policy import Policy
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
