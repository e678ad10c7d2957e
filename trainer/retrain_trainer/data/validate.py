"""Are the data fit to train and judge a model? Table-level checks first, then every column rule in one query (S6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from retrain_trainer.data.profile import MAX_CLASSES, Profile, feature_candidates
from retrain_trainer.data.rules import column_rule_checks
from retrain_trainer.data.table import StoredType, Table
from retrain_trainer.features import FeatureSchema
from retrain_trainer.spec import PolicySpec

_READS: dict[str, tuple[StoredType, ...]] = {
    "numeric": ("Integer", "Number", "Boolean"),
    "datetime": ("Timestamp",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check: `name` is a reason constant, `count` the rows that fail it, `examples` some of their values."""

    name: str
    passed: bool
    message: str = ""
    column: str | None = None
    count: int = 0
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationReport:
    """All checks in the order they were made."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Did every check pass?"""
        return all(check.passed for check in self.checks)

    @property
    def first_failure(self) -> Check | None:
        """The check to tell people of."""
        return next((check for check in self.checks if not check.passed), None)


def validate(
    *, profile: Profile, table: Table, spec: PolicySpec, now: datetime, champion: FeatureSchema | None = None
) -> ValidationReport:
    """Checks `table`. Where a column is missing, checks that would need it are left out.

    `champion`: features of the model in use; one that the data have with another type is an error that names it.

    Raises:
        SpecError: InvalidSpec, a pattern that is no regular expression.
    """
    checks = list(_structure(profile=profile, table=table, spec=spec))
    if champion is not None:
        checks += _champion_types(table=table, champion=champion)
    if all(check.passed for check in checks):
        checks += _contents(profile=profile, table=table, spec=spec, now=now)
        checks += [
            Check(
                name=found.name,
                passed=not found.count,
                message=found.message,
                column=found.column,
                count=found.count,
                examples=found.examples,
            )
            for found in column_rule_checks(table=table, rows=profile.rows, rules=spec.validation.columns)
        ]
    return ValidationReport(checks=tuple(checks))


def _shown(name: str) -> str:
    return repr(name if len(name) <= 60 else name[:59] + "…")


def _columns_there(table: Table) -> str:
    names = list(table.columns)
    return ", ".join(name[:30] for name in names[:8]) + (" …" if len(names) > 8 else "")


def _structure(*, profile: Profile, table: Table, spec: PolicySpec) -> Iterator[Check]:
    """Is every column there that the spec names, and of a usable kind?"""
    target, time = spec.model.target, spec.data.time_column
    there = _columns_there(table)
    yield Check(
        name="TargetMissing",
        column=target,
        passed=target in table.columns,
        message=f"the target {_shown(target)} is no column of the data; they have: {there}",
    )
    if time is not None:
        yield Check(
            name="TimeColumnMissing",
            column=time,
            passed=time in table.columns,
            message=f"the time column {_shown(time)} is no column of the data; they have: {there}",
        )
        if time in table.columns:
            yield Check(
                name="TimeColumnNotTime",
                column=time,
                passed=table.columns[time] == "Timestamp",
                message=f"the time column {_shown(time)} holds {table.columns[time].lower()} values; "
                "write times such as 2013-07-01T05:00:00Z",
            )
    for name in spec.model.include:
        yield Check(
            name="FeatureMissing",
            column=name,
            passed=name in table.columns,
            message=f"the feature {_shown(name)} is no column of the data; they have: {there}",
        )
    for rule in spec.validation.columns:
        yield Check(
            name="ColumnMissing",
            column=rule.name,
            passed=rule.name in table.columns,
            message=f"column {_shown(rule.name)} of spec.validation.columns is not in the data; they have: {there}",
        )
    yield Check(
        name="NoFeatures",
        passed=bool(feature_candidates(table=table, spec=spec)),
        message=f"no column is left to learn from; the data have: {there}",
    )
    if target in table.columns:
        numeric = table.columns[target] in ("Integer", "Number")
        yield Check(
            name="TargetTypeMismatch",
            column=target,
            passed=profile.task != "Regression" or numeric,
            message=f"the target {_shown(target)} holds {table.columns[target].lower()} values, and a regression needs "
            "numbers; set spec.model.task: Classification or name another target",
        )


