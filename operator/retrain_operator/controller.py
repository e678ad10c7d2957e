"""Keeps every policy as its spec says: observe, plan, do the first write, observe again, until nothing is left.

Level-triggered: an event only says "look at this policy again". Nothing is read from the event itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime

import aiohttp

from retrain_operator.api import reasons
from retrain_operator.api.admin import AdminSettings
from retrain_operator.api.policy import PolicyKey
from retrain_operator.cache import Cache
from retrain_operator.executor import Executor, Refused, Trouble
from retrain_operator.kube.client import ApiError, KubeApi
from retrain_operator.logs import about
from retrain_operator.memory import PolicyMemory
from retrain_operator.observer import Observer
from retrain_operator.obstacles import is_aside, obstacle
from retrain_operator.planning.observed import Cause, MarkRecorded, Publish, ReplaceCronJob, WriteStatus
from retrain_operator.planning.plan import make_plan
from retrain_operator.queue import WorkQueue
from retrain_operator.triggers.signals import Signals

_log = logging.getLogger(__name__)

#: Writes in one look; a policy needs five at most, so more means that two writers disagree.
MAX_WRITES = 20


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
        self._counts = api.counts
        self._cache = cache
        self._queue = queue
        self._admin = admin
        self._now = now
        self._executor = Executor(api=api, cache=cache, admin=admin, now=now)
        self._memory: defaultdict[str, PolicyMemory] = defaultdict(PolicyMemory)
        self._observer = Observer(
            api=api, cache=cache, admin=admin, signals=self._signals, memories=self._memory, now=now
        )

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
            if memory is None or memory.refused is None:
                continue
            if all(job.finished for job in self._cache.jobs(policy)) and self._observer.initial_slot(policy):
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
            observed, look_again = await self._observer.observe(policy=policy, memory=memory)
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
                    continue
                if not is_aside(write=write, error=error, failures=self._queue.failures(key)):
                    raise
                await self._executor.refresh(policy)  # raises where all of the API server is away
                cause = obstacle(write=write, error=error)
                _log.warning("policy %s: %s", key, cause.message, extra=about(key))
                if isinstance(write, MarkRecorded):
                    self._cache.mark_recorded(policy_uid=policy.uid, job_uid=write.uid)  # until the next full list
                else:
                    memory.trouble = cause
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

    def _wait_after_refusals(self, times: int) -> float:
        return self._queue.backoff_seconds(failures=times)

    def _note_repair(self, write: ReplaceCronJob, *, memory: PolicyMemory) -> None:
        """Raises Trouble where somebody else changes the CronJob again and again: no war of writes."""
        if memory.is_contested(now=self._now()):
            message = (
                f"CronJob {write.seen.name} is changed again and again by somebody else; it is left as it is for some "
                "minutes. Edit the policy instead, and leave its CronJob out of what others apply"
            )
            raise Trouble(Cause(reason=reasons.CRONJOB_CONTESTED, message=message))
        memory.repairs.append(self._now())
