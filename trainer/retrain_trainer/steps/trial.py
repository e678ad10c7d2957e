"""Steps 7 and 8 of a run: train a challenger, judge it, publish it, and promote it if it is better.

A version is published also when it lost: people may overrule the gate. A promotion is decided against one champion; if
another run was faster, the new champion is read and the decision made again.
"""

from __future__ import annotations

from dataclasses import replace

from retrain_trainer.contract import DataFacts, Trigger
from retrain_trainer.data.profile import Profile
from retrain_trainer.data.source import Source
from retrain_trainer.data.split import Split
from retrain_trainer.data.table import Table
from retrain_trainer.model.persist import library_versions
from retrain_trainer.registry.documents import sha256
from retrain_trainer.registry.manifest import GateRecord, Manifest
from retrain_trainer.registry.registry import Champion
from retrain_trainer.steps import answers, scoring
from retrain_trainer.steps.answers import Reached, Scored
from retrain_trainer.steps.challenge import (
    Challenger,
    Incomparable,
    Judgement,
    Problem,
    judge_challenger,
    problem_of,
    train_challenger,
)
from retrain_trainer.steps.context import Context
from retrain_trainer.steps.memory import Memory


def try_challenger(
    this: Context, *, source: Source, table: Table, profile: Profile, rows: Split, scored: Scored, trigger: Trigger
) -> Reached:
    """Train, judge, publish, promote."""
    data, champion, incomparable = DataFacts(valid=True, rows=profile.rows), this.head.champion, scored.incomparable
    problem = scored.problem or problem_of(
        registry=this.registry,
        spec=this.spec,
        table=table,
        profile=profile,
        champion=None if incomparable else champion,
    )
    challenger = train_challenger(problem=problem, profile=profile, rows=rows)
    this.say(f"trained: {challenger.seconds:.1f} s on {challenger.training.rows:,} rows")
    for warning in challenger.warnings:
        this.say(f"warning: {warning}")
    while True:
        try:
            judgement = judge_challenger(
                problem=problem, challenger=challenger, rows=rows, champion=champion, incomparable=incomparable
            )
        except Incomparable as why:  # found only now, since nothing called for a score of the champion before
            incomparable, rows = str(why), this.split(table=table, profile=profile, champion=None)
            continue
        draft = _draft(this, source, problem, challenger, rows, judgement, champion, trigger, incomparable)
        manifest = this.registry.versions.publish(draft=draft, model=challenger.data)
        if manifest.model_digest != draft.model_digest:
            return settle_published(this, manifest)  # another pod of this very run was first
        gate = draft.gate
        this.say(f"gate: {gate.verdict} ({gate.reason}), {gate.message}")
        memory = replace(scored.memory, fresh_fraction=None if rows.holdout_end is None else 0.0, called=())
        if (kept := _kept_back(this, manifest, gate, data=data, memory=memory)) is not None:
            return kept
        if _promoted(this, manifest, champion):
            before = scored.memory
            memory = Memory.of_version(
                manifest=manifest,
                called=(),
                fingerprint=before.fingerprint,
                rows=before.rows,
                time_max=before.time_max,
            )
            return answers.promoted(
                manifest=manifest, reason=gate.reason, message=gate.message, data=data, memory=memory
            )
        champion = this.registry.champion()
        incomparable = scoring.incomparable_because(this, champion, table, profile)
        rows = this.split(table=table, profile=profile, champion=None if incomparable else champion)
        if champion is None or champion.promotion.run == this.run.key or rows.comparison_rows == 0:
            return settle_published(this, manifest)
        this.say(f"version {champion.manifest.version} was promoted meanwhile: judging again, against that one")


