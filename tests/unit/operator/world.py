"""A small world of stored objects that answers as the API server does, for tests of the pure core.

It holds plain JSON and knows what Kubernetes does to it: names are locks, UIDs are never reused, a resourceVersion
that is no longer the newest is refused, values are written in canonical form. Around it the operator's real parts run:
cache, views, plan. Only the network is left out.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from retrain_operator.api import names
from retrain_operator.api.admin import AdminSettings
from retrain_operator.api.policy import PolicyKey
from retrain_operator.cache import Cache
from retrain_operator.planning.ends import job_end
from retrain_operator.planning.observed import (
    Alert,
    Cause,
    CreateCronJob,
    CreateJob,
    JobEnd,
    MarkRecorded,
    Note,
    Observed,
    Plan,
    Publication,
    Publish,
    ReplaceCronJob,
    Sample,
    Write,
    WriteStatus,
)
from retrain_operator.planning.plan import jobs_to_read, make_plan

from tests.builders import NAMESPACE, NOON, Json, a_job_status, a_message, a_pod, a_policy, merged, stamp

ADMIN = AdminSettings(trainer_image="retrain-trainer:0.1.0")
NAME = "flight-delays"
KEY = PolicyKey(namespace=NAMESPACE, name=NAME)


class ApiConflict(Exception):
    """409: what was written to is not what was seen."""


class NotSettled(AssertionError):
    """More writes than any settled policy can need."""


def canonical(value: Any) -> Any:
    """What the server stores of what it is given: no nulls, no empty env values, quantities in canonical form."""
    if isinstance(value, Mapping):
        stored = {}
        for name, item in value.items():
            if item is None or (name == "value" and item == ""):
                continue
            if name in ("requests", "limits") and isinstance(item, Mapping):
                stored[name] = {key: {"1024Mi": "1Gi", "0.5": "500m"}.get(one, one) for key, one in item.items()}
            else:
                stored[name] = canonical(item)
        return stored
    if isinstance(value, list):
        return [canonical(item) for item in value]
    return value


def kind_of(write: Write) -> str:
    """The write in a word."""
    match write:
        case CreateCronJob():
            return "create CronJob"
        case ReplaceCronJob():
            return "replace CronJob"
        case CreateJob(body=body):
            metadata = body["metadata"]
            cause, action = metadata["annotations"][names.ANNOTATION_CAUSE], metadata["labels"][names.LABEL_ACTION]
            return f"create {cause} {action} Job"
        case WriteStatus():
            return "status"
        case MarkRecorded():
            return "mark"
        case Publish(target=target):
            return f"publish {target}"


#: What `triggers.prometheus` asks.
QUERY = "avg(prediction_error) > 0.3"


@dataclass(slots=True)
class World:
    """One policy, its children and strangers. `now` is the operator's clock and the server's."""

    policy: Json | None = field(default_factory=lambda: a_policy(resource_version="1"))
    now: datetime = NOON
    cronjobs: dict[str, Json] = field(default_factory=dict)
    jobs: dict[str, Json] = field(default_factory=dict)
    pods: dict[str, list[Json]] = field(default_factory=dict)
    created: list[Json] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    ends: dict[str, JobEnd] = field(default_factory=dict)
    #: Names of Jobs that were in the way of a new one, and were read.
    met: set[str] = field(default_factory=set)
    waiting: dict[str, Cause] = field(default_factory=dict)
    sample: Sample | None = None
    alert: Alert | None = None
    #: What stands in ConfigMap and InferenceService, what is remembered of it, and what is in the way.
    places: dict[str, Json] = field(default_factory=dict)
    publications: dict[str, Publication] = field(default_factory=dict)
    unpublishable: dict[str, Cause] = field(default_factory=dict)
    refused: Cause | None = None
    trouble: Cause | None = None
    initial_slot: bool = True
    #: How often an object of this name was made: UIDs are never reused.
    made: Counter[str] = field(default_factory=Counter)
    counter: int = 1
    slots: int = 0

    # --- what people and other controllers do --------------------

    def edit(self, changes: Mapping[str, Any]) -> None:
        """An edit of the spec; the generation counts only real ones."""
        assert self.policy is not None
        spec = merged(self.policy["spec"], changes)
        if spec != self.policy["spec"]:
            self.policy["spec"] = spec
            self.policy["metadata"]["generation"] += 1
            self._touch(self.policy)

    def request(self, action: str, text: str) -> None:
        """A request annotation."""
        assert self.policy is not None
        self.policy["metadata"]["annotations"][names.REQUEST_ANNOTATIONS[action]] = text
        self._touch(self.policy)

    def fire(self) -> None:
        """A slot of the CronJob comes; nothing starts if it is suspended or has a run under way (Forbid)."""
        cronjob = self.cronjobs.get(NAME)
        if cronjob is None or cronjob["spec"].get("suspend"):
            return
        uid = cronjob["metadata"]["uid"]
        if any(job["metadata"]["ownerReferences"][0]["uid"] == uid for job in self.active()):
            return
        self.slots += 1
        template = cronjob["spec"]["jobTemplate"]
        metadata = copy.deepcopy(template["metadata"])
        metadata |= {
            "name": f"{NAME}-{29000000 + self.slots}",
            "namespace": NAMESPACE,
            "ownerReferences": [
                {"apiVersion": "batch/v1", "kind": "CronJob", "name": NAME, "uid": uid, "controller": True}
            ],
        }
        metadata["annotations"][names.ANNOTATION_SCHEDULED] = stamp(self.now)
        self._store(self.jobs, {"metadata": metadata, "spec": copy.deepcopy(template["spec"]), "status": {"active": 1}})

    def start(self) -> None:
        """Every Job under way gets a ready pod."""
        for job in self.active():
            job["status"] = {"active": 1, "ready": 1}
            self._touch(job)

    def finish(
        self, *, exit_code: int = 0, message: Mapping[str, Any] | None = None, told: bool = True, reason: str = ""
    ) -> None:
        """The oldest Job under way ends; `told=False` leaves no message, `message` changes fields of a good one."""
        active = self.active()
        if not active:
            return
        job, metadata = active[0], active[0]["metadata"]
        end = "Complete" if exit_code == 0 else "Failed"
        job["status"] = a_job_status(end=end, ended=self.now, reason=reason)
        self._touch(job)
        body = a_message(job_uid=metadata["uid"], job=metadata["name"], checked=self.now, **(message or {}))
        if exit_code != 0 and told:
            body |= {"outcome": "Failed", "reason": "DataMissing", "message": "no file matches"}
        pod = a_pod(
            phase="Succeeded" if exit_code == 0 else "Failed",
            exit_code=exit_code,
            message=body if told else None,
            terminated_reason="OOMKilled" if exit_code == 137 else None,
        )
        self.pods[metadata["uid"]] = [pod]

    def query(self, *, truth: bool | None, problem: str | None = None, text: str = QUERY) -> None:
        """Prometheus is asked: true, false, or no answer and why."""
        cause = Cause(reason=problem, message="as Prometheus says") if problem else None
        self.sample = Sample(query=text, at=self.now, truth=truth, problem=cause)

    def alarm(self, *, name: str = "PredictionsDrift", ago: float = 0) -> None:
        """Alertmanager tells of an alert that began so many seconds ago."""
        self.alert = Alert(name=name, began=self.now - timedelta(seconds=ago))

    def lose_pods(self) -> None:
        """The pods are collected before anybody read them."""
        self.pods.clear()

    def delete_recorded(self) -> None:
        """The TTL of recorded Jobs runs out."""
        for name in [name for name, job in self.jobs.items() if names.LABEL_RECORDED in job["metadata"]["labels"]]:
            del self.jobs[name]

    def active(self) -> list[Json]:
        """Jobs of the policy that have not finished, oldest first."""
        found = [job for job in self.jobs.values() if not job["status"].get("conditions") and self._ours(job)]
        return sorted(found, key=lambda job: (job["metadata"]["creationTimestamp"], job["metadata"]["name"]))

    # --- the operator --------------------

    def observe(self, *, recorded_too: bool = False) -> Observed:
        """As the controller does; a finished Job's pods are read once and remembered."""
        cache = Cache()
        if self.policy is not None:
            cache.put_policy(copy.deepcopy(self.policy))
        for body in self.cronjobs.values():
            cache.put_cronjob(copy.deepcopy(body))
        for body in self.jobs.values():
            known = recorded_too or body["metadata"]["name"] in self.met
            if known or names.LABEL_RECORDED not in body["metadata"]["labels"]:
                cache.put_job(copy.deepcopy(body))
        policy = cache.policies[KEY]

        def observed() -> Observed:
            return Observed(
                policy=policy,
                cronjob=cache.cronjob(policy),
                jobs=cache.jobs(policy),
                ends=self.ends,
                waiting=self.waiting,
                refused=self.refused,
                trouble=self.trouble,
                initial_slot=self.initial_slot,
                publications=self.publications,
                sample=self.sample,
                alert=self.alert,
            )

        by_uid = {job.uid: job for job in cache.jobs(policy)}
        for uid in jobs_to_read(observed=observed(), now=self.now):
            self.ends[uid] = job_end(job=by_uid[uid], pods=self.pods.get(uid, []))
        return observed()

    def plan(self, *, now: datetime | None = None) -> Plan:
        """What remains."""
        return make_plan(observed=self.observe(), admin=ADMIN, now=now or self.now)

    def forget(self) -> None:
        """The operator dies: all it remembers is gone. Prometheus and Alertmanager tell what they told again."""
        self.ends, self.waiting, self.refused, self.trouble, self.met = {}, {}, None, None, set()
        self.publications = {}

    def settle(self, *, limit: int = 8, now: datetime | None = None) -> list[str]:
        """Plans, does the first write, plans again until nothing is left; the writes in words."""
        done: list[str] = []
        while (plan := self.plan(now=now)).writes:
            if len(done) >= limit:
                raise NotSettled(f"{done}, and still to write: {[kind_of(write) for write in plan.writes]}")
            self.perform(plan.writes[0])
            done.append(kind_of(plan.writes[0]))
        return done

    def perform(self, write: Write) -> None:
        """One write, as the executor and the server do it."""
        self.writes.append(kind_of(write))
        match write:
            case CreateCronJob(body=body):
                self._create(self.cronjobs, body)
            case CreateJob(body=body):
                if self._create(self.jobs, {**body, "status": {"active": 1}}):
                    self.created.append(json.loads(json.dumps(body)))
            case ReplaceCronJob(seen=seen, body=body):
                live = self.cronjobs.get(seen.name)
                if live is None or live["metadata"]["resourceVersion"] != seen.resource_version:
                    raise ApiConflict(seen.name)
                live["metadata"]["labels"] |= body["metadata"].get("labels", {})
                live["metadata"]["annotations"] |= body["metadata"].get("annotations", {})
                live["spec"] = canonical(json.loads(json.dumps(body["spec"])))
                self._touch(live)
            case WriteStatus(status=status, notes=notes):
                assert self.policy is not None
                self.policy["status"] = json.loads(json.dumps(status))
                self._touch(self.policy)
                self.notes += notes
            case Publish(target=target, body=body):
                problem = self.unpublishable.get(target)
                if problem is None:
                    self.places[target] = json.loads(json.dumps(body))
                self.publications[target] = Publication(publish=write, problem=problem)
            case MarkRecorded(name=name, uid=uid):
                job = self.jobs.get(name)
                if job is not None and job["metadata"]["uid"] == uid:
                    job["metadata"]["labels"][names.LABEL_RECORDED] = "true"
                    job["spec"]["ttlSecondsAfterFinished"] = ADMIN.record_ttl_seconds
                    self._touch(job)

    # --- what tests look at --------------------

    @property
    def status(self) -> Json:
        """The policy's status."""
        assert self.policy is not None
        found: Json = self.policy.get("status", {})
        return found

    def condition(self, type_: str) -> tuple[str, str, str]:
        """Status, reason and message of one condition."""
        found = {item["type"]: item for item in self.status.get("conditions", [])}[type_]
        return found["status"], found["reason"], found["message"]

    def end_state(self) -> Json:
        """Everything stored, without what differs from one history to the next (versions of objects)."""

        def plain(body: Json) -> Json:
            return {**body, "metadata": {**body["metadata"], "resourceVersion": ""}}

        return {
            "policy": plain(self.policy) if self.policy else None,
            "cronjobs": {name: plain(body) for name, body in self.cronjobs.items()},
            "jobs": {name: plain(body) for name, body in self.jobs.items()},
        }

    def later(self, **time: float) -> None:
        """Time goes by."""
        self.now += timedelta(**time)

    # --- inside --------------------

    def _ours(self, job: Json) -> bool:
        owners = job["metadata"].get("ownerReferences") or [{}]
        uids = {body["metadata"]["uid"] for body in self.cronjobs.values()}
        return owners[0].get("uid") in uids | {self.policy["metadata"]["uid"] if self.policy else ""}

    def _create(self, kind: dict[str, Json], body: Mapping[str, Any]) -> bool:
        name = body["metadata"]["name"]
        if name in kind:
            assert kind[name]["metadata"]["ownerReferences"] == body["metadata"]["ownerReferences"]
            self.met.add(name)
            return False  # AlreadyExists, and ours: read live, and kept
        self._store(kind, json.loads(json.dumps(body)))
        return True

    def _store(self, kind: dict[str, Json], body: Json) -> None:
        stored: Json = canonical(body)
        name = stored["metadata"]["name"]
        self.made[name] += 1
        again = f"-{self.made[name]}" if self.made[name] > 1 else ""
        stored["metadata"] |= {"uid": f"uid-of-{name}{again}", "creationTimestamp": stamp(self.now)}
        kind[name] = stored
        self._touch(stored)

    def _touch(self, body: Json) -> None:
        self.counter += 1
        body["metadata"]["resourceVersion"] = str(self.counter)
