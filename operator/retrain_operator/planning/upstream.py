"""`triggers.upstream`: the new champion of another policy of the namespace starts a run here.

A champion is told from the one before by its version and the time of its promotion, so that a rollback counts too.
Which one was answered last stands in `status.lastHandled.upstream`; the one that is there when a policy first names
another starts nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from retrain_operator.api import raw
from retrain_operator.api.children import JobView
from retrain_operator.api.policy import Policy
from retrain_operator.planning.observed import Upstream


def champion_of(*, policy: Policy) -> Upstream:
    """What another policy's status tells of its champion."""
    return Upstream(
        version=raw.integer(policy.status.get("modelVersion")),
        promoted=raw.text(policy.status.get("promotionTime")) or "",
    )


def called_by(*, policy: Policy, upstream: Upstream | None) -> str | None:
    """`name@version time` of the champion there is upstream; None where there is none."""
    if policy.upstream is None or upstream is None or upstream.version is None:
        return None
    return f"{policy.upstream}@{upstream.version} {upstream.promoted}".rstrip()


def upstream_handled(
    *, policy: Policy, stored: Mapping[str, Any], jobs: Iterable[JobView], upstream: Upstream | None
) -> str | None:
    """The champion upstream that was answered last; None where the policy names no other."""
    if policy.upstream is None:
        return None
    present, before = called_by(policy=policy, upstream=upstream), raw.text(stored.get("upstream"))
    if before is None or before.partition("@")[0] != policy.upstream:
        return present or f"{policy.upstream}@"
    answered = any(job.cause == "Upstream" and job.request == present for job in jobs)
    return present if present is not None and answered else before
