"""What is known about one policy when a plan is made: from the cache, from what is remembered, and from live reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from retrain_operator.api import raw, reasons
from retrain_operator.api.admin import AdminSettings
from retrain_operator.api.children import JobView
from retrain_operator.api.policy import Policy
from retrain_operator.cache import Cache
from retrain_operator.kube import resources
from retrain_operator.kube.client import KubeApi
from retrain_operator.memory import PolicyMemory
from retrain_operator.planning.ends import job_end
from retrain_operator.planning.observed import Cause, Observed
from retrain_operator.planning.plan import jobs_to_read
from retrain_operator.planning.upstream import champion_of
from retrain_operator.planning.waiting import needs_events, newest_pod, next_look, waiting_cause
from retrain_operator.triggers.signals import Signals

#: Why a Job waits though nobody needs to do anything.
_MAY_START_ANY_TIME: Final = (reasons.UNSCHEDULABLE, reasons.POD_NOT_STARTED)

_NOTHING: Final = Cause(reason="", message="")


class Observer:
    """Observes. `memories` are those of all policies, by UID; `now` is the clock."""

    def __init__(
        self,
        *,
        api: KubeApi,
        cache: Cache,
        admin: AdminSettings,
        signals: Signals,
        memories: Mapping[str, PolicyMemory],
        now: Callable[[], datetime],
    ) -> None:
        self._api = api
        self._cache = cache
        self._admin = admin
        self._signals = signals
        self._memories = memories
        self._now = now

    async def observe(self, *, policy: Policy, memory: PolicyMemory) -> tuple[Observed, datetime | None]:
        """What is known about one policy; reads the pods of finished Jobs, and of Jobs that should have started."""
        await self._seek_missing(policy=policy, memory=memory)
        jobs = self._cache.jobs(policy)
        memory.keep_jobs({job.uid for job in jobs})
        look_again = await self._look_at_waiting(policy=policy, memory=memory)

        upstream = self._cache.upstream(policy)

        def observed() -> Observed:
            return Observed(
                policy=policy,
                cronjob=self._cache.cronjob(policy),
                jobs=jobs,
                ends=memory.ends,
                waiting=memory.waiting,
                refused=memory.refusal(generation=policy.generation),
                trouble=memory.trouble,
                initial_slot=self.initial_slot(policy),
                upstream=None if upstream is None else champion_of(policy=upstream),
                sample=self._signals.sample(policy_uid=policy.uid),
                publications=memory.publications,
                alert=self._signals.alert(policy_uid=policy.uid),
            )

        by_uid = {job.uid: job for job in jobs}
        for uid in jobs_to_read(observed=observed(), now=self._now()):
            pods = await resources.pods_of_job(self._api, namespace=policy.key.namespace, job_uid=uid)
            memory.ends[uid] = job_end(job=by_uid[uid], pods=pods)
        return observed(), look_again

    async def _seek_missing(self, *, policy: Policy, memory: PolicyMemory) -> None:
        """Reads Jobs that the status tells of and nobody else does: the watches do not keep step."""
        known = {job.name for job in self._cache.jobs(policy)}
        told = {str(active.get("job")) for active in raw.items(policy.status.get("active"))}
        for name in sorted(told - known - memory.sought):
            live = await resources.get_child(self._api, plural="jobs", namespace=policy.key.namespace, name=name)
            if live is not None:
                self._cache.put_job(live, policy_uid=policy.uid)
            memory.sought.add(name)
        memory.sought &= told

    def initial_slot(self, policy: Policy) -> bool:
        """May its first run start, or has it begun to run long ago? So many first runs at once are allowed."""
        if policy.status.get("lastHandled"):
            return True
        under_way = sum(
            1
            for job in self._cache.jobs_of_policies()
            if job.cause == "Initial" and not job.finished and not self._is_held_up(job)
        )
        return under_way < self._admin.initial_runs

    def _is_held_up(self, job: JobView) -> bool:
        """Does it wait for what its people must mend? Then it keeps nobody else waiting."""
        memory = self._memories.get(job.policy_uid)
        waits = None if memory is None else memory.waiting.get(job.uid)
        return waits is not None and waits.reason not in ("", *_MAY_START_ANY_TIME)

    async def _look_at_waiting(self, *, policy: Policy, memory: PolicyMemory) -> datetime | None:
        """Looks at Jobs that have no ready pod though they should; returns when to look next."""
        looks, following = self._admin.waiting_looks_seconds, []
        for job in self._cache.jobs(policy):
            if job.finished or job.deleting:
                continue
            if job.ready:
                memory.looks.pop(job.uid, None)
                memory.waiting.pop(job.uid, None)
                continue
            done = memory.looks.get(job.uid, 0)
            if next_look(job=job, looks=looks, done=done) <= self._now():
                pods = await resources.pods_of_job(self._api, namespace=policy.key.namespace, job_uid=job.uid)
                events = []
                if needs_events(pods=pods):
                    kind, uid = ("Pod", newest_pod(pods)["metadata"]["uid"]) if pods else ("Job", job.uid)
                    events = await resources.events_of(self._api, namespace=policy.key.namespace, kind=kind, uid=uid)
                memory.waiting[job.uid] = waiting_cause(pods=pods, events=events) or _NOTHING
                while next_look(job=job, looks=looks, done=done) <= self._now():
                    done += 1
                memory.looks[job.uid] = done
            following.append(next_look(job=job, looks=looks, done=done))
        return min(following, default=None)
