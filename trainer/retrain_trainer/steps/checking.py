"""Step 3: may these rows teach or judge a model? What the checks found is kept with the run."""

from __future__ import annotations

from dataclasses import replace

from retrain_trainer.data.profile import Profile
from retrain_trainer.data.report import ValidationReport
from retrain_trainer.data.table import Table
from retrain_trainer.data.validate import validate
from retrain_trainer.errors import SpecError
from retrain_trainer.learned import Reference
from retrain_trainer.steps import answers
from retrain_trainer.steps.answers import Reached
from retrain_trainer.steps.context import Context
from retrain_trainer.steps.deciding import called


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
    kept = None if memory is None else replace(memory, fingerprint="", called=called(this))
    return answers.rejected(reason=reason, message=message, rows=profile.rows, memory=kept)
