"""What remains to be done for one policy. Pure: what was observed and the time in, writes out.

The executor does the first write, folds the answer into what is known, and asks again; when nothing is left to write,
the policy is settled. A crash between any two writes therefore needs no journal: the next plan finds what remains.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from retrain_operator.api import names
from retrain_operator.api.admin import AdminSettings
from retrain_operator.api.children import CronJobView
from retrain_operator.planning.believed import believed
from retrain_operator.planning.calls import is_written, next_triggers
from retrain_operator.planning.children import desired_cronjob, desired_job
from retrain_operator.planning.digests import Digests, digests_of
from retrain_operator.planning.history import is_recorded, new_runs
from retrain_operator.planning.matching import contains
from retrain_operator.planning.notes import notes_between
from retrain_operator.planning.observed import (
    Cause,
    CreateCronJob,
    CreateJob,
    MarkRecorded,
    Observed,
    Plan,
    ReplaceCronJob,
    Write,
    WriteStatus,
)
from retrain_operator.planning.pod import desired_pod_template
from retrain_operator.planning.problem import SpecProblem
from retrain_operator.planning.publishing import to_publish
from retrain_operator.planning.requests import Request, handled_after, open_requests
from retrain_operator.planning.schedule import Schedule, check_blackouts, check_zone, read_schedule
from retrain_operator.planning.status import differs, next_status, unfinished_jobs

#: How soon to try again when too many Initial runs are under way.
INITIAL_RETRY = timedelta(seconds=5)


def make_plan(*, observed: Observed, admin: AdminSettings, now: datetime, unmovable: bool = False) -> Plan:
    """The writes that remain, in order, and when to look again if nothing happens before.

    An invalid spec changes no child: the last good CronJob stays as it is, unless people stop it. `unmovable`: the
    status was written and did not change, since it holds fields of somebody else's; all else goes on.
    """
    stands = observed.policy.status
    policy = replace(observed.policy, status=believed(stands, now=now))
    observed = replace(observed, policy=policy)
    if policy.deleting:
        return Plan()
    digests = digests_of(policy=policy)
    schedule, problem = _accept(observed=observed, admin=admin)
    writes: list[Write] = []
    look_again: datetime | None = None

    cronjob_write: Write | None
    if policy.schedule is None or (problem is not None and policy.suspended):
        cronjob_write = _suspending(observed.cronjob)
    elif problem is None:
        cronjob_write = _cronjob_write(observed=observed, schedule=schedule, admin=admin, digests=digests)
    else:
        cronjob_write = None
    triggers = next_triggers(policy=policy, sample=observed.sample, alert=observed.alert, now=now)
    handled = handled_after(
        policy=policy, jobs=observed.jobs, digests=digests, upstream=observed.upstream, triggers=triggers
    )
    pending = open_requests(
        policy=policy, handled=handled, digests=digests, upstream=observed.upstream, triggers=triggers
    )
    if observed.trouble is None:
        if cronjob_write is not None:
            writes.append(cronjob_write)
        # At most one run at a time. The cache may not show the newest Job yet; two runs at once are harmless
        # (the promotion log decides), so nothing waits for certainty here.
        if pending and problem is None and not unfinished_jobs(jobs=observed.jobs, status=policy.status):
            if pending[0].cause == "Initial" and not observed.initial_slot:
                look_again = now + INITIAL_RETRY
            elif _waits_for_the_status(request=pending[0], observed=observed):
                pass
            elif is_written(cause=pending[0].cause, text=pending[0].text, status=policy.status):
                writes.append(
                    CreateJob(body=desired_job(policy=policy, admin=admin, digests=digests, request=pending[0]))
                )
    if not writes:
        # The status speaks of children that exist; it is written when nothing before it is left to write.
        runs = new_runs(observed=observed, now=now)
        wanted = next_status(
            observed=observed,
            runs=runs,
            schedule=schedule,
            problem=problem,
            applied=cronjob_write is None,
            digests=digests,
            handled=handled,
            pending=pending,
            triggers=triggers,
            now=now,
        )
        if not unmovable and differs(stored=stands, wanted=wanted):
            notes = notes_between(stored=policy.status, wanted=wanted, runs=runs, jobs=observed.jobs)
            writes.append(WriteStatus(status=wanted, notes=notes))
    if not writes:
        # Crash window: status written, Job not marked. The Job stays in the watch, so the next plan marks it.
        writes += [
            MarkRecorded(namespace=job.namespace, name=job.name, uid=job.uid)
            for job in observed.jobs
            if job.finished
            and not job.recorded
            and not job.deleting
            and is_recorded(status=policy.status, job=job, limit=policy.run_history_limit, now=now)
        ]
    if not writes:
        writes += to_publish(policy=policy, done=observed.publications)
    return Plan(writes=tuple(writes), look_again=look_again)


def _waits_for_the_status(*, request: Request, observed: Observed) -> bool:
    """Whether a version that the spec names must be promoted is known once the runs before are recorded."""
    by_spec = request.cause == "SpecChange" and request.action in ("pin", "approve")
    return by_spec and any(job.finished and not job.recorded and not job.deleting for job in observed.jobs)


def _accept(*, observed: Observed, admin: AdminSettings) -> tuple[Schedule | None, Cause | None]:
    """The schedule, and what only an edit mends."""
    policy = observed.policy
    schedule = None
    try:
        if policy.schedule is not None:
            schedule = read_schedule(
                text=policy.schedule,
                time_zone=policy.time_zone,
                seed=policy.uid,
                minimum_interval_seconds=admin.minimum_interval_seconds,
            )
        check_zone(policy.time_zone)
        check_blackouts(starts=policy.blackout_starts)
        desired_pod_template(policy=policy, admin=admin, action="check", cause="Schedule", request=None)
    except SpecProblem as problem:
        return schedule, Cause(reason=problem.reason, message=problem.message)
    return schedule, observed.refused


def _suspending(live: CronJobView | None) -> Write | None:
    """Stops the CronJob and leaves all else of it. Deleting it would end the run that it has under way."""
    if live is None or live.deleting or live.spec.get("suspend") is True:
        return None
    return ReplaceCronJob(seen=live, body={"metadata": {}, "spec": {**live.spec, "suspend": True}})


def _cronjob_write(
    *, observed: Observed, schedule: Schedule | None, admin: AdminSettings, digests: Digests
) -> Write | None:
    live = observed.cronjob
    if schedule is None:
        return None
    body = desired_cronjob(policy=observed.policy, schedule=schedule, admin=admin, digests=digests)
    if live is None:
        return CreateCronJob(body=body)
    wanted = body["metadata"]
    if live.deleting or (
        live.annotations.get(names.ANNOTATION_DESIRED) == wanted["annotations"][names.ANNOTATION_DESIRED]
        and contains(live=live.spec, desired=body["spec"])
        and contains(live=live.labels, desired=wanted["labels"])
        and contains(live=live.annotations, desired=wanted["annotations"])
    ):
        return None
    ours = live.annotations.get(names.ANNOTATION_DESIRED) == wanted["annotations"][names.ANNOTATION_DESIRED]
    return ReplaceCronJob(seen=live, body=body, repairs=ours)


def jobs_to_read(*, observed: Observed, now: datetime) -> list[str]:
    """UIDs of finished Jobs whose pods must be read before a plan can record them."""
    policy = observed.policy
    status = believed(policy.status, now=now)
    return [
        job.uid
        for job in observed.jobs
        if job.finished
        and not job.recorded
        and job.uid not in observed.ends
        and not is_recorded(status=status, job=job, limit=policy.run_history_limit, now=now)
    ]