def settle_published(this: Context, manifest: Manifest) -> Reached:
    """What a version of this run comes to that was published before: its verdict holds while the champion it was given
    against is in force.
    """
    data, memory = DataFacts(valid=True), _after_training(this, manifest)
    champion, gate = this.registry.champion(), manifest.gate
    if (this.registry.log.of_run(key=this.run.key, after=this.started.promotion)) is None:
        if (None if champion is None else champion.manifest.version) != gate.champion:
            gate = replace(
                gate, reason="ChampionChanged", message="another version was promoted since it was judged; run again"
            )
        if (kept := _kept_back(this, manifest, gate, data=data, memory=memory)) is not None:
            return kept
        if not _promoted(this, manifest, champion):
            return settle_published(this, manifest)
    memory = Memory.of_version(manifest=manifest, called=() if memory is None else memory.called)
    return answers.promoted(manifest=manifest, reason=gate.reason, message=gate.message, data=data, memory=memory)


def _after_training(this: Context, manifest: Manifest) -> Memory | None:
    """What the run before left, now that this version is trained: what called for it before has its training, and the
    holdout is looked at. What a run left that began later stands: its calls may be new.
    """
    memory, remembered = this.head.memory, this.head.remembered
    if memory is None or (remembered is not None and remembered > manifest.trained_time):
        return memory
    return replace(memory, fresh_fraction=None if manifest.holdout_end is None else 0.0, called=())


def _kept_back(
    this: Context, manifest: Manifest, gate: GateRecord, *, data: DataFacts, memory: Memory | None
) -> Reached | None:
    """What a version comes to that is not promoted now: it lost, waits for a person, or the policy promotes nothing."""
    promotion, outcome = this.spec.promotion, answers.NOT_PROMOTED
    if gate.verdict == "Better" and gate.reason != "ChampionChanged":
        if promotion.pinned_version is not None:
            gate = replace(
                gate, reason="PinnedBySpec", message=f"{gate.message}; version {promotion.pinned_version} is pinned"
            )
        elif promotion.mode == "Observe":
            outcome = "Observed"
        elif gate.held:
            outcome = "AwaitingApproval"
        else:
            return None
    return answers.not_promoted(manifest=manifest, gate=gate, data=data, memory=memory, outcome=outcome)


def _promoted(this: Context, manifest: Manifest, champion: Champion | None) -> bool:
    return this.registry.enter(
        manifest=manifest,
        after=champion,
        run=this.run.key,
        request=this.run.request,
        time=this.now,
        kind="Promotion",
    )


def _draft(
    this: Context,
    source: Source,
    problem: Problem,
    challenger: Challenger,
    rows: Split,
    judgement: Judgement,
    champion: Champion | None,
    trigger: Trigger,
    incomparable: str,
) -> Manifest:
    verdict, score, spec = judgement.verdict, judgement.score, this.spec
    parent = None if champion is None else champion.manifest.version
    return Manifest(
        version=0,
        run=this.run.key,
        parent=parent,
        trigger=trigger,
        cause=this.run.cause,
        trained_time=this.now,
        model_digest=sha256(challenger.data),
        model_bytes=len(challenger.data),
        spec=this.run.spec,
        spec_digest=this.digest,
        task=problem.task,
        target=spec.model.target,
        classes=challenger.classes,
        positive_class=spec.model.positive_class,
        schema=challenger.schema,
        metric=problem.metric.name,
        greater_is_better=problem.metric.greater_is_better,
        score=answers.finite(score.value),
        accuracy=answers.finite(score.accuracy),
        constant_score=answers.finite(judgement.constant_score),
        fingerprint=source.fingerprint,
        salt=this.registry.salt(),
        trained_rows=challenger.training.rows,
        holdout_rows=score.rows,
        assignment=rows.assignment,
        trained_until=rows.train_end,
        holdout_start=rows.holdout_start,
        holdout_end=rows.holdout_end,
        seconds=challenger.seconds,
        libraries=library_versions(),
        gate=GateRecord(
            verdict=verdict.verdict,
            reason=verdict.reason,
            message=verdict.message,
            champion=parent,
            difference=verdict.difference,
            low=verdict.low,
            high=verdict.high,
            units=verdict.units,
            rows=verdict.rows,
            held=verdict.held or (verdict.verdict == "Better" and spec.promotion.mode == "Manual"),
            incomparable=bool(incomparable),
        ),
        learned=challenger.learned,
    )
