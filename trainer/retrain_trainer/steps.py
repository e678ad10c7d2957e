"""What the steps of a run find out before anything is trained: one function each, in the order of `run.reach`."""

from __future__ import annotations

from dataclasses import replace

from retrain_trainer import answers
from retrain_trainer.answers import Reached, Scored
from retrain_trainer.context import Context
from retrain_trainer.contract import DataFacts
from retrain_trainer.data.profile import Profile
from retrain_trainer.data.source import Source
from retrain_trainer.data.split import Split
from retrain_trainer.data.table import Table
from retrain_trainer.data.validate import validate
from retrain_trainer.decide import Decision, Situation, decide
from retrain_trainer.memory import Memory
from retrain_trainer.registry.log import Champion
from retrain_trainer.registry.manifest import Manifest

#: Fewer fresh labelled rows than this give no new score.
MIN_FRESH_ROWS = 100


def nothing_new(this: Context, source: Source) -> Reached | None:
    """The answer where data, spec and champion are those of the run before, and nothing calls for training."""
    memory, age = this.head.standing(metric=this.spec.evaluation.metric), this.spec.validation.max_age
    if memory is None or (memory.fingerprint, memory.spec_digest) != (source.fingerprint, this.digest):
        return None
    if (
        memory.time_max is not None
        and not (this.now - (age or this.now - memory.time_max)) <= memory.time_max <= this.now
    ):
        return None
    decision = decision_for(this, memory)
    if decision.trains:
        return None
    text = answers.standing_text(memory=memory, why="the data is unchanged since the last run")
    return answers.kept(
        scored=Scored(memory=memory, text=text, standing="DataUnchanged"),
        decision=decision,
        threshold=this.spec.evaluation.threshold,
        data=DataFacts(valid=True, rows=memory.rows),
    )


def text_columns(this: Context) -> list[str]:
    """Columns of a CSV file that are text, though all of today's values may look like numbers."""
    champion = this.head.champion
    features = () if champion is None else champion.manifest.schema.features
    by_rule = [rule.name for rule in this.spec.validation.columns if rule.type == "String"]
    return by_rule + [feature.name for feature in features if feature.kind == "categorical"]


def rejection(this: Context, table: Table, profile: Profile) -> Reached | None:
    champion = this.head.champion
    same = (
        champion is not None and champion.manifest.spec_digest == this.digest
    )  # else the spec may have dropped a column
    features = champion.manifest.schema if champion is not None and same else None
    check = validate(profile=profile, table=table, spec=this.spec, now=this.now, champion=features).first_failure
    if check is not None:
        return rejected(this, reason=check.name, message=check.message, profile=profile)
    for feature in () if features is None else features.features:
        if feature.name not in table.columns:
            message = f"column {feature.name[:60]!r} is missing, and the champion needs it; deliver it, or exclude it"
            return rejected(this, reason="ColumnMissing", message=message, profile=profile)
    return None


def rejected(this: Context, *, reason: str, message: str, profile: Profile) -> Reached:
    memory = this.head.memory
    kept = None if memory is None else replace(memory, fingerprint="")
    return answers.rejected(reason=reason, message=message, rows=profile.rows, memory=kept)


def incomparable_because(this: Context, champion: Champion, table: Table, profile: Profile) -> str:
    manifest = champion.manifest
    if manifest.target != this.spec.model.target:
        return f"the target is {this.spec.model.target[:60]!r} now, and was {manifest.target[:60]!r}"
    if manifest.task != profile.task:
        return f"the task is {profile.task} now, and was {manifest.task}"
    for feature in manifest.schema.features:
        if feature.name not in table.columns:
            return f"column {feature.name[:60]!r} is no longer in the data"
        if feature.kind in ("numeric", "datetime") and table.columns[feature.name] == "String":
            return f"column {feature.name[:60]!r} holds text now"
    return ""


def score_champion(this: Context, source: Source, table: Table, profile: Profile, rows: Split) -> Scored:
    spec, champion = this.spec, this.head.champion
    base = Memory(
        fingerprint="" if profile.future_rows else source.fingerprint,
        spec_digest=this.digest,
        champion=None if champion is None else champion.manifest.version,
        rows=profile.rows,
        time_max=profile.time_max,
        evaluated_until=None,
        metric=spec.evaluation.metric,
        greater_is_better=True,
        score=None,
        accuracy=None,
        fresh_fraction=rows.fresh_fraction,
    )
    if champion is None:
        return Scored(memory=base, text="there is no champion yet")
    if why := incomparable_because(this, champion, table, profile):
        return Scored(memory=base, text=f"no score: {why}", standing="Incomparable")
    from retrain_trainer.challenge import problem_of, score_on

    manifest = champion.manifest
    problem = problem_of(registry=this.registry, spec=spec, table=table, profile=profile, champion=champion)
    metric = problem.metric
    base = replace(base, metric=metric.name, greater_is_better=metric.greater_is_better)
    if rows.evaluation_rows < MIN_FRESH_ROWS:
        old = this.head.standing(metric=metric.name)
        known: Memory | Manifest | None = manifest if old is None and manifest.metric == metric.name else old
        memory = replace(
            base,
            evaluated_until=this.head.evaluated_until(metric=metric.name),
            score=None if known is None else known.score,
            accuracy=None if known is None else known.accuracy,
        )
        why = f"{rows.evaluation_rows:,} labelled rows are newer, and a new score needs {MIN_FRESH_ROWS}"
        text = answers.standing_text(memory=memory, why=why)
        return Scored(memory=memory, text=text, standing="TooFewFreshRows", problem=problem)
    score = score_on(problem=problem, champion=champion, where=rows.evaluation)
    memory = replace(
        base,
        evaluated_until=rows.evaluation_end,
        score=answers.finite(score.value),
        accuracy=answers.finite(score.accuracy),
    )
    return Scored(memory=memory, text=answers.score_text(memory=memory, rows=score.rows), problem=problem)


def decision_for(this: Context, memory: Memory, *, comparison_rows: int | None = None) -> Decision:
    return decide(
        situation=Situation(
            action=this.run.action,
            cause=this.run.cause,
            has_champion=this.head.champion is not None,
            spec_changed=this.head.spec_changed(digest=this.digest),
            spec_change_enabled=this.spec.triggers.spec_change,
            below_threshold_enabled=this.spec.triggers.below_threshold,
            threshold_met=memory.meets(threshold=this.spec.evaluation.threshold),
            fresh_fraction=memory.fresh_fraction,
            comparison_rows=comparison_rows,
        )
    )
