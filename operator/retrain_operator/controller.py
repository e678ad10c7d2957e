"""Keeps every policy as its spec says: observe, plan, do the first write, observe again, until nothing is left.

Level-triggered: an event only says "look at this policy again". Nothing is read from the event itself.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime

import aiohttp

from retrain_operator.api import raw, reasons
from retrain_operator.api.admin import AdminSettings
from retrain_operator.api.children import JobView
from retrain_operator.api.policy import Policy, PolicyKey
from retrain_operator.cache import Cache
from retrain_operator.executor import Executor, Refused, Trouble
from retrain_operator.kube import resources
from retrain_operator.kube.client import ApiError, KubeApi
from retrain_operator.logs import about
from retrain_operator.memory import PolicyMemory
from retrain_operator.planning.ends import job_end
from retrain_operator.planning.observed import (
    Cause,
    CreateCronJob,
    CreateJob,
    MarkRecorded,
    Observed,
    Publish,
    ReplaceCronJob,
    Write,
    WriteStatus,
)
from retrain_operator.planning.plan import jobs_to_read, make_plan
from retrain_operator.planning.upstream import champion_of
from retrain_operator.planning.waiting import needs_events, newest_pod, next_look, waiting_cause
from retrain_operator.queue import WorkQueue
from retrain_operator.triggers.signals import Signals

_log = logging.getLogger(__name__)

#: Writes in one look; a policy needs five at most, so more means that two writers disagree.
MAX_WRITES = 20

#: So many looks in a row must have ended in an error before a child that cannot be written is told of: fifteen seconds
#: with the backoff of the defaults, so that a pause of the API server is not.
_TOLD_AFTER = 4

#: Why a Job waits though nobody needs to do anything.
_MAY_START_ANY_TIME = (reasons.UNSCHEDULABLE, reasons.POD_NOT_STARTED)

_NOTHING = Cause(reason="", message="")


class Controller:
    """Works the queue. `now` is the clock. `leads`: may this replica write?"""

    def __init__(
        self,
        *,
        api: KubeApi,
        cache: Cache,
        queue: WorkQueue,
        admin: AdminSettings,
        now: Callable[[], datetime],
        leads: Callable[[], bool] = lambda: True,
        signals: Signals | None = None,
    ) -> None:
        self._signals = signals or Signals()
        self._leads = leads
        self._api = api
        self._counts = api.counts
        self._cache = cache
        self._queue = queue
        self._admin = admin
        self._now = now
        self._executor = Executor(api=api, cache=cache, admin=admin, now=now)
        self._memory: defaultdict[str, PolicyMemory] = defaultdict(PolicyMemory)

    async def work(self) -> None:
        """One worker; runs until cancelled."""
        while True:
            key = await self._queue.get()
            try:
                began = asyncio.get_running_loop().time()
                await self._look(key)
                self._counts.looked(seconds=asyncio.get_running_loop().time() - began)
            finally:
                self._queue.done(key)

    def forget_refusals(self) -> None:
        """Asks again for what was refused: a name may be free again, an admission policy of the cluster mended.

        Not where no Job would be tried, since a run is under way or too many first runs are: Ready would be told for no
        reason.
        """
        for policy in self._cache.policies.values():
            memory = self._memory.get(policy.uid)
            tried = all(job.finished for job in self._cache.jobs(policy)) and self._initial_slot(policy)
            if memory is not None and tried:
                memory.refused = None

    def forget_publications(self) -> None:
        """Looks again at what was published: somebody may have changed or removed it."""
        for memory in self._memory.values():
            memory.publications.clear()

    def forget_policies(self, *, but: set[str]) -> None:
        """Drops what is remembered of policies that are gone."""
        for uid in [uid for uid in self._memory if uid not in but]:
            del self._memory[uid]
        self._signals.forget(but=but)

    async def _look(self, key: PolicyKey) -> None:
        """One look, with its errors turned into a later one. One bad policy must not stop the others."""
        try:
            settled = await self.settle(key)
        except ApiError as error:
            self._counts.failed("api")
            wait = self._queue.failed(key, at_least_seconds=error.retry_after or 0)
            _log.warning("policy %s: %s; again in %.0f s", key, error, wait, extra=about(key))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._counts.failed("connection")
            wait = self._queue.failed(key)
            _log.warning("policy %s: %s: %s; again in %.0f s", key, type(error).__name__, error, wait, extra=about(key))
        except asyncio.CancelledError:
            raise
        except Exception:
            self._counts.failed("unexpected")
            wait = self._queue.failed(key)
            _log.exception("policy %s: unexpected; again in %.0f s", key, wait, extra=about(key))
        else:
            if settled:
                self._queue.succeeded(key)
            else:
                self._queue.failed(key)

    async def settle(self, key: PolicyKey) -> bool:
        """Writes until nothing is left to write. False: something passing is in the way, look again soon."""
        unmovable = False
        for _ in range(MAX_WRITES):
            if not self._leads():
                return True  # whoever leads next looks at every policy
            policy = self._cache.policies.get(key)
            if policy is None:
                return True
            memory, version = self._memory[policy.uid], policy.resource_version
            ask_again = memory.ask_again(now=self._now())
            observed, look_again = await self._observe(policy=policy, memory=memory)
            plan = make_plan(observed=observed, admin=self._admin, now=self._now(), unmovable=unmovable)
            if not plan.writes:
                moments = [moment for moment in (plan.look_again, look_again, ask_again) if moment is not None]
                if moments:
                    self._queue.add_after(key, seconds=(min(moments) - self._now()).total_seconds())
                trouble, memory.trouble = memory.trouble, None
                return trouble is None
            write = plan.writes[0]
            if not self._leads():
                return True
            try:
                if isinstance(write, ReplaceCronJob) and write.repairs:
                    self._note_repair(write, memory=memory)
                if isinstance(write, Publish):
                    if (result := await self._executor.publish(policy=policy, write=write)) is not None:
                        memory.note_publication(result, now=self._now(), wait=self._wait_after_refusals)
                else:
                    await self._executor.perform(policy=policy, write=write)
            except Refused as refused:
                if memory.refusal(generation=policy.generation) is not None:
                    memory.trouble = refused.cause  # what stops the CronJob is refused too: it is tried again later
                memory.refused, memory.refused_generation = refused.cause, policy.generation
                _log.warning("policy %s: refused: %s", key, refused, extra=about(key))
            except Trouble as trouble_met:
                memory.trouble = trouble_met.cause
                _log.warning("policy %s: %s", key, trouble_met, extra=about(key))
            except (ApiError, aiohttp.ClientError, TimeoutError, OSError) as error:
                if isinstance(write, WriteStatus) and isinstance(error, ApiError) and error.status in (404, 409):
                    await self._executor.refresh(policy)
                elif not self._lasts(error, write=write, key=key):
                    raise
                elif isinstance(write, MarkRecorded):
                    await self._executor.refresh(policy)
                    self._cache.mark_recorded(policy_uid=policy.uid, job_uid=write.uid)  # until the next full list
                    _log.warning("policy %s: Job %s: %s", key, write.name, error, extra=about(key))
                else:
                    await self._executor.refresh(policy)  # raises where all of the API server is away
                    memory.trouble = Cause(reason=reasons.RETRYING, message=f"{_what(write)}: {_words(error)}")
                    _log.warning("policy %s: %s", key, memory.trouble.message, extra=about(key))
            else:
                after = self._cache.policies.get(key)
                same = after is not None and after.resource_version == version
                unmovable = isinstance(write, WriteStatus) and same
                if unmovable:
                    _log.warning(
                        "policy %s: its status holds fields that somebody else owns; they are left",
                        key,
                        extra=about(key),
                    )
        _log.error(
            "policy %s: %d writes and still not settled; another writer changes what we write",
            key,
            MAX_WRITES,
            extra=about(key),
        )
        return False

    def _lasts(self, error: Exception, *, write: Write, key: PolicyKey) -> bool:
        """Is it only children that cannot be written, and not just now?

        A webhook that is down must not hide what runs have told; nor must one that lets no Job be marked keep a
        champion from being published.
        """
        if self._queue.failures(key) < _TOLD_AFTER:
            return False
        if isinstance(write, MarkRecorded):
            return not isinstance(error, ApiError) or error.status != 429
        down = not isinstance(error, ApiError) or error.status >= 500
        return down and isinstance(write, CreateCronJob | ReplaceCronJob | CreateJob)

    def _wait_after_refusals(self, times: int) -> float:
        return self._queue.backoff_seconds(failures=times)

    async def _observe(self, *, policy: Policy, memory: PolicyMemory) -> tuple[Observed, datetime | None]:
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
                initial_slot=self._initial_slot(policy),
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

    def _note_repair(self, write: ReplaceCronJob, *, memory: PolicyMemory) -> None:
        """Raises Trouble where somebody else changes the CronJob again and again: no war of writes."""
        if memory.is_contested(now=self._now()):
            message = (
                f"CronJob {write.seen.name} is changed again and again by somebody else; it is left as it is for some "
                "minutes. Edit the policy instead, and leave its CronJob out of what others apply"
            )
            raise Trouble(Cause(reason=reasons.CRONJOB_CONTESTED, message=message))
        memory.repairs.append(self._now())

    def _initial_slot(self, policy: Policy) -> bool:
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
        memory = self._memory.get(job.policy_uid)
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


def _what(write: Write) -> str:
    match write:
        case ReplaceCronJob(seen=seen):
            return f"CronJob {seen.name}"
        case CreateCronJob(body=body) | CreateJob(body=body):
            return f"{body['kind']} {body['metadata']['name']}"
        case _:
            return type(write).__name__


def _words(error: Exception) -> str:
    if not isinstance(error, ApiError):
        return f"no answer ({type(error).__name__})"
    # The port on our side is another one each time, and what is told anew each time is an Event each time.
    return re.sub(r"\S+->(?=\S)", "", error.message)