def _champion_types(*, table: Table, champion: FeatureSchema) -> Iterator[Check]:
    """A column that has become text cannot be given to a model that learned numbers."""
    for feature in champion.features:
        stored = table.columns.get(feature.name)
        yield Check(
            name="TypeMismatch",
            column=feature.name,
            passed=stored is None or feature.kind not in ("numeric", "datetime") or stored in _READS[feature.kind],
            message=f"column {_shown(feature.name)} holds {(stored or '').lower()} values, and the champion learned "
            f"{feature.kind} ones; correct the data, or exclude the column",
        )


def _contents(*, profile: Profile, table: Table, spec: PolicySpec, now: datetime) -> Iterator[Check]:
    """Are there enough rows, young enough, with values in them?"""
    validation, target = spec.validation, spec.model.target
    yield Check(
        name="TooFewRows",
        passed=profile.rows >= validation.min_rows,
        message=f"{profile.rows:,} rows; spec.validation.minRows asks for {validation.min_rows:,}",
        count=profile.rows,
    )
    yield Check(
        name="TargetAllNull",
        column=target,
        passed=profile.labelled_rows > 0,
        message=f"the target {_shown(target)} has no value in any row",
    )
    if profile.classes is not None and profile.labelled_rows:
        only = next(iter(profile.classes))
        yield Check(
            name="OneClass",
            column=target,
            passed=len(profile.classes) > 1,
            message=f"the target {_shown(target)} is {_shown(only)} in every row; a classifier needs two classes",
        )
        yield Check(
            name="TooManyClasses",
            column=target,
            passed=len(profile.classes) <= MAX_CLASSES,
            message=f"the target {_shown(target)} has more than {MAX_CLASSES} classes; name another target, or set "
            "spec.model.task: Regression for numbers",
        )
    if spec.data.time_column is not None:
        yield from _times(profile=profile, spec=spec, now=now, column=spec.data.time_column)
    ruled = {rule.name: rule.max_null_fraction for rule in validation.columns}
    for name in feature_candidates(table=table, spec=spec):
        bound = ruled.get(name)
        bound = validation.max_null_fraction if bound is None else bound
        fraction = profile.null_fraction(name)
        yield Check(
            name="TooManyNulls",
            column=name,
            passed=fraction <= bound,
            message=f"column {_shown(name)}: {fraction:.1%} of the rows have no value; {bound:.1%} may lack one "
            "(spec.validation.maxNullFraction, or exclude the column)",
            count=profile.columns[name].nulls,
        )
        yield Check(
            name="InfiniteValues",
            column=name,
            passed=not profile.columns[name].infinite,
            message=f"column {_shown(name)}: {profile.columns[name].infinite:,} values are infinite; leave them empty",
            count=profile.columns[name].infinite,
        )


def _times(*, profile: Profile, spec: PolicySpec, now: datetime, column: str) -> Iterator[Check]:
    max_age = spec.validation.max_age
    # One row of 2099 must not own the window.
    yield Check(
        name="FutureRows",
        column=column,
        passed=not profile.future_rows,
        message=f"column {_shown(column)}: {profile.future_rows:,} rows are later than the run itself "
        f"({now:%Y-%m-%dT%H:%M:%SZ}); correct or remove them",
        count=profile.future_rows,
    )
    yield Check(
        name="NoTimes",
        column=column,
        passed=profile.time_max is not None,
        message=f"column {_shown(column)} has no time in any row",
    )
    if max_age is not None and profile.time_max is not None:
        age = now - profile.time_max
        yield Check(
            name="TooOld",
            column=column,
            passed=age <= max_age,
            message=f"the newest row is of {profile.time_max:%Y-%m-%dT%H:%M:%SZ}, {age.days} d {age.seconds // 3600} h "
            f"ago; spec.validation.maxAge allows {max_age.days} d {max_age.seconds // 3600} h",
        )
