"""What was last seen of policies, CronJobs and Jobs: slim, and free of ghosts.

kopf announces no deletion that it missed (after a 410 it lists again and speaks of what exists), so a full list every
few minutes replaces what is held. A watch that was cut tells old news again when it comes back, so what is gone stays
gone. kopf's own index is not used: filling it is quadratic in the number of objects.

`put_*` takes what the API server answered to a request, `hear_*` what a watch told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from retrain_operator.api import names
from retrain_operator.api.children import CronJobView, JobView, cronjob_view, job_view
from retrain_operator.api.policy import Policy, PolicyKey, policy_view
from retrain_operator.news import News, Turn, older

_Child = TypeVar("_Child", CronJobView, JobView)


class Cache:
    """Policies by key; their CronJobs and Jobs by the policy's UID (from our label; the plan checks the owner)."""

    def __init__(self) -> None:
        self.policies: dict[PolicyKey, Policy] = {}
        self._keys: dict[str, PolicyKey] = {}
        self._downstream: dict[PolicyKey, set[PolicyKey]] = defaultdict(set)
        self._cronjobs: dict[str, dict[str, CronJobView]] = defaultdict(dict)
        self._jobs: dict[str, dict[str, JobView]] = defaultdict(dict)
        self._policy_news, self._cronjob_news, self._job_news = News(), News(), News()

    def key_of(self, *, policy_uid: str) -> PolicyKey | None:
        """The policy with this UID."""
        return self._keys.get(policy_uid)

    def put_policy(self, body: Mapping[str, Any]) -> PolicyKey:
        """Takes a policy as the API returned it, unless something newer is held."""
        policy = policy_view(body)
        if not self._policy_news.left(uid=policy.uid, version=policy.resource_version):
            self._keep_policy(policy)
        return policy.key

    def hear_policy(self, body: Mapping[str, Any], *, deleted: bool) -> PolicyKey:
        """Takes what a watch told of a policy."""
        policy = policy_view(body)
        if deleted:
            self._policy_news.ended(uid=policy.uid, version=policy.resource_version)
            self.drop_policy(key=policy.key, uid=policy.uid)
        elif policy.key in self.policies or not self._policy_news.outdated(
            uid=policy.uid, version=policy.resource_version
        ):
            self.put_policy(body)
        return policy.key

    def _keep_policy(self, policy: Policy) -> None:
        held = self.policies.get(policy.key)
        # Also of another UID: the end of a policy may be told after the beginning of the next one of its name.
        if held is None or not older(policy.resource_version, held.resource_version):
            self._forget_upstream(held)
            self.policies[policy.key] = policy
            self._keys[policy.uid] = policy.key
            if (upstream := _upstream_of(policy)) is not None:
                self._downstream[upstream].add(policy.key)

    def drop_policy(self, *, key: PolicyKey, uid: str) -> None:
        """Forgets a deleted policy; one of the same name that was made since stays."""
        held = self.policies.get(key)
        if held is not None and held.uid == uid:
            self._forget_upstream(held)
            del self.policies[key]
        self._keys.pop(uid, None)
        self._cronjobs.pop(uid, None)
        self._jobs.pop(uid, None)

    def upstream(self, policy: Policy) -> Policy | None:
        """The policy that `triggers.upstream` names, if it is there."""
        key = _upstream_of(policy)
        return None if key is None else self.policies.get(key)

    def downstream(self, key: PolicyKey) -> tuple[PolicyKey, ...]:
        """The policies that name this one as their upstream."""
        return tuple(self._downstream.get(key, ()))

    def _forget_upstream(self, policy: Policy | None) -> None:
        upstream = None if policy is None else _upstream_of(policy)
        if policy is None or upstream is None:
            return
        self._downstream[upstream].discard(policy.key)
        if not self._downstream[upstream]:
            del self._downstream[upstream]

    def put_cronjob(self, body: Mapping[str, Any], *, policy_uid: str | None = None) -> str:
        """Takes a CronJob; returns the UID of its policy. `policy_uid`: by its owner, whatever its label says."""
        view = cronjob_view(body)
        if policy_uid is not None:
            view = replace(view, policy_uid=policy_uid)
        if not self._cronjob_news.outlived(uid=view.uid, version=view.resource_version):
            _keep(self._cronjobs[view.policy_uid], view)
        return view.policy_uid

    def hear_cronjob(self, body: Mapping[str, Any], *, deleted: bool) -> str:
        """Takes what a watch told of a CronJob; returns the UID of its policy."""
        view = cronjob_view(body)
        _hear(self._cronjobs[view.policy_uid], view, news=self._cronjob_news, deleted=deleted)
        return view.policy_uid

    def drop_cronjob(self, *, policy_uid: str, uid: str) -> None:
        """Forgets a deleted CronJob."""
        self._cronjobs.get(policy_uid, {}).pop(uid, None)

    def put_job(self, body: Mapping[str, Any], *, policy_uid: str | None = None) -> str:
        """Takes a Job; as put_cronjob."""
        view = job_view(body)
        if policy_uid is not None:
            view = replace(view, policy_uid=policy_uid)
        if not self._job_news.outlived(uid=view.uid, version=view.resource_version):
            _keep(self._jobs[view.policy_uid], view)
        return view.policy_uid

    def hear_job(self, body: Mapping[str, Any], *, deleted: bool) -> str:
        """Takes what a watch told of a Job; returns the UID of its policy. One that is recorded leaves the watch."""
        view = job_view(body)
        _hear(self._jobs[view.policy_uid], view, news=self._job_news, deleted=deleted)
        return view.policy_uid

    def cronjob(self, policy: Policy) -> CronJobView | None:
        """The policy's CronJob: ours by controller and name."""
        wanted = names.cronjob_name(policy=policy.key.name)
        for view in self._cronjobs.get(policy.uid, {}).values():
            if view.name == wanted and view.owner is not None and view.owner.uid == policy.uid:
                return view
        return None

    def jobs(self, policy: Policy) -> tuple[JobView, ...]:
        """The policy's Jobs: their controller is the policy, or its CronJob. Anybody can set a label."""
        cronjob = self.cronjob(policy)
        owners = {policy.uid} | ({cronjob.uid} if cronjob is not None else set())
        return tuple(
            job
            for job in self._jobs.get(policy.uid, {}).values()
            if job.owner is not None and job.owner.uid in owners and job.namespace == policy.key.namespace
        )

    def jobs_of_policies(self) -> Iterable[JobView]:
        """Every Job whose controller is a policy that is there. Anybody can set a label."""
        for uid, jobs in self._jobs.items():
            key = self._keys.get(uid)
            for job in jobs.values():
                if (
                    key is not None
                    and job.owner is not None
                    and job.owner.uid == uid
                    and job.namespace == key.namespace
                ):
                    yield job

    def replace_policies(self, *, bodies: Iterable[Mapping[str, Any]], as_of: str) -> Turn:
        """Takes a full list as of a resourceVersion: what it lacks and was not seen later is gone.

        BEHIND: it is older than one before it, and nothing is taken. BACK: the third such list in a row is taken, and
        all that is held with it is forgotten (a restored backup counts from an earlier version on).
        """
        turn = self._policy_news.turn(as_of=as_of)
        if turn is Turn.BEHIND:
            return turn
        if turn is Turn.BACK:
            for policy in list(self.policies.values()):
                self.drop_policy(key=policy.key, uid=policy.uid)
        seen = {self.put_policy(body) for body in bodies}
        self._policy_news.listed(as_of=as_of)
        for key, policy in list(self.policies.items()):
            if key not in seen and not older(as_of, policy.resource_version):
                self.drop_policy(key=key, uid=policy.uid)
        return turn

    def replace_cronjobs(self, *, bodies: Iterable[Mapping[str, Any]], as_of: str) -> Turn:
        """As replace_policies."""
        return _replace(self._cronjobs, bodies=bodies, as_of=as_of, news=self._cronjob_news, put=self.put_cronjob)

    def replace_jobs(self, *, bodies: Iterable[Mapping[str, Any]], as_of: str) -> Turn:
        """As replace_policies; Jobs that were recorded are not in the list and go too."""
        return _replace(self._jobs, bodies=bodies, as_of=as_of, news=self._job_news, put=self.put_job)

    def mark_recorded(self, *, policy_uid: str, job_uid: str) -> None:
        """Notes that a Job was marked; it is kept until the watch drops it, so that its request stays answered."""
        held = self._jobs.get(policy_uid, {}).get(job_uid)
        if held is not None:
            self._jobs[policy_uid][job_uid] = replace(held, recorded=True)


