"""What this process has done since it started. Every combination of words stands at 0 from the start: `increase()`
does not see a series that begins at 1, and a run a week would never be seen.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any, Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics

from retrain_operator import __version__
from retrain_operator.metrics import words
from retrain_operator.metrics.recorded import RecordedRun, recorded_runs

ErrorKind = Literal["api", "connection", "unexpected"]

#: Seconds. One look is a handful of requests; the last bucket is the request timeout.
_BUCKETS: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30)

_PEOPLE: Final = ("train", "approve", "reject", "rollback", "pin")

#: What the operator itself starts; anything else was made by another hand and begins where it is first seen.
_STARTED: Final = (
    *(("check", cause) for cause in words.CAUSES),
    *((action, "Request") for action in _PEOPLE),
    *((action, "SpecChange") for action in ("approve", "pin")),
)

disable_created_metrics()


class Counts:
    """The counters of one process and the registry they are read from."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self.registry)
        build = Gauge(
            "retrain_operator_build_info",
            "Always 1; the labels name the version.",
            ["version", "python_version"],
            registry=self.registry,
        )
        build.labels(version=__version__, python_version=platform.python_version()).set(1)
        self._runs = Counter(
            "retrain_runs",
            "Runs recorded in a status by this process.",
            ["action", "cause", "outcome"],
            registry=self.registry,
        )
        for action, cause in _STARTED:
            for outcome in words.OUTCOMES:
                self._runs.labels(action=action, cause=cause, outcome=outcome)
        self._trainings = Counter(
            "retrain_trainings",
            "Versions that recorded runs trained.",
            ["trigger", "verdict"],
            registry=self.registry,
        )
        for trigger in words.TRIGGERS:
            for verdict in words.VERDICTS:
                self._trainings.labels(trigger=trigger, verdict=verdict)
        self._reconcile = Histogram(
            "retrain_operator_reconcile_duration_seconds",
            "Seconds that one look at a policy took, requests included.",
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._errors = Counter(
            "retrain_operator_reconcile_errors",
            "Looks that ended in an error and are repeated.",
            ["kind"],
            registry=self.registry,
        )
        for kind in ("api", "connection", "unexpected"):
            self._errors.labels(kind=kind)
        self._requests = Counter(
            "retrain_operator_api_requests",
            "Requests to the API server; code `none`: no answer came.",
            ["verb", "resource", "code"],
            registry=self.registry,
        )
        self._queries = Counter(
            "retrain_operator_prometheus_queries",
            "Queries of triggers.prometheus that were asked.",
            ["outcome"],
            registry=self.registry,
        )
        for outcome in ("answered", "refused", "unreachable"):
            self._queries.labels(outcome=outcome)
        self._query_seconds = Histogram(
            "retrain_operator_prometheus_query_duration_seconds",
            "Seconds until Prometheus answered, or did not.",
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._notified = Counter(
            "retrain_operator_webhook_requests",
            "Notifications of Alertmanager, by the answer they got.",
            ["code"],
            registry=self.registry,
        )
        for code in ("200", "400", "401", "413", "500", "503"):
            self._notified.labels(code=code)
        self._restarts = Counter(
            "retrain_operator_watch_restarts",
            "Watch requests after the first one of each stream; one every five minutes is the server's own limit.",
            ["resource"],
            registry=self.registry,
        )
        self._listed = Gauge(
            "retrain_operator_last_full_list_timestamp_seconds",
            "When every policy, CronJob and Job was last listed, in seconds since 1970.",
            registry=self.registry,
        )
        self._streams: set[str] = set()

    def recorded(self, *, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[RecordedRun]:
        """Counts, and returns, the runs that a written status tells of and the one before did not."""
        runs = recorded_runs(before=before, after=after)
        for run in runs:
            self._runs.labels(action=run.action, cause=run.cause, outcome=run.outcome).inc()
            if run.trained:
                self._trainings.labels(trigger=run.trigger, verdict=run.verdict).inc()
        return runs

    def looked(self, *, seconds: float) -> None:
        """One look at a policy has ended, well or not."""
        self._reconcile.observe(seconds)

    def failed(self, kind: ErrorKind) -> None:
        """One look has ended in an error."""
        self._errors.labels(kind=kind).inc()

    def requested(self, *, verb: str, resource: str, code: int | None) -> None:
        """One request to the API server; `code` None: no answer."""
        self._requests.labels(verb=verb, resource=resource, code="none" if code is None else str(code)).inc()

    def queried(self, *, outcome: str, seconds: float) -> None:
        """One query of a policy's trigger: `answered`, `refused` or `unreachable`."""
        self._queries.labels(outcome=outcome).inc()
        self._query_seconds.observe(seconds)

    def notified(self, *, code: int) -> None:
        """One notification of Alertmanager was answered."""
        self._notified.labels(code=str(code)).inc()

    def watching(self, *, resource: str, path: str) -> None:
        """A watch request; `path` tells one stream from another."""
        restarts = self._restarts.labels(resource=resource)
        if path in self._streams:
            restarts.inc()
        self._streams.add(path)

    def listed(self, *, timestamp: float) -> None:
        """A full list of every kind has succeeded; seconds since 1970."""
        self._listed.set(timestamp)
