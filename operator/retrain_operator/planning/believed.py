"""A status without times of the future: a clock that was ahead for a while must not make all that comes later look old.

Times of results are compared with those that stand in the status, so that no answer is taken back by an older one. One
that lies ahead of now was never one; it is put at now, and the status is written so.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from retrain_operator.api import raw
from retrain_operator.api.times import format_time, parse_time

#: So far clocks may differ without being wrong.
AHEAD: Final = timedelta(hours=1)


def believed(status: Mapping[str, Any], *, now: datetime) -> Mapping[str, Any]:
    """The status itself where nothing in it is of the future.

    `fired` of a trigger stays: it is the name of a call too (`calls` passes over it where it is of the future).
    """
    changes: dict[str, Any] = {
        name: format_time(now)
        for name in ("lastCheckTime", "lastTrainedTime", "lastScheduleTime")
        if is_ahead(status.get(name), now=now)
    }
    runs = raw.items(status.get("runs"))
    if any(is_ahead(run.get(name), now=now) for run in runs for name in ("startTime", "completionTime")):
        changes["runs"] = [_run(run, now=now) for run in runs]
    if is_ahead(raw.at(status, "triggers", "prometheus", "since"), now=now):
        triggers = raw.mapping(status.get("triggers"))
        changes["triggers"] = {
            **triggers,
            "prometheus": {**raw.mapping(triggers.get("prometheus")), "since": format_time(now)},
        }
    return {**status, **changes} if changes else status


def is_ahead(value: object, *, now: datetime) -> bool:
    """Is it a time of the future?"""
    time = parse_time(value)
    return time is not None and time > now + AHEAD


def _run(run: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    times = {name: format_time(now) for name in ("startTime", "completionTime") if is_ahead(run.get(name), now=now)}
    return {**run, **times}
