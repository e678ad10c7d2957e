"""One run, from its description to its answer: the way of the data in nine steps (docs/contract.md).

Until a model is needed no scikit-learn is imported (`challenge` brings it in), so that bad data fails fast. Every write
is a new file: a run that dies leaves nothing half done, and the same run key finds what it did before.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from retrain_trainer.contract import DataFacts, Result, RunDescription
from retrain_trainer.data.profile import profile_table
from retrain_trainer.data.source import open_source
from retrain_trainer.data.split import SplitRejected
from retrain_trainer.data.table import open_table
from retrain_trainer.errors import RunError
from retrain_trainer.message import MAX_EARLIER, earlier_entry, message_body, mirror_entry
from retrain_trainer.registry.registry import Registry
from retrain_trainer.spec import PolicySpec, parse_spec
from retrain_trainer.steps import answers, checking, opening, scoring
from retrain_trainer.steps.answers import Reached
from retrain_trainer.steps.context import Context
from retrain_trainer.steps.deciding import decision_for
from retrain_trainer.steps.head import Head, champion_facts, open_registry, read_head, version_uri
from retrain_trainer.steps.people import requested
from retrain_trainer.times import time_text


def execute(*, run: RunDescription, now: datetime, say: Callable[[str], None]) -> dict[str, Any]:
    """Do what was asked and return the body of the message. `now`: aware. `say` is given lines of progress.

    Raises RunError (its class tells the exit code) where no outcome can be reached; the champion is untouched then.
    """
    spec = parse_spec(run.spec)
    registry = open_registry(run=run, spec=spec)
    # 1. What is known: has this run its result already, has it begun before, what is the champion?
    if (done := registry.runs.find(key=run.key)) is not None:
        told = _told_again(run=run, spec=spec, registry=registry, body=done["body"], now=now)
        return {**told, **_mirrored(run, spec, registry, say)}
    this = _begin(run=run, spec=spec, registry=registry, now=now, say=say)
    answered, unfollowed = requested(this)
    reached = answered or resumed(this) or reach(this)
    if unfollowed:  # in front, where no cut reaches it: it stays so until somebody edits the policy
        reached = replace(reached, message=f"{unfollowed}; {reached.message}")
    # 9. The result, then what is no longer kept, then MLflow, then the message.
    body = _finish(this, reached)
    _retain(this)
    return {**body, **_mirrored(run, spec, registry, say)}


def reach(this: Context) -> Reached:
    """Steps 2 to 8."""
    run, spec, head = this.run, this.spec, this.head
    # 2. Open the data.
    source = open_source(uri=spec.data.uri, claims=run.mounts, default=run.claims)
    this.say(f"data: {source.told}")
    if (quiet := opening.nothing_new(this, source)) is not None:
        return quiet
    with open_table(
        source=source,
        memory_limit_bytes=run.memory_limit,
        threads=run.cpu_limit or len(os.sched_getaffinity(0)),
        scratch=run.scratch,
        scratch_limit_bytes=run.scratch_limit,
        text_columns=opening.text_columns(this),
        time_column=spec.data.time_column,
        show_values=spec.validation.show_examples,
    ) as table:
        # 3. Profile and validate.
        known = opening.reference(this)
        if known is not None and table.columns.get(spec.model.target) in ("Integer", "Number"):
            known = known.of_numbers()
        profile = profile_table(table=table, spec=spec, now=this.now, reference=known)
        this.say(f"profile: {profile.rows:,} rows, {len(profile.columns)} columns, {profile.task}")
        report = checking.validation(this, table, profile, known)
        if (rejection := checking.rejection(this, report, profile)) is not None:
            return rejection
        facts = DataFacts(valid=True, rows=profile.rows, message=report.message)
        table.load(text_bytes=profile.text_bytes)
        # 4. Split. What cannot be compared with the champion is judged on the whole holdout.
        why = scoring.incomparable_because(this, head.champion, table, profile)
        try:
            rows = this.split(table=table, profile=profile, champion=None if why else head.champion)
        except SplitRejected as problem:
            return checking.rejected(this, reason=problem.reason, message=problem.message, profile=profile)
        this.say(f"split: {rows.train_rows:,} training, {rows.holdout_rows:,} holdout, {rows.evaluation_rows:,} fresh")
        # 5. Score the champion.
        scored = scoring.score_champion(this, source, table, profile, rows, why)
        this.say(f"champion: {scored.text}")
        if scored.incomparable and not why:
            rows = this.split(table=table, profile=profile, champion=None)
        if (drift := scored.memory.drift) is not None:
            this.say(f"drift: {drift.share:.0%} of {drift.features} features on {drift.rows:,} rows; {drift.worst}")
        if head.young(spec=spec):
            from retrain_trainer.steps.probation import taken_back

            if (back := taken_back(this, scored, profile, data=facts)) is not None:
                return back
        # 6. Decide.
        decision = decision_for(
            this, scored.memory, comparison_rows=rows.comparison_rows, unusable=bool(scored.incomparable)
        )
        scored = scoring.remembered(scored, decision)
        if not decision.trains or decision.trigger is None:
            return answers.kept(scored=scored, decision=decision, threshold=spec.evaluation.threshold, data=facts)
        this.say(f"trigger: {decision.trigger}")
        # 7. Train.  8. Gate, publish, promote.
        from retrain_trainer.steps.trial import try_challenger

        try:
            reached = try_challenger(
                this, source=source, table=table, profile=profile, rows=rows, scored=scored, trigger=decision.trigger
            )
        except SplitRejected as problem:  # the holdout has what the training rows lack
            return checking.rejected(this, reason=problem.reason, message=problem.message, profile=profile)
        return replace(reached, data=facts)


def resumed(this: Context) -> Reached | None:
    """What a run of this key comes to that has published its version before; None if it has not.

    The verdict it was published with holds as long as the champion is the one it was given against.
    """
    from_before = this.registry.versions.of_run(key=this.run.key) if this.started.resumed else None
    if from_before is None:
        return None
    from retrain_trainer.steps.trial import settle_published

    return settle_published(this, from_before)


def failure(*, run: RunDescription, error: RunError, now: datetime, say: Callable[[str], None]) -> dict[str, Any]:
    """The body of the message of a run that reached no outcome, with the champion if it can be read.

    The champion is mirrored all the same: it may have been made while MLflow was away.
    """
    metric = threshold = facts = counters = None
    mirror: dict[str, Any] = {}
    earlier: list[dict[str, Any]] = []
    try:
        spec = parse_spec(run.spec)
        metric, threshold = spec.evaluation.metric, spec.evaluation.threshold
        registry = open_registry(run=run, spec=spec)
        counters, earlier = registry.counters(), _earlier(registry, run)
        facts = champion_facts(run=run, spec=spec, champion=registry.champion())
        mirror = _mirrored(run, spec, registry, say)
    except RunError:
        pass  # what could be read stands; the message is about `error`
    result = Result(
        outcome="Failed",
        reason=error.reason,
        message=error.message,
        check_time=now,
        metric=metric,
        threshold=threshold,
        champion=facts,
    )
    return {**message_body(run=run, result=result, counters=counters, earlier=earlier), **mirror}


def _begin(
    *, run: RunDescription, spec: PolicySpec, registry: Registry, now: datetime, say: Callable[[str], None]
) -> Context:
    started = registry.runs.start(key=run.key, generation=run.generation, edition=run.edition, action=run.action)
    if run.cause == "Request" and run.request and run.action != "check":  # one more check does no harm
        handled = registry.runs.hand_over(action=run.action, request=run.request.strip(), key=run.key)
        started = replace(started, handled=handled)
    head = read_head(registry=registry, key=run.key)
    digest, champion = _digest(spec, head), head.champion
    if champion is not None:
        say(f"champion: version {champion.manifest.version}, {champion.manifest.model_digest[:19]}")
        if spec.model.task is None and spec.model.target == champion.manifest.target:
            task: Any = champion.manifest.task  # recorded at the first version, and then fixed
            spec = replace(spec, model=replace(spec.model, task=task))
    return Context(run=run, spec=spec, digest=digest, registry=registry, started=started, head=head, now=now, say=say)


def _digest(spec: PolicySpec, head: Head) -> str:
    """That of the spec; or that of the champion or the newest version, which was made by the same with a default of its
    task written down or left out.
    """
    if head.champion is None:
        return spec.digest
    task: Any = head.champion.manifest.task
    made = (version.spec_digest for version in (head.champion.manifest, head.newest) if version is not None)
    same = spec.spellings(task=task)
    return next((digest for digest in made if digest in same), spec.digest)


def _retain(this: Context) -> None:
    """Outcome and champion stand already: what retention cannot do now, the next run does."""
    if not (keep := this.spec.registry.keep_versions):
        return
    try:
        for line in this.registry.retain(keep=keep, now=this.now, run=this.run.key):
            this.say(line)
    except RunError as error:
        this.say(f"retention is put off to the next run: {error.message}")


def _told_again(
    *, run: RunDescription, spec: PolicySpec, registry: Registry, body: dict[str, Any], now: datetime
) -> dict[str, Any]:
    """The answer that this run key was given before: a lost pod's, or that of a Job which was made again.

    A person who asks in words that another Job has answered means it anew. Where another version has become the
    champion since, the old answer would say that it was done; it was not, and the person is told.
    """
    again = {**body, "jobUID": run.job_uid}
    if run.cause != "Request" or run.action == "check" or body.get("jobUID") == run.job_uid:
        return again
    champion = registry.champion()
    version = None if champion is None else champion.manifest.version
    if version == (body.get("champion") or {}).get("version"):
        return again
    refusal = Result(
        outcome="Refused",
        reason="AlreadyHandled",
        message=f"{run.request[:40]!r} was answered before ({body.get('outcome')} on {body.get('checkTime')}), and "
        f"version {version} is the champion since; ask in words not used before, such as <version>@{now:%Y-%m-%d}",
        check_time=now,
        metric=spec.evaluation.metric,
        threshold=spec.evaluation.threshold,
        champion=champion_facts(run=run, spec=spec, champion=champion),
        waiting=registry.waiting_version(champion=champion, newest=registry.versions.newest()),
    )
    return message_body(run=run, result=refusal, counters=registry.counters(), earlier=_earlier(registry, run))


def _mirrored(run: RunDescription, spec: PolicySpec, registry: Registry, say: Callable[[str], None]) -> dict[str, Any]:
    """The part of the message about MLflow, where the policy names it. It is no part of the result that is kept."""
    if spec.publish.mlflow is None:
        return {}
    if run.registry is not None:
        say("mlflow: nothing is mirrored of a registry that --registry names")
        return {}
    from retrain_trainer.mirror.mirror import mirrored

    return mirror_entry(
        mirrored(
            spec=spec.publish.mlflow,
            policy=f"{run.namespace}/{run.name}",
            registry=registry,
            source=lambda version: version_uri(run=run, spec=spec, version=version),
            say=say,
        )
    )


def _earlier(registry: Registry, run: RunDescription) -> list[dict[str, Any]]:
    previous = registry.runs.newest(limit=MAX_EARLIER, without=run.key)
    return [earlier_entry(job=str(result["job"]), body=result["body"]) for _, result in previous]


def _finish(this: Context, reached: Reached) -> dict[str, Any]:
    registry, run, memory = this.registry, this.run, reached.memory
    threshold, champion = this.spec.evaluation.threshold, registry.champion()
    body = message_body(
        run=run,
        result=Result(
            outcome=reached.outcome,
            trigger=reached.trigger,
            reason=reached.reason,
            message=reached.message,
            check_time=this.now,
            metric=this.spec.evaluation.metric if memory is None else memory.metric,
            threshold=threshold,
            threshold_met=None if memory is None else memory.meets(threshold=threshold),
            score=None if memory is None else memory.score,
            accuracy=None if memory is None else memory.accuracy,
            champion=champion_facts(run=run, spec=this.spec, champion=champion),
            drift=None if memory is None else memory.drift,
            waiting=registry.waiting_version(champion=champion, newest=registry.versions.newest()),
            challenger=reached.challenger,
            data=reached.data,
            trained_time=reached.trained_time,
        ),
        counters=registry.counters(),
        earlier=_earlier(registry, run),
    )
    result = {
        "time": time_text(this.now),
        "job": run.job_name,
        "body": body,
        "memory": None if memory is None else memory.to_json(),
    }
    return {**registry.runs.finish(key=run.key, result=result)["body"], "jobUID": run.job_uid}
