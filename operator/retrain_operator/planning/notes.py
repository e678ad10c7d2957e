"""Which Events tell people what a status write changed. Derived from the two statuses, so nothing is told twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from retrain_operator.api import names, raw, reasons
from retrain_operator.api.children import JobView
from retrain_operator.api.times import format_time
from retrain_operator.planning.conditions import stored_conditions
from retrain_operator.planning.model import model_version
from retrain_operator.planning.observed import Note
from retrain_operator.planning.runs import FinishedRun


def notes_between(
    *, stored: Mapping[str, Any], wanted: Mapping[str, Any], runs: Sequence[FinishedRun], jobs: Sequence[JobView] = ()
) -> tuple[Note, ...]:
    """The Events of one status write; `jobs` are all that the policy has."""
    return (
        *_acceptance(stored, wanted),
        *_repeated(stored, wanted, jobs),
        *_active(stored, wanted),
        *_lost(stored, wanted, jobs),
        *_finished(stored, runs),
        *_published(stored, wanted),
    )


def _published(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[Note]:
    was, now = stored_conditions(stored).get("Published", {}), stored_conditions(wanted).get("Published", {})
    words = ("status", "reason", "message")
    if now.get("status") not in ("True", "False") or [was.get(word) for word in words] == [
        now.get(word) for word in words
    ]:
        return []
    message = str(now.get("message"))
    if now["status"] == "True":
        return [Note(kind="Normal", reason=reasons.PUBLISHED, message=message)]
    return [Note(kind="Warning", reason=reasons.NOT_PUBLISHED, message=message)]


def _repeated(stored: Mapping[str, Any], wanted: Mapping[str, Any], jobs: Sequence[JobView]) -> list[Note]:
    """Requests that ask with words which a run has answered before: nothing starts, and people should know."""
    before = raw.mapping(stored.get("lastHandled"))
    ended = {(run.get("job"), run.get("startTime")) for run in raw.items(stored.get("runs"))}
    return [
        Note(
            kind="Warning",
            reason=reasons.REQUEST_REPEATED,
            message=f"{names.REQUEST_ANNOTATIONS[action]}={text} was answered by Job {job.name}; write a new text",
        )
        for action, text in raw.mapping(wanted.get("lastHandled")).items()
        if action in names.REQUEST_ANNOTATIONS and before.get(action) != text
        for job in jobs
        if job.action == action and job.cause == "Request" and job.request == text
        if job.recorded or (job.name, format_time(job.created)) in ended
    ]


def _acceptance(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[Note]:
    before, after = stored_conditions(stored), stored_conditions(wanted)
    was, now = before.get("Ready", {}), after.get("Ready", {})
    if (was.get("status"), was.get("reason"), was.get("message")) == (
        now.get("status"),
        now.get("reason"),
        now.get("message"),
    ):
        return []
    kind = "Normal" if now.get("status") == "True" else "Warning"
    return [Note(kind=kind, reason=str(now.get("reason")), message=str(now.get("message")))]  # type: ignore[arg-type]


def _active(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[Note]:
    before = {str(item.get("job")): item for item in raw.items(stored.get("active"))}
    notes = []
    for item in raw.items(wanted.get("active")):
        name, waiting = str(item.get("job")), raw.text(item.get("waiting"))
        if name not in before:
            message = f"Job {name} started: {item.get('action')} ({item.get('cause')})"
            notes.append(Note(kind="Normal", reason=reasons.RUN_STARTED, message=message))
        if waiting is not None and waiting.split(":")[0] != str(before.get(name, {}).get("waiting", "")).split(":")[0]:
            notes.append(Note(kind="Warning", reason=reasons.RUN_WAITING, message=f"Job {name}: {waiting}"))
    return notes


def _lost(stored: Mapping[str, Any], wanted: Mapping[str, Any], jobs: Sequence[JobView]) -> list[Note]:
    """Runs that were under way and whose Jobs are gone, or going, with nothing read of them."""
    here = {job.name for job in jobs if job.finished or not job.deleting}
    told = {str(item.get("job")) for name in ("active", "runs") for item in raw.items(wanted.get(name))}
    return [
        Note(
            kind="Warning",
            reason=reasons.JOB_LOST,
            message=f"Job {job} was deleted before its result was read; the next run tells what is known of it",
        )
        for job in (str(item.get("job")) for item in raw.items(stored.get("active")))
        if job not in here and job not in told
    ]


def _finished(stored: Mapping[str, Any], runs: Sequence[FinishedRun]) -> list[Note]:
    notes = []
    known = model_version(stored) is not None
    for run in runs:
        result = run.result
        if result is not None and result.champion is not None and not known:
            known = True
            # The version was promoted by a run of an earlier policy of this name: run keys begin with the UID.
            if result.champion.run.partition(".")[0] != result.run.partition(".")[0]:
                champion = result.champion
                message = f"version {champion.version} stood in the registry and is the champion ({champion.uri})"
                notes.append(Note(kind="Normal", reason=reasons.CHAMPION_ADOPTED, message=message))
        bad = run.failed or run.outcome == "DataRejected"
        detail = f"{run.reason}: {run.message}" if run.reason else run.message
        notes.append(
            Note(
                kind="Warning" if bad else "Normal",
                reason=f"Run{run.outcome}" if run.failed else run.outcome,
                message=f"Job {run.job.name}: {detail}",
            )
        )
    return notes
