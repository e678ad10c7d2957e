"""Which rows train, which judge. With a time column the newest days judge; without one, a salted hash of the row does.

A day is never divided between the two, since rows of one day resemble each other: whoever saw half of a day has seen
the other half too. Rows without a target, or too young to have a trustworthy one, neither train nor judge.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from retrain_trainer.data.profile import Profile
from retrain_trainer.data.table import Table, Where, quoted
from retrain_trainer.spec import HoldoutSpec, PolicySpec

#: Without spec.data.holdout: the newest 20 % of the rows, at most 28 days, at least 10.
DEFAULT_FRACTION = 0.2
DEFAULT_LONGEST = timedelta(days=28)
DEFAULT_SHORTEST = timedelta(days=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A set of rows; `units` are days (rows where there is no time column)."""

    where: Where
    rows: int
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """`comparison` is the part of `holdout` that the champion was not trained on.

    `evaluation` are the rows newer than the last check. Times are UTC: training rows are older than `train_end`,
    holdout rows from `holdout_start` up to and including `labelled_until`; all None without a time column.
    `fresh_fraction` is the share of comparison rows newer than those compared last.
    """

    train: Part
    holdout: Part
    comparison: Part
    evaluation: Part
    train_end: datetime | None
    holdout_start: datetime | None
    labelled_until: datetime | None
    fresh_fraction: float


def split(
    *,
    table: Table,
    profile: Profile,
    spec: PolicySpec,
    salt: str,
    evaluated_until: datetime | None = None,
    champion_trained_until: datetime | None = None,
    compared_until: datetime | None = None,
) -> Split:
    """Divides the labelled rows of a table that passed validation.

    Args:
        salt: makes the hash of rows of one registry unlike that of others.
        evaluated_until: newest labelled time that a check has scored; None scores the holdout.
        champion_trained_until: newest time that the champion was trained on.
        compared_until: newest time of the last comparison.
    """
    target = Where(sql=f"{quoted(spec.model.target)} IS NOT NULL")
    if spec.data.time_column is None or profile.time_max is None:
        return _by_hash(table=table, target=target, fraction=spec.data.holdout.fraction or DEFAULT_FRACTION, salt=salt)
    time = quoted(spec.data.time_column)
    until = profile.time_max - spec.data.label_delay
    labelled = target & Where(sql=f"{time} <= ?", parameters=(_naive(until),))
    start = _holdout_start(table=table, time=time, labelled=labelled, until=until, holdout=spec.data.holdout)
    end = start - spec.data.holdout.gap
    trains = labelled & Where(sql=f"{time} < ?", parameters=(_naive(end),))
    if spec.data.window is not None:
        trains &= Where(sql=f"{time} >= ?", parameters=(_naive(end - spec.data.window),))
    holdout = labelled & Where(sql=f"{time} >= ?", parameters=(_naive(start),))
    comparison = holdout & _after(time, champion_trained_until)
    evaluation = holdout if evaluated_until is None else labelled & _after(time, evaluated_until)
    compared = _part(table=table, time=time, where=comparison)
    fresh = _part(table=table, time=time, where=comparison & _after(time, compared_until))
    return Split(
        train=_part(table=table, time=time, where=trains),
        holdout=_part(table=table, time=time, where=holdout),
        comparison=compared,
        evaluation=_part(table=table, time=time, where=evaluation),
        train_end=end,
        holdout_start=start,
        labelled_until=until,
        fresh_fraction=fresh.rows / compared.rows if compared.rows else 0.0,
    )


def _holdout_start(*, table: Table, time: str, labelled: Where, until: datetime, holdout: HoldoutSpec) -> datetime:
    """The first moment of the holdout, a midnight."""
    if holdout.window is not None:
        return _midnight(until - holdout.window)
    fraction = holdout.fraction or DEFAULT_FRACTION
    days = table.rows(
        f"SELECT date_trunc('day', {time}) AS day, count(*) FROM data WHERE {labelled.sql} "  # noqa: S608
        "GROUP BY day ORDER BY day DESC",
        labelled.parameters,
    )
    wanted = fraction * sum(count for _, count in days)
    seen, start = 0, until
    for day, count in days:
        seen += count
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        if seen >= wanted:
            break
    if holdout.fraction is None:
        start = min(max(start, until - DEFAULT_LONGEST), until - DEFAULT_SHORTEST)
    return _midnight(start)


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _after(time: str, moment: datetime | None) -> Where:
    return Where() if moment is None else Where(sql=f"{time} > ?", parameters=(_naive(moment),))


def _part(*, table: Table, time: str | None, where: Where) -> Part:
    units = f"count(DISTINCT date_trunc('day', {time}))" if time is not None else "count(*)"
    [(rows, distinct)] = table.rows(
        f"SELECT count(*), {units} FROM data WHERE {where.sql}",  # noqa: S608 - names are quoted
        where.parameters,
    )
    return Part(where=where, rows=int(rows), units=int(distinct))


def _by_hash(*, table: Table, target: Where, fraction: float, salt: str) -> Split:
    """Rows with the same values fall on the same side, in this run and in every later one of the registry."""
    values = ", ".join(f"coalesce(CAST({quoted(name)} AS VARCHAR), '')" for name in sorted(table.columns))
    place = f"CAST('0x' || substr(md5(concat_ws(chr(31), ?, {values})), 1, 8) AS UBIGINT) / 4294967296.0"
    holdout = target & Where(sql=f"{place} < ?", parameters=(salt, fraction))
    trains = target & Where(sql=f"{place} >= ?", parameters=(salt, fraction))
    judged = _part(table=table, time=None, where=holdout)
    return Split(
        train=_part(table=table, time=None, where=trains),
        holdout=judged,
        comparison=judged,
        evaluation=judged,
        train_end=None,
        holdout_start=None,
        labelled_until=None,
        fresh_fraction=1.0,
    )
