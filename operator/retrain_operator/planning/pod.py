"""The pod of every run: what the run is told, and the same restricted security fields whatever the policy says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from retrain_operator.api import names, raw, reasons
from retrain_operator.api.admin import AdminSettings
from retrain_operator.api.policy import Policy
from retrain_operator.planning.claims import CLAIMS_FOLDER, parse_location, parse_registry, volumes_and_mounts
from retrain_operator.planning.matching import quantity
from retrain_operator.planning.problem import SpecProblem

CONTAINER = "trainer"
SCRATCH = "/scratch"
TERMINATION_MESSAGE = "/dev/termination-log"

#: A single environment string may hold 128 KiB (Linux, MAX_ARG_STRLEN); half of it leaves room for `$$`.
MAX_DESCRIPTION_BYTES = 64 * 1024

#: What the operator alone reads of a spec. Not `timeZone`: the blackouts of a run are in it.
_OPERATOR_FIELDS = ("schedule", "suspend", "startingDeadlineSeconds", "job", "runHistoryLimit")


def escaped(value: str) -> str:
    """`value` so that the kubelet hands it on byte for byte: it expands `$(NAME)` from the other variables."""
    return value.replace("$", "$$")


def run_description(*, policy: Policy) -> str:
    """The JSON text of RETRAIN_POLICY.

    Raises:
        SpecProblem: SpecTooLarge, above 64 KiB.
    """
    spec = {name: value for name, value in policy.spec.items() if name not in _OPERATOR_FIELDS}
    description = {
        "name": policy.key.name,
        "namespace": policy.key.namespace,
        "uid": policy.uid,
        "generation": policy.generation,
        "spec": spec,
    }
    text = json.dumps(description, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    if (size := len(text.encode())) > MAX_DESCRIPTION_BYTES:
        raise SpecProblem(
            reason=reasons.SPEC_TOO_LARGE,
            message=f"spec: as JSON it is {size:,} bytes, and a run can be told {MAX_DESCRIPTION_BYTES:,}; shorten the "
            "longest lists (model.features, validation.columns)",
        )
    return text


def desired_pod_template(
    *, policy: Policy, admin: AdminSettings, action: str, cause: str, request: str | None
) -> dict[str, Any]:
    """The pod template of one run.

    Raises:
        SpecProblem: a URI cannot be read, or the description is too large.
    """
    data = parse_location(uri=policy.data_uri, field="spec.data.uri")
    registry = parse_registry(uri=policy.registry_uri)
    volumes, mounts = volumes_and_mounts(data=data, registry=registry)
    job = policy.job
    container: dict[str, Any] = {
        "name": CONTAINER,
        "image": raw.text(job.get("image")) or admin.trainer_image,
        "imagePullPolicy": raw.text(job.get("imagePullPolicy")) or admin.image_pull_policy,
        "args": ["run"],
        "env": _environment(policy=policy, admin=admin, action=action, cause=cause, request=request),
        "resources": dict(raw.mapping(job.get("resources"))),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
        },
        "terminationMessagePath": TERMINATION_MESSAGE,
        "terminationMessagePolicy": "File",
        "volumeMounts": [{"name": "scratch", "mountPath": SCRATCH}, *mounts],
    }
    pod_security: dict[str, Any] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    if admin.fs_group is not None:
        pod_security |= {"fsGroup": admin.fs_group, "fsGroupChangePolicy": "OnRootMismatch"}
    spec: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "containers": [container],
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "securityContext": pod_security,
        "terminationGracePeriodSeconds": 30,
        "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": admin.scratch_size}}, *volumes],
    }
    for name in ("imagePullSecrets", "nodeSelector", "tolerations", "priorityClassName", "serviceAccountName"):
        if job.get(name):
            spec[name] = job[name]
    labels = child_labels(policy=policy, action=action)
    return {
        "metadata": {"labels": labels, "annotations": {names.ANNOTATION_POLICY: policy.key.name}},
        "spec": spec,
    }


def child_labels(*, policy: Policy, action: str) -> dict[str, str]:
    """Labels of everything made for a policy. None of the policy's own is copied: GitOps tools adopt by label."""
    return {
        names.LABEL_MANAGED_BY: names.MANAGER,
        names.LABEL_POLICY_UID: policy.uid,
        names.LABEL_ACTION: action,
    }


def _environment(
    *, policy: Policy, admin: AdminSettings, action: str, cause: str, request: str | None
) -> list[dict[str, Any]]:
    told = {
        "RETRAIN_POLICY": escaped(run_description(policy=policy)),
        "RETRAIN_ACTION": action,
        "RETRAIN_CAUSE": cause,
        "RETRAIN_REQUEST": escaped(request or ""),
    }
    environment = [_variable(name, value) for name, value in told.items()]
    environment += [
        _label_variable("RETRAIN_JOB_NAME", names.LABEL_JOB_NAME),
        _label_variable("RETRAIN_JOB_UID", names.LABEL_CONTROLLER_UID),
        # The same for a retried pod and for a re-created Job of one slot.
        _variable("RETRAIN_RUN_KEY", f"{policy.uid}.$(RETRAIN_JOB_NAME)"),
        _variable("RETRAIN_CLAIMS", CLAIMS_FOLDER),
        _variable("RETRAIN_SCRATCH", SCRATCH),
        *_scratch_limit(admin),
        _variable("TMPDIR", SCRATCH),
        _variable("HOME", SCRATCH),
        _limit_variable("RETRAIN_MEMORY_LIMIT", "limits.memory"),
        _limit_variable("RETRAIN_CPU_LIMIT", "limits.cpu"),
    ]
    for item in raw.items(policy.job.get("env")):
        environment.append(_user_variable(item))
    return environment


def _scratch_limit(admin: AdminSettings) -> list[dict[str, Any]]:
    """A run that writes more than this is evicted: it is told, so that it stops before."""
    limit = quantity(admin.scratch_size)
    return [] if limit is None else [_variable("RETRAIN_SCRATCH_LIMIT", str(int(limit)))]


def _variable(name: str, value: str) -> dict[str, Any]:
    return {"name": name, "value": value} if value else {"name": name}


def _label_variable(name: str, label: str) -> dict[str, Any]:
    path = f"metadata.labels['{label}']"
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


def _limit_variable(name: str, resource: str) -> dict[str, Any]:
    source = {"containerName": CONTAINER, "divisor": "0", "resource": resource}
    return {"name": name, "valueFrom": {"resourceFieldRef": source}}


def _user_variable(item: Mapping[str, Any]) -> dict[str, Any]:
    """A variable of `job.env`: a value, taken byte for byte, or a single named key of a Secret."""
    name = str(item.get("name", ""))
    secret = raw.mapping(raw.at(item, "valueFrom", "secretKeyRef"))
    if secret:
        return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret.get("name"), "key": secret.get("key")}}}
    return _variable(name, escaped(str(item.get("value", ""))))
