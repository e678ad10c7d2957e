"""What the steps of a run find out before anything is trained: one function each, in the order of `run.reach`."""

from __future__ import annotations

from dataclasses import replace

from retrain_trainer import answers
from retrain_trainer.answers import Reached, Scored
from retrain_trainer.context import Context
from retrain_trainer.contract import DataFacts
from retrain_trainer.data.profile import Profile
from retrain_trainer.data.report import ValidationReport
from retrain_trainer.data.source import Source
from retrain_trainer.data.split import Split
from retrain_trainer.data.table import Table
from retrain_trainer.data.validate import validate
from retrain_trainer.decide import Decision
from retrain_trainer.deciding import decision_for, new_rows
from retrain_trainer.drift import measured_drift
from retrain_trainer.errors import SpecError
from retrain_trainer.learned import Reference
from retrain_trainer.memory import FirstScores, Memory
from retrain_trainer.registry.manifest import Manifest
from retrain_trainer.registry.registry import Champion

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
    if memory.drift is not None and memory.drift.rule != this.spec.triggers.drift.rule:
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
    learned = None if champion is None else champion.manifest.learned
    # `yes` and `no` alone read as true and false: where a third label was there before, they stay texts.
    target = [name for name in (this.spec.model.target,) if learned and learned.columns.get(name) == "String"]
    by_rule = [rule.name for rule in this.spec.validation.columns if rule.type == "String"]
    return by_rule + target + [feature.name for feature in features if feature.kind == "categorical"]


def reference(this: Context) -> Reference | None:
    """What the champion learned, as far as it binds the data: a changed spec may have given columns up."""
    champion = this.head.champion
    if champion is None or champion.manifest.spec_digest != this.digest:
        return None
    manifest = champion.manifest
    return Reference(
        schema=manifest.schema, classes=manifest.classes, learned=manifest.learned, since=manifest.holdout_end
    )


def validation(this: Context, table: Table, profile: Profile, known: Reference | None) -> ValidationReport:
    """Checks the rows, tells what is odd about them, and keeps the report with the run."""
    report = validate(
        profile=profile,
        table=table,
        spec=this.spec,
        now=this.now,
        reference=known,
        unfit_classes=_unfit_classes(this, profile, known),
    )
    for line in report.lines():
        this.say(line)
    this.registry.runs.record_validation(key=this.run.key, report=report.to_json(now=this.now))
    return report


def _unfit_classes(this: Context, profile: Profile, known: Reference | None) -> str:
    """Why the metric cannot judge the classes there are now, where some are new."""
    if known is None or profile.classes is None or not known.classes or set(profile.classes) <= set(known.classes):
        return ""
    from retrain_trainer.model.metrics import resolve_metric

    try:
        resolve_metric(
            name=this.spec.evaluation.metric,
            task=profile.task,
            positive_class=this.spec.model.positive_class,
            classes=sorted({*profile.classes, *known.classes}),
            show_classes=this.spec.validation.show_examples,
        )
    except SpecError as error:
        return error.message
    return ""


def rejection(this: Context, report: ValidationReport, profile: Profile) -> Reached | None:
    """The answer to rows that failed a check; None for those that passed."""
    first = report.first_failure
    return None if first is None else rejected(this, reason=first.name, message=report.message, profile=profile)


def rejected(this: Context, *, reason: str, message: str, profile: Profile) -> Reached:
    memory = this.head.memory
    kept = None if memory is None else replace(memory, fingerprint="")
    return answers.rejected(reason=reason, message=message, rows=profile.rows, memory=kept)


def incomparable_because(this: Context, champion: Champion | None, table: Table, profile: Profile) -> str:
    """Why the champion cannot be scored on these data; an empty text if it can, or if there is none."""
    if champion is None:
        return ""
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
    )
    if champion is None:
        return Scored(memory=base, text="there is no champion yet")
    if incomparable:
        return _unscored(base, incomparable)
    from retrain_trainer.challenge import Incomparable, problem_of, score_on

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
