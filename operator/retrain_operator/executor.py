"""Performs one write of a plan and folds the answer into the cache, so that the next plan starts from it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal

from retrain_operator.api import names, raw, reasons
from retrain_operator.api.admin import AdminSettings
from retrain_operator.api.children import controller_of
from retrain_operator.api.policy import Policy
from retrain_operator.cache import Cache
from retrain_operator.kube import resources
from retrain_operator.kube.client import ApiError, KubeApi
from retrain_operator.kube.events import Events
from retrain_operator.kube.publishing import Outdated, publish
from retrain_operator.logs import about
from retrain_operator.planning.observed import (
    Cause,
    CreateCronJob,
    CreateJob,
    MarkRecorded,
    Publication,
    Publish,
    ReplaceCronJob,
    Write,
    WriteStatus,
)

_log = logging.getLogger(__name__)

Plural = Literal["cronjobs", "jobs"]


class Refused(Exception):
    """The API server will not have something that follows from this generation of the spec: only an edit mends it."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.message)
        self.cause = cause


class Trouble(Exception):
    """The API server will not have it now (quota, a name still being freed); it is tried again."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.message)
        self.cause = cause


class Executor:
    """Writes. `now` gives the time of Events."""

    def __init__(self, *, api: KubeApi, cache: Cache, admin: AdminSettings, now: Callable[[], datetime]) -> None:
        self._api = api
        self._events = Events(api=api)
        self._cache = cache
        self._admin = admin
        self._now = now

    async def perform(self, *, policy: Policy, write: Write) -> None:
        """One write; none where the policy turns out to have changed, or to be gone, since it was planned from.

        Raises:
            Refused, Trouble: see there.
            ApiError: anything else that the API server answered; 409 means that what was planned from has changed.
        """
        match write:
            case CreateCronJob() | ReplaceCronJob() | CreateJob() if not await self._is_current(policy):
                return
            case CreateCronJob(body=body):
                made = await self._create(policy=policy, plural="cronjobs", body=body)
                self._cache.put_cronjob(made, policy_uid=policy.uid)
                _log.info(
                    "policy %s: CronJob %s created", policy.key, body["metadata"]["name"], extra=about(policy.key)
                )
            case ReplaceCronJob(seen=seen, body=body):
                self._cache.put_cronjob(await self._replace(policy=policy, write=write), policy_uid=policy.uid)
                _log.info("policy %s: CronJob %s updated", policy.key, seen.name, extra=about(policy.key))
            case CreateJob(body=body):
                made = await self._create(policy=policy, plural="jobs", body=body)
                self._cache.put_job(made, policy_uid=policy.uid)
                run, action = body["metadata"]["name"], body["metadata"]["labels"][names.LABEL_ACTION]
                _log.info("policy %s: Job %s created", policy.key, run, extra=about(policy.key, run=run, action=action))
            case WriteStatus(status=status, notes=notes):
                # Crash window: status written, Events not sent. They are lost; nothing is decided by Events.
                self._cache.put_policy(await resources.apply_status(self._api, policy=policy, status=status))
                for each in self._api.counts.recorded(before=policy.status, after=status):
                    fields = about(policy.key, run=each.job, action=each.action)
                    _log.info("policy %s: run %s ended: %s", policy.key, each.job, each.outcome, extra=fields)
                for note in notes:
                    await self._events.send(policy=policy, note=note, now=self._now())
            case MarkRecorded(namespace=namespace, name=name, uid=uid):
                await resources.mark_recorded(
                    self._api,
                    namespace=namespace,
                    name=name,
                    uid=uid,
                    ttl_seconds=self._admin.record_ttl_seconds,
                )
                self._cache.mark_recorded(policy_uid=policy.uid, job_uid=uid)

    async def publish(self, *, policy: Policy, write: Publish) -> Publication | None:
        """Publishes the champion that the status names; None where the policy has changed since it was planned from.

        Raises ApiError as kube.publishing.publish does.
        """
        try:
            problem, written = await publish(self._api, wanted=write, is_current=lambda: self._is_current(policy))
        except Outdated:
            return None
        what = f"{write.body['kind']} {write.name}"
        if problem is not None:
            _log.warning("policy %s: not published: %s", policy.key, problem.message, extra=about(policy.key))
        elif written:
            _log.info("policy %s: %s names version %d", policy.key, what, write.version, extra=about(policy.key))
        return Publication(publish=write, problem=problem)

    async def _is_current(self, policy: Policy) -> bool:
        """Is the policy still as it was planned from?

        The watches do not keep step: children of a deleted policy would be made anew, runs started that nobody asks
        for any more, and an old spec written onto a newer CronJob.
        """
        await self.refresh(policy)
        held = self._cache.policies.get(policy.key)
        return held is not None and held.resource_version == policy.resource_version

    async def refresh(self, policy: Policy) -> None:
        """Reads the policy live: it has changed or is gone, and what was planned is stale."""
        live = await resources.get_policy(self._api, key=policy.key)
        if live is None:
            self._cache.drop_policy(key=policy.key, uid=policy.uid)
        else:
            self._cache.put_policy(live)

    async def _create(self, *, policy: Policy, plural: Plural, body: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return await resources.create_child(self._api, plural=plural, body=body)
        except ApiError as error:
            # Crash window: created, answer lost. The name is derived, so the second try meets our own object here.
            if error.status == 409 and error.reason == "AlreadyExists":
                return await self._ours(policy=policy, plural=plural, name=body["metadata"]["name"])
            raise _classified(error, what=f"{body['kind']} {body['metadata']['name']}") from error

    async def _replace(self, *, policy: Policy, write: ReplaceCronJob) -> dict[str, Any]:
        try:
            return await resources.replace_cronjob(self._api, seen=write.seen, body=write.body)
        except ApiError as error:
            if error.status not in (404, 409):
                raise _classified(error, what=f"CronJob {write.seen.name}") from error
        live = await resources.get_child(
            self._api, plural="cronjobs", namespace=write.seen.namespace, name=write.seen.name
        )
        if live is None:
            self._cache.drop_cronjob(policy_uid=policy.uid, uid=write.seen.uid)
            raise Trouble(Cause(reason=reasons.RETRYING, message=f"CronJob {write.seen.name} has just been deleted"))
        return self._checked(policy=policy, plural="cronjobs", live=live)

    async def _ours(self, *, policy: Policy, plural: Plural, name: str) -> dict[str, Any]:
        live = await resources.get_child(self._api, plural=plural, namespace=policy.key.namespace, name=name)
        if live is None:
            raise Trouble(Cause(reason=reasons.RETRYING, message=f"{plural} {name} has just been deleted"))
        return self._checked(policy=policy, plural=plural, live=live)

    def _checked(self, *, policy: Policy, plural: Plural, live: dict[str, Any]) -> dict[str, Any]:
        """`live` if the policy controls it. Whose it is says the owner's UID, not a name or a label."""
        metadata = raw.mapping(live.get("metadata"))
        owner, name = controller_of(metadata), metadata.get("name")
        if owner is not None and owner.uid == policy.uid:
            return live
        if owner is not None and owner.kind == names.KIND and owner.name == policy.key.name:
            message = f"{plural} {name} of a deleted policy of this name is being collected"
            raise Trouble(Cause(reason=reasons.RETRYING, message=message))
        kind = "CronJob" if plural == "cronjobs" else "Job"
        if owner is None and raw.at(metadata, "labels", names.LABEL_POLICY_UID) == policy.uid:
            # A label is no proof: anybody can set it. So it is not taken back either.
            message = (
                f"{kind} {name} exists and has no ownerReference to this policy any more; it is left alone. Delete it "
                f"(kubectl delete {kind.lower()} {name}), and it is made anew"
            )
            raise Refused(Cause(reason=reasons.NAME_CONFLICT, message=message))
        whose = f"belongs to {owner.kind} {owner.name}" if owner is not None else "was made by somebody else"
        message = f"{kind} {name} exists and {whose}; it is left alone. Rename the policy or remove the {kind}"
        raise Refused(Cause(reason=reasons.NAME_CONFLICT, message=message))


def _classified(error: ApiError, *, what: str) -> Exception:
    if error.status in (400, 422):
        return Refused(Cause(reason=reasons.REFUSED_BY_API, message=f"{what}: {error.message}"))
    if error.status == 403:
        quota = "exceeded quota" in error.message
        reason = reasons.QUOTA_EXCEEDED if quota else reasons.RETRYING
        return Trouble(Cause(reason=reason, message=f"{what}: {error.message}"))
    return error
