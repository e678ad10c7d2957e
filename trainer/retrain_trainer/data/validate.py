"""Are the data fit to train and judge a model? First what is missing, then what the profile counted, then labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from retrain_trainer.data.labels import MIN_NEW_LABELS, label_shift
from retrain_trainer.data.profile import MAX_CLASSES, Profile, feature_candidates
from retrain_trainer.data.report import Check, ValidationReport
from retrain_trainer.data.table import Table
from retrain_trainer.learned import Reference
from retrain_trainer.spec import PolicySpec

#: Failed checks that examples are fetched for: each is a query of its own.
MAX_SHOWN = 20


def validate(
    *,
    profile: Profile,
    table: Table,
    spec: PolicySpec,
    now: datetime,
    reference: Reference | None = None,
    unfit_classes: str = "",
) -> ValidationReport:
    """Every check that can be made: where a column is missing, those that need it are left out.

    Args:
        reference: the champion, where what it learned binds later data; the one that `profile` was made with.
        unfit_classes: why the metric cannot judge the classes that are in the data now; empty if it can.
    """
    missing = list(_missing(table=table, spec=spec, reference=reference))
    checks = [*missing, *_amounts(profile=profile, table=table, spec=spec, now=now)]
    checks += _counted(profile=profile, table=table)
    checks += _labels(profile=profile, spec=spec, reference=reference, unfit_classes=unfit_classes)
    if not spec.validation.show_examples:
        checks = [replace(check, examples=()) for check in checks]
    return ValidationReport(rows=profile.rows, checks=tuple(checks))


def _shown(name: str) -> str:
    return repr(name if len(name) <= 60 else name[:59] + "…")


def _columns_there(table: Table) -> str:
    names = list(table.columns)
    return ", ".join(name[:30] for name in names[:8]) + (" …" if len(names) > 8 else "")


def _missing(*, table: Table, spec: PolicySpec, reference: Reference | None) -> Iterator[Check]:
    """Is every column there that the spec or the champion needs?"""
    target, time = spec.model.target, spec.data.time_column
    there = f"; they have: {_columns_there(table)}"
    needed = [("TargetMissing", target, f"the target {_shown(target)} is no column of the data{there}")]
    if time is not None:
        needed.append(("TimeColumnMissing", time, f"the time column {_shown(time)} is no column of the data{there}"))
    needed += [
        ("FeatureMissing", name, f"the feature {_shown(name)} is no column of the data{there}")
        for name in spec.model.include
        if name not in spec.model.exclude
    ]
    needed += [
        (
            "ColumnMissing",
            feature.name,
            f"column {_shown(feature.name)} is missing, and the champion needs it; deliver it, or exclude it",
        )
        for feature in (() if reference is None else reference.schema.features)
        if feature.name not in spec.model.include
    ]
    for reason, name, message in needed:
        yield Check(name=reason, column=name, passed=name in table.columns, message=message)
    for rule in spec.validation.columns:
        yield Check(
            name="ColumnMissing",
            column=rule.name,
            severity=rule.severity,
            passed=rule.name in table.columns,
            message=f"column {_shown(rule.name)} of spec.validation.columns is not in the data{there}",
        )
    named = {"spec.data.holdout.groupColumn": spec.data.holdout.group_column}
    named |= {f"{guard.path}.column": guard.column for guard in spec.evaluation.slices}
    for path, column in named.items():
        if column is not None:
            yield Check(
                name="ColumnMissing",
                column=column,
                passed=column in table.columns,
                message=f"column {_shown(column)} of {path} is not in the data{there}",
            )
    yield Check(
        name="NoFeatures",
        passed=bool(feature_candidates(table=table, spec=spec)),
        message=f"no column is left to learn from; the data have: {_columns_there(table)}",
    )


def _amounts(*, profile: Profile, table: Table, spec: PolicySpec, now: datetime) -> Iterator[Check]:
    """Are there rows, labels and times, and young enough ones?"""
    validation, target, time = spec.validation, spec.model.target, spec.data.time_column
    yield Check(
        name="TooFewRows",
        passed=profile.rows >= validation.min_rows,
        message=f"{profile.rows:,} rows; spec.validation.minRows asks for {validation.min_rows:,}",
        bound=float(validation.min_rows),
    )
    if not profile.rows:
        return
    if target in table.columns:
        yield Check(
            name="TargetAllNull",
            column=target,
            passed=not profile.empty(target),
            message=f"the target {_shown(target)} has no value in any row",
        )
        if not profile.empty(target):
            numeric = table.columns[target] in ("Integer", "Number")
            yield Check(
                name="TargetTypeMismatch",
                column=target,
                passed=profile.task != "Regression" or numeric,
                message=f"the target {_shown(target)} holds {table.columns[target].lower()} values, and a regression "
                "needs numbers; set spec.model.task: Classification or name another target",
            )
    timed = time is not None and time in table.columns
    if timed and time is not None and (table.columns[time] == "Timestamp" or profile.empty(time)):
        yield Check(
            name="NoTimes",
            column=time,
            passed=profile.time_max is not None,
            message=f"column {_shown(time)} has no time up to now in any row",
        )
    if validation.max_age is not None and profile.time_max is not None:
        age, allowed = now - profile.time_max, validation.max_age
        when = f"is of {profile.time_max:%Y-%m-%dT%H:%M:%SZ}," if validation.show_examples else "came"
        yield Check(
            name="TooOld",
            column=time,
            passed=age <= allowed,
            message=f"the newest row {when} {age.days} d {age.seconds // 3600} h ago; spec.validation.maxAge allows "
            f"{allowed.days} d {allowed.seconds // 3600} h",
            bound=f"{allowed.days} d {allowed.seconds // 3600} h",
        )


def _counted(*, profile: Profile, table: Table) -> Iterator[Check]:
    """What the one pass counted, with examples where there is too much of it."""
    shown = 0
    for probe, count in profile.counts.items():
        examples: tuple[str, ...] = ()
        if probe.failed(count=count, rows=profile.rows) and shown < MAX_SHOWN:
            examples, shown = probe.examples(table), shown + 1
        yield probe.check(count=count, rows=profile.rows, examples=examples)


def _labels(*, profile: Profile, spec: PolicySpec, reference: Reference | None, unfit_classes: str) -> Iterator[Check]:
    """Are the classes those that a model can learn, and the champion has learned?"""
    target, classes = spec.model.target, profile.classes
    learned = None if reference is None else reference.learned
    for feature in () if reference is None else reference.schema.features:
        if feature.name in profile.columns and profile.rows:
            yield Check(
                name="ColumnEmpty",
                column=feature.name,
                passed=not profile.empty(feature.name) or (learned is not None and feature.name in learned.empty),
                message=f"column {_shown(feature.name)} has no value in any row, and the champion learned from it",
                count=profile.columns[feature.name].nulls,
                fraction=profile.columns[feature.name].nulls / profile.rows,
            )
    if classes and profile.labelled_rows:
        yield Check(
            name="OneClass",
            column=target,
            passed=len(classes) > 1,
            message=f"the target {_shown(target)} has the same value in every row; a classifier needs two classes",
            examples=tuple(name[:60] for name in classes) if len(classes) == 1 else (),
        )
        yield Check(
            name="TooManyClasses",
            column=target,
            passed=len(classes) <= MAX_CLASSES,
            message=f"the target {_shown(target)} has more than {MAX_CLASSES} classes; name another target, or set "
            "spec.model.task: Regression for numbers",
            bound=float(MAX_CLASSES),
        )
    if classes is not None and reference is not None and reference.classes:
        unseen = [name for name in classes if name not in reference.classes]
        count = sum(classes[name] for name in unseen)
        yield Check(
            name="UnseenClass",
            column=target,
            severity="Error" if unfit_classes else "Warning",
            passed=not unseen,
            message=f"the target {_shown(target)}: {count:,} of {profile.labelled_rows:,} labelled rows are of a class "
            f"that the champion has not seen{unfit_classes and f'; {unfit_classes}'}",
            count=count,
            fraction=count / max(1, profile.labelled_rows),
            examples=tuple(name[:60] for name in unseen[:3]),
        )
    yield from _shift(profile=profile, spec=spec, reference=reference)


def _shift(*, profile: Profile, spec: PolicySpec, reference: Reference | None) -> Iterator[Check]:
    bound, new = spec.validation.max_label_shift, profile.new_labels
    learned = None if reference is None else reference.learned
    if bound is None or new is None or learned is None or sum(new) < MIN_NEW_LABELS:
        return
    known = learned.labels.counts
    shift = label_shift(before=[*known, 0] if len(new) > len(known) else known, after=new)
    yield Check(
        name="LabelShift",
        column=spec.model.target,
        passed=shift <= bound,
        message=f"the target {_shown(spec.model.target)}: the shares of {sum(new):,} new labels differ by {shift:.3g} "
        f"from those of the champion's training rows; spec.validation.maxLabelShift allows {bound:g}",
        fraction=shift,
        bound=bound,
    )
