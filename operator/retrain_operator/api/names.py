"""Names, labels and annotations. Every name is derived, never random: creating twice is harmless."""

from __future__ import annotations

import hashlib
import re

GROUP = "retrain.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "RetrainPolicy"
PLURAL = "retrainpolicies"

#: Field manager of every write, and the name under which Events are sent.
MANAGER = "retrain-operator"

#: Field manager of what is set in an InferenceService.
PUBLISHER = "retrain-operator-publishing"
KSERVE_VERSION = "serving.kserve.io/v1beta1"

LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
LABEL_POLICY_UID = f"{GROUP}/policy-uid"
LABEL_ACTION = f"{GROUP}/action"
#: On a Job whose result stands in the status; such Jobs leave the watch (the selector is server-side).
LABEL_RECORDED = f"{GROUP}/recorded"

#: The full policy name: a label value holds 63 characters only.
ANNOTATION_POLICY = f"{GROUP}/policy"
ANNOTATION_CAUSE = f"{GROUP}/cause"
#: The string of the request that a Job answers.
ANNOTATION_REQUEST = f"{GROUP}/request"
#: Generation of the policy that a Job was built from.
ANNOTATION_GENERATION = f"{GROUP}/generation"
#: Digest of what defines the model, and of the threshold, that a Job was built from (see planning.requests).
ANNOTATION_SPEC_DIGEST = f"{GROUP}/spec-digest"
ANNOTATION_THRESHOLD = f"{GROUP}/threshold"
#: Digest of the CronJob as we wanted it, to notice fields that we set once and want no more.
ANNOTATION_DESIRED = f"{GROUP}/desired"

#: On the policy, written by people: any new string asks for one run. approve, reject and rollback take a version, or
#: `<version>@<anything>` to ask again.
REQUEST_ANNOTATIONS = {action: f"{GROUP}/{action}" for action in ("rollback", "approve", "reject", "train", "check")}

#: Set by the Job controller.
LABEL_JOB_NAME = "batch.kubernetes.io/job-name"
LABEL_CONTROLLER_UID = "batch.kubernetes.io/controller-uid"
ANNOTATION_SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"

CHILD_SELECTOR = f"{LABEL_MANAGED_BY}={MANAGER}"
JOB_SELECTOR = f"{LABEL_MANAGED_BY}={MANAGER},{LABEL_RECORDED}!=true"

#: The CronJob controller appends 11 characters; Indexed Jobs append more and refuse 63.
MAX_CRONJOB_NAME = 48

_UNFIT = re.compile(r"[^a-z0-9-]+")


def short_digest(*parts: str, length: int = 10) -> str:
    """The first `length` hexadecimal digits of sha256 over `parts`, each with its length: parts cannot merge."""
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        digest.update(f"{len(encoded)}:".encode() + encoded)
    return digest.hexdigest()[:length]


def mirror_target(*, uri: str, name: str, alias: str) -> str:
    """Twelve hexadecimal digits that stand for one alias of one registered model on one server (docs/contract.md)."""
    return hashlib.sha256(f"{uri}\n{name}\n{alias}".encode()).hexdigest()[:12]


def _cut(*, name: str, length: int) -> str:
    return _UNFIT.sub("-", name)[:length].strip("-") or "policy"


def cronjob_name(*, policy: str) -> str:
    """The policy's name where it fits; else cut, with a digest of the full name, at most 48 of `[a-z0-9-]`."""
    if len(policy) <= MAX_CRONJOB_NAME and not _UNFIT.search(policy):
        return policy
    return f"{_cut(name=policy, length=MAX_CRONJOB_NAME - 11)}-{short_digest(policy)}"


def job_name(*, policy: str, uid: str, action: str, token: str) -> str:
    """Name of the Job that answers one request: the same policy object, action and token give the same name."""
    return f"{_cut(name=policy, length=30)}-{action}-{short_digest(uid, action, token)}"
