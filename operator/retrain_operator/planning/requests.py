"""Which run should start now, and which ones wait? One run of a policy at a time; the newest request of each action."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from retrain_operator.api import raw
from retrain_operator.api.children import JobView
from retrain_operator.api.policy import Policy
from retrain_operator.api.vocabulary import Action, Cause
from retrain_operator.planning.calls import CALLS, calls_handled, calls_of
from retrain_operator.planning.digests import Digests
from retrain_operator.planning.observed import Upstream
from retrain_operator.planning.upstream import called_by, upstream_handled


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One run that is called for. `text` is the person's string; `token` makes the Job's name."""

    action: Action
    cause: Cause
    token: str
    text: str | None = None


#: What a person asks for by annotation, in the order in which it is answered.
_ASKED: tuple[Action, ...] = ("rollback", "approve", "reject", "train")

#: Causes of Jobs whose request is not a person's string.
_NOT_BY_PEOPLE: tuple[Cause, ...] = ("SpecChange", "Upstream", *CALLS.values())

#: Fields of `spec.promotion` that call for a run of their own when they are set or changed.
_BY_SPEC: tuple[tuple[str, Action], ...] = (("pinnedVersion", "pin"), ("approvedVersion", "approve"))


def handled_after(
    *,
    policy: Policy,
    jobs: Iterable[JobView],
    digests: Digests,
    upstream: Upstream | None = None,
    triggers: Mapping[str, Any] = raw.EMPTY,
) -> dict[str, str]:
    """`status.lastHandled`: what stands there, and what is answered by a Job that exists.

    A Job is created before the status says so. If the operator dies between the two, the Job is found here, so the
    request is not answered twice.
    """
    jobs = list(jobs)
    stored: Mapping[str, Any] = raw.mapping(policy.status.get("lastHandled"))
    known = ("check", *_ASKED, "spec", "threshold")
    handled = {name: str(stored[name]) for name in known if raw.text(stored.get(name))}
    handled |= {
        action: text
        for action, text in policy.requests.items()
        if any(job.action == action and job.cause not in _NOT_BY_PEOPLE and job.request == text for job in jobs)
    }
    for field, action in _BY_SPEC:
        wanted = _wanted(policy, field)
        # A version that the spec names no more is forgotten, so that it can be named again.
        answered = any(job.action == action and job.cause == "SpecChange" and job.request == wanted for job in jobs)
        # What is in use may be another version when a run that is not recorded yet has ended.
        in_use = str(policy.status.get("modelVersion")) == wanted and all(job.recorded or job.deleting for job in jobs)
        if wanted is not None and (answered or in_use or stored.get(field) == wanted):
            handled[field] = wanted
    if (answered_last := upstream_handled(policy=policy, stored=stored, jobs=jobs, upstream=upstream)) is not None:
        handled["upstream"] = answered_last
    handled |= calls_handled(triggers=triggers, stored=stored, jobs=jobs)
    looked = [job for job in jobs if job.action in ("check", "train")]  # the others read no data
    if any(job.spec_digest == digests.spec for job in looked):
        handled["spec"] = digests.spec
    if any(job.threshold == digests.threshold for job in looked):
        handled["threshold"] = digests.threshold
    if "spec" not in handled:
        # Crash window: the Initial Job was made, and the spec edited before the status could say so. What it was made
        # for counts, so that the edit is an ordinary SpecChange: its own name is taken.
        made_for = [job.spec_digest for job in jobs if job.cause == "Initial" and job.spec_digest]
        if made_for:
            handled["spec"] = made_for[-1]
    return handled


def _wanted(policy: Policy, field: str) -> str | None:
    return policy.pinned_version if field == "pinnedVersion" else policy.approved_version


def open_requests(
    *,
    policy: Policy,
    handled: Mapping[str, str],
    digests: Digests,
    upstream: Upstream | None = None,
    triggers: Mapping[str, Any] = raw.EMPTY,
) -> list[Request]:
    """The runs called for and not yet answered, the most urgent first.

    Suspended policies answer people only: they pause in order to roll back or to look.
    """
    found: list[Request] = []
    initial = "spec" not in handled
    if initial and not policy.suspended:
        found.append(Request(action="check", cause="Initial", token="initial"))  # noqa: S106 - part of a name
    for field, action in _BY_SPEC:
        wanted = _wanted(policy, field)
        if not initial and wanted is not None and handled.get(field) != wanted:
            found.append(Request(action=action, cause="SpecChange", token=f"{policy.generation}:{wanted}", text=wanted))
    found += [
        Request(action=action, cause="Request", token=text, text=text)
        for action in _ASKED
        if (text := policy.requests.get(action)) is not None and text != handled.get(action)
    ]
    if not initial and not policy.suspended and policy.retrains_on_spec_change and handled["spec"] != digests.spec:
        # A check: the trainer trains where its own digest differs, which a default that was written down leaves alone.
        token = f"{policy.generation}:{digests.spec}"
        found.append(Request(action="check", cause="SpecChange", token=token))
    called = called_by(policy=policy, upstream=upstream)
    if not initial and not policy.suspended and called is not None and called != handled.get("upstream"):
        found.append(Request(action="check", cause="Upstream", token=called, text=called))
    calls = {} if initial or policy.suspended else calls_of(triggers)
    found += [
        Request(action="check", cause=CALLS[name], token=fired, text=fired)
        for name, fired in calls.items()
        if fired != handled.get(name)
    ]
    if (text := policy.requests.get("check")) is not None and text != handled.get("check"):
        found.append(Request(action="check", cause="Request", token=text, text=text))
    if not initial and not policy.suspended and handled.get("threshold") != digests.threshold:
        token = f"{policy.generation}:{digests.threshold}"
        found.append(Request(action="check", cause="SpecChange", token=token))
    return found
