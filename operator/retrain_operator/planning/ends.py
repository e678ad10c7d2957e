"""How did the container of a finished Job end? Read from its pods, of which a retried Job has several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from retrain_operator.api import raw
from retrain_operator.api.children import JobView
from retrain_operator.api.result import parse_result
from retrain_operator.planning.observed import JobEnd
from retrain_operator.planning.pod import CONTAINER


def job_end(*, job: JobView, pods: Sequence[Mapping[str, Any]]) -> JobEnd:
    """The end that counts: of a complete Job the pod that succeeded, of a failed one the newest that tells."""
    newest_first = sorted(pods, key=lambda pod: str(raw.at(pod, "metadata", "creationTimestamp")), reverse=True)
    ends = [_pod_end(job=job, pod=pod) for pod in newest_first if _counts(job=job, pod=pod)]
    for end in ends:
        if end.result is not None:
            return end
    for end in ends:
        if end.exit_code is not None or end.pod_message:
            return end
    return JobEnd()


def _counts(*, job: JobView, pod: Mapping[str, Any]) -> bool:
    return job.end != "Complete" or raw.at(pod, "status", "phase") == "Succeeded"


def _pod_end(*, job: JobView, pod: Mapping[str, Any]) -> JobEnd:
    status = raw.mapping(pod.get("status"))
    # What the kubelet says of the pod (eviction, node shutdown); what the container printed stays in its log.
    told = ": ".join(part for part in (raw.text(status.get("reason")), raw.text(status.get("message"))) if part)
    for container in raw.items(status.get("containerStatuses")):
        if container.get("name") != CONTAINER:
            continue  # a sidecar that somebody's webhook put in
        terminated = raw.mapping(raw.at(container, "state", "terminated"))
        if terminated:
            return JobEnd(
                result=parse_result(text=raw.text(terminated.get("message")), job_uid=job.uid),
                exit_code=raw.integer(terminated.get("exitCode")),
                terminated_reason=raw.text(terminated.get("reason")) or "",
                pod_message=told,
            )
    return JobEnd(pod_message=told)
