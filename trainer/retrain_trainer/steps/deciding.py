"""Step 6: from what the run found and what the registry remembers to the facts that `decide` decides on."""

from __future__ import annotations

from retrain_trainer.data.fresh import labelled_since
from retrain_trainer.data.profile import Profile
from retrain_trainer.data.table import Table
from retrain_trainer.decide import (
    MIN_FRESH_FRACTION,
    Decision,
    History,
    Incumbent,
    Score,
    Situation,
    Training,
    decide,
    fired_triggers,
)
from retrain_trainer.decide.triggers import PULLED
from retrain_trainer.steps.context import Context
from retrain_trainer.steps.memory import Memory


def new_rows(this: Context, table: Table, profile: Profile) -> tuple[int | None, int | None]:
    """Labelled rows newer than the data of the champion, and newer than that of the newest version."""
    champion, newest = this.head.champion, this.head.newest
    if newest is None:
        return None, None
    manifests = (newest if champion is None else champion.manifest, newest)
    counts = labelled_since(
        table=table, profile=profile, spec=this.spec, moments=tuple(manifest.holdout_end for manifest in manifests)
    )
    # A version of rows without time was made of all that were there, and only their number tells of more.
    known = [
        count if manifest.holdout_end is not None else max(0, count - manifest.trained_rows - manifest.holdout_rows)
        for manifest, count in zip(manifests, counts, strict=True)
    ]
    return None if champion is None else known[0], known[1]


def called(this: Context) -> tuple[str, ...]:
    """Triggers that somebody else pulled: by this run, or by one before that had to wait."""
    before = () if this.head.memory is None else this.head.memory.called
    pulled = this.run.cause if this.run.cause in PULLED else None
    return before if pulled is None or pulled in before else (*before, pulled)


def decision_for(
    this: Context, memory: Memory, *, comparison_rows: int | None = None, unusable: bool = False
) -> Decision:
    """What this run does. The history is read only where something calls for training.

    `unusable`: the champion cannot be scored. It is then as if there were none, unless a version that would replace it
    was made already; a further one waits until half of the holdout is newer.
    """
    spec, champion, changed = this.spec, this.head.champion, this.head.spec_changed(digest=this.digest)
    if unusable and this.head.replacement_tried(digest=this.digest):
        unusable = memory.fresh_fraction is not None and memory.fresh_fraction >= MIN_FRESH_FRACTION
    situation = Situation(
        now=this.now,
        action=this.run.action,
        cause=this.run.cause,
        incumbent=None
        if champion is None or (unusable and not changed)
        else Incumbent(
            trained=champion.manifest.trained_time,
            promoted=champion.promotion.time,
            trained_rows=champion.manifest.trained_rows,
        ),
        spec_changed=changed,
        score=Score(
            threshold_met=memory.meets(threshold=spec.evaluation.threshold),
            # A score that stands counts once, whatever the threshold was when it was made.
            below_in_a_row=max(memory.below_in_a_row, 1),
            best=memory.best,
            reference=None if memory.first_scores is None else memory.first_scores.score,
            greater_is_better=memory.greater_is_better,
        ),
        new_rows=memory.new_rows,
        rows_since_training=memory.rows_since_training,
        fresh_fraction=memory.fresh_fraction,
        comparison_rows=comparison_rows,
        needed_rows=spec.data.holdout.min_rows,
        waiting=this.head.waiting,
        drifted=memory.drift is not None and memory.drift.calls,
        on_probation=this.head.young(spec=spec),
        called=memory.called,
    )
    fired = fired_triggers(situation=situation, triggers=spec.triggers)
    history = _history(this) if any(trigger != "Requested" for trigger in fired) else None
    return decide(situation=situation, triggers=spec.triggers, limits=spec.limits, history=history)


#: So many earlier trainings decide how long a trigger waits after losses; more are read where a budget counts more.
_TRAININGS = 10


def _history(this: Context) -> History:
    limits = this.spec.limits
    count = max(_TRAININGS, 0 if limits.max_trainings is None else limits.max_trainings.count)
    return History(
        trainings=tuple(
            Training(
                time=manifest.trained_time,
                trigger=manifest.trigger,
                rows=manifest.trained_rows,
                lost=manifest.gate.verdict != "Better" or manifest.gate.held,
            )
            for manifest in this.registry.versions.newest_few(limit=count)
        ),
        failures=this.registry.runs.failures_in_a_row(
            generation=this.run.generation,
            edition=this.run.edition,
            limit=limits.stop_after_failures,
            without=this.run.key,
        ),
    )
