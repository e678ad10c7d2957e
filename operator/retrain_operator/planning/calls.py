"""Calls from outside between schedules: a Prometheus query that became true, an alert that began.

Each is written into `status.triggers` before a Job is made for it, and the Job carries its time: a crash at any moment
neither loses a call nor answers it twice. A query calls as an alerting rule does: once, when it has been true for long
enough, and again only after it was not. An alert calls when it begins; that it goes on is no news.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from retrain_operator.api import names, raw
from retrain_operator.api.children import JobView
from retrain_operator.api.policy import Policy, PrometheusTrigger
from retrain_operator.api.times import format_time, parse_time
from retrain_operator.api.vocabulary import Cause
from retrain_operator.planning.believed import AHEAD
from retrain_operator.planning.observed import Alert, Sample

#: Triggers by their name in `spec.triggers`, `status.triggers` and `status.lastHandled`, the most urgent first.
CALLS: Final[Mapping[str, Cause]] = {"webhook": "Webhook", "prometheus": "Prometheus"}

#: So much later than its interval a query may be asked, and its answer looked at.
_LATE: Final = timedelta(minutes=15)

#: Characters of the name of an alert.
_MAX_ALERT = 253


def next_triggers(*, policy: Policy, sample: Sample | None, alert: Alert | None, now: datetime) -> dict[str, Any]:
    """`status.triggers` after what was seen; only triggers that the spec names, and nothing new while suspended."""
    stored = raw.mapping(policy.status.get("triggers"))
    found: dict[str, Any] = {}
    if (trigger := policy.prometheus) is not None:
        before, seen = raw.mapping(stored.get("prometheus")), None if policy.suspended else sample
        if policy.suspended and before.get("state") == "Pending":
            # Nobody looked meanwhile: that it was true all the time is not known.
            before = {name: value for name, value in before.items() if name not in ("state", "since")}
        found["prometheus"] = _queried(trigger=trigger, stored=before, sample=seen, now=now)
    if policy.webhook is not None:
        told = None if policy.suspended else alert
        found["webhook"] = _alerted(stored=raw.mapping(stored.get("webhook")), alert=told, now=now)
    elif raw.at(policy.spec, "triggers", "webhook") is not None:
        # Switched off: what was answered stays answered when it is switched on again.
        found["webhook"] = dict(raw.mapping(stored.get("webhook")))
    return {name: value for name, value in found.items() if value}


def calls_of(triggers: Mapping[str, Any]) -> dict[str, str]:
    """The newest call of each trigger, as its time in text."""
    fired = {name: raw.text(raw.at(triggers, name, "fired")) for name in CALLS}
    return {name: text for name, text in fired.items() if text is not None}


def calls_handled(*, triggers: Mapping[str, Any], stored: Mapping[str, Any], jobs: Iterable[JobView]) -> dict[str, str]:
    """The calls that were answered last: what `status.lastHandled` holds, and what a Job that exists answers."""
    jobs, handled = list(jobs), {}
    for name, fired in calls_of(triggers).items():
        answered = any(job.cause == CALLS[name] and job.request == fired for job in jobs)
        if answered:
            handled[name] = fired
        elif (before := raw.text(stored.get(name))) is not None:
            handled[name] = before
    return handled


def is_written(*, cause: Cause, text: str | None, status: Mapping[str, Any]) -> bool:
    """Does a call stand in the status, so that its Job may be made? True for every other cause."""
    name = next((name for name, each in CALLS.items() if each == cause), None)
    return name is None or calls_of(raw.mapping(status.get("triggers"))).get(name) == text


def is_answered(*, alert: Alert, fired: datetime | None, now: datetime) -> bool:
    """Does the call in the status, which `fired` then, answer this alert too?

    Both are times by the clock of whoever raised the alerts, not by ours: so the status alone knows one that is told
    again. A clock that is wrong by more than an hour shuts out no alert of today.
    """
    if fired is None or alert.began.replace(microsecond=0) > fired:
        return False
    return fired <= now + AHEAD or alert.began > now + AHEAD


def _queried(
    *, trigger: PrometheusTrigger, stored: Mapping[str, Any], sample: Sample | None, now: datetime
) -> dict[str, Any]:
    digest = names.short_digest(trigger.query)
    if stored.get("query") != digest:
        # Another query: it has not been true yet.
        stored = {name: value for name, value in stored.items() if name == "fired"}
    if sample is None or sample.truth is None or sample.query != trigger.query:
        return dict(stored)
    if now - sample.at > 2 * trigger.interval + _LATE:
        return dict(stored)  # of before a pause
    at, state = format_time(sample.at), stored.get("state")
    since = parse_time(stored.get("since")) or sample.at
    if not sample.truth:
        step = {} if state == "Inactive" else {"state": "Inactive", "since": at}
    elif state == "Firing" or (state == "Pending" and sample.at - since < trigger.wait):
        step = {}
    elif state == "Pending" or not trigger.wait:
        step = {"state": "Firing", "since": at, "fired": at}
    else:
        step = {"state": "Pending", "since": at}
    return {**stored, **step, "query": digest}


def _alerted(*, stored: Mapping[str, Any], alert: Alert | None, now: datetime) -> dict[str, Any]:
    if alert is None or is_answered(alert=alert, fired=parse_time(stored.get("fired")), now=now):
        return dict(stored)
    return {"alert": raw.cut(alert.name, _MAX_ALERT), "fired": format_time(alert.began)}
