"""Step 5: the champion's score on rows that it has not seen, or why it has none."""

from __future__ import annotations

from dataclasses import replace

from retrain_trainer.data.lots import held_back, read_lots
from retrain_trainer.data.probes.types import READS
from retrain_trainer.data.profile import Profile
from retrain_trainer.data.source import Source
from retrain_trainer.data.split import Split
from retrain_trainer.data.table import StoredType, Table, Where, quoted
from retrain_trainer.decide import Decision
from retrain_trainer.features import whole_texts
from retrain_trainer.registry.manifest import Manifest
from retrain_trainer.registry.registry import Champion
from retrain_trainer.steps import answers
from retrain_trainer.steps.answers import Scored
from retrain_trainer.steps.context import Context
from retrain_trainer.steps.deciding import called, new_rows
from retrain_trainer.steps.drift import measured_drift
from retrain_trainer.steps.memory import FirstScores, Memory

#: What a column holds, in words.
_HOLDS: dict[StoredType, str] = {
    "Integer": "whole numbers",
    "Number": "numbers",
    "String": "text",
    "Boolean": "true and false",
    "Timestamp": "times",
    "Other": "values of another type",
}
#: Fewer fresh labelled rows than this give no new score.
MIN_FRESH_ROWS = 100


def incomparable_because(this: Context, champion: Champion | None, table: Table, profile: Profile) -> str:
    """Why the champion cannot be scored on these data; an empty text if it can, or if there is none."""
    return "" if champion is None else unfit_because(this, champion.manifest, table, profile)


def unfit_because(this: Context, manifest: Manifest, table: Table, profile: Profile) -> str:
    """Why a version cannot answer these rows, whatever its file holds; an empty text if it can."""
    if manifest.target != this.spec.model.target:
        return f"the target is {this.spec.model.target[:60]!r} now, and was {manifest.target[:60]!r}"
    if manifest.task != profile.task:
        return f"the task is {profile.task} now, and was {manifest.task}"
    if this.spec.data.time_column is None and not manifest.assignment.startswith("hash:"):
        return "it was trained on days, and without a time column nobody can tell which rows it has not seen"
    lots = read_lots(manifest.assignment)
    if lots is not None and held_back(table=table, lots=lots, salt="") is None:
        return (
            "columns that dealt its rows are gone or hold other values, so nobody can tell which rows it has not seen"
        )
    for feature in manifest.schema.features:
        stored = table.columns.get(feature.name)
        if stored is None:
            return f"column {feature.name[:60]!r} is no longer in the data"
        if stored not in READS[feature.kind]:
            return f"column {feature.name[:60]!r} holds {_HOLDS[stored]} now, and it learned {feature.kind} values"
        others = Where(sql=f"{quoted(feature.name)} NOT IN (0, 1)")
        if feature.kind == "boolean" and stored != "Boolean" and table.count(where=others):
            return f"column {feature.name[:60]!r} holds other numbers than 0 and 1 now"
    return _other_labels(manifest, table, profile)


def _other_labels(manifest: Manifest, table: Table, profile: Profile) -> str:
    """Labels of another type of which the champion knows none: `yes` is not the `true` it learned."""
    before, now = None if manifest.learned is None else manifest.learned.columns.get(manifest.target), profile.classes
    stored = table.columns.get(manifest.target)
    if before is None or stored is None or before == stored or not now:
        return ""
    known = whole_texts(manifest.classes) if stored in ("Integer", "Number") else manifest.classes
    return "" if set(known) & set(now) else f"the labels hold {_HOLDS[stored]} now, and it knows none of them"


def score_champion(
    this: Context, source: Source, table: Table, profile: Profile, rows: Split, incomparable: str
) -> Scored:
    """`incomparable`: why the champion cannot be scored, or an empty text."""
    spec, champion = this.spec, this.head.champion
    fresh, since_training = new_rows(this, table, profile)
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
        new_rows=fresh,
        rows_since_training=since_training,
        drift=measured_drift(this, table, profile),
        called=called(this),
    )
    if champion is None:
        return Scored(memory=base, text="there is no champion yet")
    if incomparable:
        return _unscored(base, incomparable)
    from retrain_trainer.steps.challenge import Incomparable, problem_of, score_on

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
            below_in_a_row=0 if old is None else old.below_in_a_row,
            best=None if old is None else old.best,
            first_scores=None if old is None else old.first_scores,
            probation_checks=0 if old is None else old.probation_checks,
        )
        why = f"{rows.evaluation_rows:,} labelled rows are newer, and a new score needs {MIN_FRESH_ROWS}"
        text = answers.standing_text(memory=memory, why=why)
        return Scored(memory=memory, text=text, standing="TooFewFreshRows", problem=problem)
    try:
        score = score_on(problem=problem, champion=champion, where=rows.evaluation)
    except Incomparable as problem_of_champion:
        return _unscored(base, str(problem_of_champion))
    old = this.head.standing(metric=metric.name)
    best = None if score.interval is None else score.interval.high if metric.greater_is_better else score.interval.low
    memory = replace(
        base,
        evaluated_until=rows.evaluation_end,
        score=answers.finite(score.value),
        accuracy=answers.finite(score.accuracy),
        best=answers.finite(best),
        first_scores=None if old is None else old.first_scores,
        probation_checks=1 if old is None else old.probation_checks + 1,
    )
    memory = replace(memory, below_in_a_row=_below(this, memory, before=old))
    return Scored(
        memory=memory, text=answers.score_text(memory=memory, rows=score.rows), problem=problem, fresh_rows=score.rows
    )


def _below(this: Context, memory: Memory, *, before: Memory | None) -> int:
    """New scores in a row on the wrong side of the threshold, with the one in `memory`."""
    if memory.meets(threshold=this.spec.evaluation.threshold) is not False:
        return 0
    return 1 if before is None else before.below_in_a_row + 1


def remembered(scored: Scored, decision: Decision) -> Scored:
    """With the score of this run in the reference, unless it is what fell: the decision was made without it."""
    memory = scored.memory
    if decision.trigger == "Drop":
        return scored
    first = FirstScores.with_score(memory.first_scores, score=memory.score, rows=scored.fresh_rows)
    return replace(scored, memory=replace(memory, first_scores=first))


def _unscored(base: Memory, why: str) -> Scored:
    return Scored(memory=base, text=f"no score: {why}", standing="Incomparable", incomparable=why)
