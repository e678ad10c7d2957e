"""Bugs on purpose, put into an operator process when it starts. The operator itself has no switch for any of them."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from retrain_operator import app, cache, executor, news
from retrain_operator.api import names, policy
from retrain_operator.kube import resources
from retrain_operator.kube.client import APPLY
from retrain_operator.planning import plan, status
from retrain_operator.planning.observed import CreateJob, WriteStatus
from retrain_operator.triggers import webhook

Patch = Callable[..., Any]


def _put(place: Any, name: str, make: Callable[[Patch], Patch]) -> None:
    setattr(place, name, make(getattr(place, name)))


def _random_job_name() -> None:
    _put(names, "job_name", lambda real: lambda **given: f"{real(**given)[:50]}-{secrets.token_hex(4)}")


def _resync_looks_at_nothing() -> None:
    class Deaf:
        def add(self, key: object) -> None:
            """Drops it."""

    _put(app, "resync_for_ever", lambda real: lambda **given: real(**{**given, "queue": Deaf()}))


def _no_live_read() -> None:
    async def always(*_: Any) -> bool:
        return True

    _put(executor.Executor, "_is_current", lambda _: always)


def _believes_old_news() -> None:
    for name in ("outlived", "left", "outdated"):
        setattr(news.News, name, lambda self, **_: False)
    for place in (plan, status):  # nor does what the status tells of a run's end count
        _put(place, "unfinished_jobs", lambda real: lambda *, jobs, status: real(jobs=jobs, status={}))


def _acts_on_the_event_body() -> None:
    def keep(self: cache.Cache, told: policy.Policy) -> None:
        self.policies[told.key] = told
        self._keys[told.uid] = told.key

    _put(cache.Cache, "_keep_policy", lambda _: keep)
    _believes_old_news()
    _no_live_read()
    _status_without_version()


def _status_without_version() -> None:
    async def apply_status(api: Any, *, policy: policy.Policy, status: Any) -> Any:
        path = f"{resources.POLICIES}/namespaces/{policy.key.namespace}/{names.PLURAL}/{policy.key.name}/status"
        metadata = {"name": policy.key.name, "namespace": policy.key.namespace}
        body = {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": metadata, "status": status}
        query = {"fieldManager": names.MANAGER, "force": "true"}
        return await api.request("PATCH", path, query=query, body=body, content_type=APPLY)

    _put(resources, "apply_status", lambda _: apply_status)


def _before(kind: type, do: Callable[..., Any]) -> None:
    def make(real: Patch) -> Patch:
        async def perform(self: Any, *, policy: Any, write: Any) -> None:
            if isinstance(write, kind):
                write = await do(self, policy, write)
            await real(self, policy=policy, write=write)

        return perform

    _put(executor.Executor, "perform", make)


def _marked_before_recorded() -> None:
    async def mark(self: Any, policy: Any, write: Any) -> Any:
        for job in self._cache.jobs(policy):
            if job.finished and not job.recorded:
                await resources.mark_recorded(
                    self._api, namespace=job.namespace, name=job.name, uid=job.uid, ttl_seconds=86400
                )
        return write

    _before(WriteStatus, mark)


def _events_before_status() -> None:
    async def tell(self: Any, policy: Any, write: WriteStatus) -> WriteStatus:
        for note in write.notes:
            await self._events.send(policy=policy, note=note, now=datetime.now(tz=UTC))
        return replace(write, notes=())

    _before(WriteStatus, tell)


def _handled_before_created() -> None:
    async def promise(self: Any, policy: Any, write: CreateJob) -> CreateJob:
        metadata = write.body["metadata"]
        told, action = metadata["annotations"], metadata["labels"][names.LABEL_ACTION]
        handled = {
            **policy.status.get("lastHandled", {}),
            "spec": told[names.ANNOTATION_SPEC_DIGEST],
            "threshold": told[names.ANNOTATION_THRESHOLD],
        }
        if names.ANNOTATION_REQUEST in told:
            handled[action] = told[names.ANNOTATION_REQUEST]
        status = {**policy.status, "lastHandled": handled}
        self._cache.put_policy(await resources.apply_status(self._api, policy=policy, status=status))
        return write

    _before(CreateJob, promise)
    _no_live_read()


def _ghosts_are_kept() -> None:
    _put(cache, "_drop_older", lambda _: lambda children, *, as_of: None)


def _lists_of_the_past_are_believed() -> None:
    _put(news.News, "turn", lambda _: lambda self, *, as_of: news.Turn.ON)


def _speaks_of_the_first_generation() -> None:
    _put(cache, "policy_view", lambda real: lambda body: replace(real(body), generation=1))


def _writes_at_every_look() -> None:
    _put(plan, "differs", lambda real: lambda **_: True)


def _run_before_the_call_is_written() -> None:
    _put(plan, "is_written", lambda _: lambda **_: True)


def _alert_answered_at_once() -> None:
    async def at_once(*_: Any) -> bool:
        return True

    _put(webhook.Webhook, "_written", lambda _: at_once)


BUGS: dict[str, Callable[[], None]] = {
    "Jobs have random names": _random_job_name,
    "the resync lists, and looks at nothing": _resync_looks_at_nothing,
    "children are written without a live read of the policy": _no_live_read,
    "old news is believed": _believes_old_news,
    "acts on the body of the event": _acts_on_the_event_body,
    "the status is written without resourceVersion": _status_without_version,
    "a Job is marked before its run stands in the status": _marked_before_recorded,
    "Events go out before the status": _events_before_status,
    "a request counts as handled before its Job is made": _handled_before_created,
    "a full list drops no ghosts": _ghosts_are_kept,
    "lists of the past are believed": _lists_of_the_past_are_believed,
    "conditions speak of the first generation for ever": _speaks_of_the_first_generation,
    "the status is written at every look": _writes_at_every_look,
    "a run is started before its call stands in the status": _run_before_the_call_is_written,
    "an alert is answered before it stands in the status": _alert_answered_at_once,
}


def plant(name: str) -> None:
    """Changes the operator of this process."""
    BUGS[name]()
