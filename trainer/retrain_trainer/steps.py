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
from retrain_trainer.decide import Decision, Situation, decide
from retrain_trainer.errors import SpecError
from retrain_trainer.learned import Reference
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
    this.registry.record_validation(key=this.run.key, report=report.to_json(now=this.now))
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