def _upstream_of(policy: Policy) -> PolicyKey | None:
    return None if policy.upstream is None else PolicyKey(namespace=policy.key.namespace, name=policy.upstream)


def _keep(children: dict[str, _Child], view: _Child) -> None:
    held = children.get(view.uid)
    if held is None or not older(view.resource_version, held.resource_version):
        children[view.uid] = view


def _hear(children: dict[str, _Child], view: _Child, *, news: News, deleted: bool) -> None:
    held = children.get(view.uid)
    if deleted:
        news.ended(uid=view.uid, version=view.resource_version)
        # It may have come back into the watch since.
        if held is not None and not older(view.resource_version, held.resource_version):
            del children[view.uid]
    elif held is not None or not news.outdated(uid=view.uid, version=view.resource_version):
        _keep(children, view)


def _replace(
    children: dict[str, dict[str, _Child]],
    *,
    bodies: Iterable[Mapping[str, Any]],
    as_of: str,
    news: News,
    put: Callable[[Mapping[str, Any]], object],
) -> Turn:
    turn = news.turn(as_of=as_of)
    if turn is Turn.BEHIND:
        return turn
    if turn is Turn.BACK:
        children.clear()
    _drop_older(children, as_of=as_of)
    for body in bodies:
        put(body)
    news.listed(as_of=as_of)
    return turn


def _drop_older(children: dict[str, dict[str, _Child]], *, as_of: str) -> None:
    for uid, views in list(children.items()):
        later = {name: view for name, view in views.items() if older(as_of, view.resource_version)}
        if later:
            children[uid] = later
        else:
            del children[uid]
