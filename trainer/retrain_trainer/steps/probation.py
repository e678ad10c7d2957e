"""Step 5, after a promotion: is the new champion clearly worse than the one before, on all rows since?

The gate lets a version pass that is no better in some 5 % of comparisons, and a version may be good on its holdout
only. For the first checks after an automatic promotion both models answer the rows that neither was trained on and no
gate has seen, and the one before comes back if it is clearly better there. Where it cannot answer them any more nothing
is taken back, and the checks count all the same. What a person approved, pinned or rolled back to is never undone.
"""

from __future__ import annotations

from dataclasses import replace

from retrain_trainer.contract import DataFacts
from retrain_trainer.data.profile import Profile
from retrain_trainer.data.table import Where, naive, quoted
from retrain_trainer.model.intervals import Interval, difference_interval
from retrain_trainer.registry.manifest import PROBATION, Manifest
from retrain_trainer.steps.answers import Reached, Scored
from retrain_trainer.steps.challenge import Incomparable, answers_of
from retrain_trainer.steps.context import Context
from retrain_trainer.steps.memory import Memory
from retrain_trainer.steps.scoring import unfit_because


def taken_back(this: Context, scored: Scored, profile: Profile, *, data: DataFacts) -> Reached | None:
    """The rollback that the new rows call for; None where the champion is not on probation, or not clearly worse."""
    champion = this.head.champion
    if champion is None or scored.problem is None or not scored.fresh_rows or not this.head.young(spec=this.spec):
        return None
    previous = this.registry.versions.find(version=champion.promotion.previous_version or 0)
    if previous is None or this.registry.tombstone(version=previous.version) is not None:
        return None
    try:
        interval = _compared(this, scored, profile, now=champion.manifest, before=previous)
    except Incomparable as why:
        this.say(f"probation: version {previous.version} cannot be compared with any more: {why}")
        return None
    if interval.problem is not None or interval.high >= 0:
        return None
    metric = scored.problem.metric.name
    entered = this.registry.enter(
        manifest=previous, after=champion, run=this.run.key, request=PROBATION, time=this.now, kind="Probation"
    )
    if not entered:
        return None  # another run was faster; the next one looks again
    this.registry.reject(version=champion.manifest.version, run=this.run.key, request=PROBATION, time=this.now)
    return Reached(
        outcome="RolledBack",
        reason="ProbationFailed",
        message=f"version {champion.manifest.version} is clearly worse than version {previous.version} on "
        f"{interval.rows:,} rows of {interval.units} days since its promotion: {metric} by {-interval.estimate:.4g}, "
        f"at least {-interval.high:.4g}. Version {previous.version} is the champion again",
        data=data,
        memory=replace(
            Memory.of_version(manifest=previous, called=scored.memory.called),
            evaluated_until=scored.memory.evaluated_until,
        ),
    )


def _compared(this: Context, scored: Scored, profile: Profile, *, now: Manifest, before: Manifest) -> Interval:
    """Of the champion minus the version before, on the labelled rows newer than all that the champion was made of.

    Raises Incomparable where the version before cannot answer these rows: the data or the spec moved on.
    """
    problem, spec = scored.problem, this.spec
    assert problem is not None  # noqa: S101 - the caller has looked
    if why := unfit_because(this, before, problem.table, profile):
        raise Incomparable(why)
    time = quoted(spec.data.time_column or "")
    until = (profile.time_max or this.now) - spec.data.label_delay
    since = now.holdout_end or this.now
    where = Where(
        sql=f"{quoted(spec.model.target)} IS NOT NULL AND {time} > ? AND {time} <= ?",
        parameters=(naive(since), naive(until)),
    )
    new, old = (problem.samples(schema=manifest.schema, where=where) for manifest in (now, before))
    return difference_interval(
        metric=problem.metric,
        samples=new,
        challenger=answers_of(problem=problem, manifest=now, samples=new),
        champion=answers_of(problem=problem, manifest=before, samples=old),
        confidence=spec.promotion.confidence,
        min_rows=spec.data.holdout.min_rows,
    )
