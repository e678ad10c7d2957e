"""Step 2: is there anything new, and what is known of the columns before they are read?"""

from __future__ import annotations

from dataclasses import replace

from retrain_trainer.contract import DataFacts
from retrain_trainer.data.source import Source
from retrain_trainer.learned import Reference
from retrain_trainer.steps import answers
from retrain_trainer.steps.answers import Reached, Scored
from retrain_trainer.steps.context import Context
from retrain_trainer.steps.deciding import called, decision_for


def nothing_new(this: Context, source: Source) -> Reached | None:
    """The answer where data, spec and champion are those of the run before, and nothing calls for training."""
    memory, age = this.head.standing(metric=this.spec.evaluation.metric), this.spec.validation.max_age
    if memory is None or (memory.fingerprint, memory.spec_digest) != (source.fingerprint, this.digest):
        return None
    if memory.score is None:  # perhaps the champion could not be scored: whether it can is seen with the data alone
        return None
    if (
        memory.time_max is not None
        and not (this.now - (age or this.now - memory.time_max)) <= memory.time_max <= this.now
    ):
        return None
    if memory.drift is not None and memory.drift.rule != this.spec.triggers.drift.rule:
        return None
    memory = replace(memory, called=called(this))
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
