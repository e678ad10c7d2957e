"""Which rows train, which judge. With a time column the newest days judge; without one, a salted hash of the row does.

A day is never divided between the two, since rows of one day resemble each other: whoever saw half of a day has seen
the other half too. Rows without a target, or too young to have a trustworthy one, neither train nor judge.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from retrain_trainer.data.lots import deal, held_back, read_lots
from retrain_trainer.data.profile import Profile
from retrain_trainer.data.table import Table, Where, naive, quoted
from retrain_trainer.spec import HoldoutSpec, PolicySpec

#: Without spec.data.holdout: the newest 20 % of the rows, at most 28 days, at least 10.
DEFAULT_FRACTION = 0.2
DEFAULT_LONGEST = timedelta(days=28)
DEFAULT_SHORTEST = timedelta(days=10)

#: How rows were divided, as a version records it; where they were divided by lot, `Lots.assignment`.
_TIME = "time"


#: No row may judge a champion that may have been trained on any of them.
_NOBODY_CAN_TELL = Where(sql="false")


class SplitRejected(Exception):
    """Too little data to divide: outcome DataRejected. reason: TooFewTrainingRows or TooFewHoldoutRows."""

    def __init__(self, *, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """All rows counted have a target. Times are UTC, None without a time column; units are days, or rows.

    comparison: the holdout rows that the champion was not trained on (the whole holdout without a champion).
    holdout_start and holdout_end are inclusive; train_end is the newest training row's time. fresh_fraction: share of
    comparison rows later than `compared_until`, 1.0 if that is None; None without a time column. assignment: which
    rule drew the lots, to be recorded with a version and handed back as `champion_assignment`.
    """

    train: Where
    holdout: Where
    comparison: Where
    evaluation: Where
    holdout_start: datetime | None
    holdout_end: datetime | None
    train_end: datetime | None
    evaluation_end: datetime | None
    train_rows: int
    holdout_rows: int
    holdout_units: int
    comparison_rows: int
    comparison_units: int
    evaluation_rows: int
    unlabelled_rows: int
    fresh_fraction: float | None
    assignment: str


def split(
    *,
    table: Table,
    profile: Profile,
    spec: PolicySpec,
    salt: str,
    evaluated_until: datetime | None = None,
    champion_trained_until: datetime | None = None,
    champion_assignment: str | None = None,
    compared_until: datetime | None = None,
) -> Split:
    """Divides the labelled rows of a table that passed validation.

    Args:
        salt: makes the hash of rows of one registry unlike that of others.
        evaluated_until: newest labelled time that a check has scored; None scores the comparison rows.
        champion_trained_until: newest time that the champion was trained on.
        champion_assignment: the rule by which its rows were divided.
        compared_until: newest time of the last comparison.

    Raises:
        SplitRejected: too few rows are left to train or to judge.
    """
    target = Where(sql=f"{quoted(spec.model.target)} IS NOT NULL")
    if spec.data.time_column is None or profile.time_max is None:
        made = _by_hash(table=table, spec=spec, target=target, salt=salt, champion_assignment=champion_assignment)
    else:
        made = _by_time(
            table=table,
            spec=spec,
            target=target,
            salt=salt,
            until=profile.time_max - spec.data.label_delay,
            evaluated_until=evaluated_until,
            champion_trained_until=champion_trained_until,
            champion_assignment=champion_assignment,
            compared_until=compared_until,
        )
    _check(made, spec=spec)
    return made


def _check(made: Split, *, spec: PolicySpec) -> None:
    if made.holdout_rows == 0:
        raise SplitRejected(
            reason="TooFewHoldoutRows",
            message="no labelled row is left to judge a model; deliver more, or change spec.data.holdout",
        )
    if made.train_rows < spec.validation.min_rows:
        before = f" before {made.holdout_start:%Y-%m-%d}" if made.holdout_start is not None else ""
        raise SplitRejected(
            reason="TooFewTrainingRows",
            message=f"{made.train_rows:,} labelled rows{before} are left to train on, and spec.validation.minRows asks "
            f"for {spec.validation.min_rows:,}; deliver more, or change spec.data.holdout or window",
        )


def _by_time(
    *,
    table: Table,
    spec: PolicySpec,
    target: Where,
    salt: str,
    until: datetime,
    evaluated_until: datetime | None,
    champion_trained_until: datetime | None,
    champion_assignment: str | None,
    compared_until: datetime | None,
) -> Split:
    time = quoted(spec.data.time_column or "")
    labelled = target & Where(sql=f"{time} <= ?", parameters=(naive(until),))
    start = _holdout_start(table=table, time=time, labelled=labelled, until=until, holdout=spec.data.holdout)
    end = start - spec.data.holdout.gap
    trains = labelled & Where(sql=f"{time} < ?", parameters=(naive(end),))
    if spec.data.window is not None:
        trains &= Where(sql=f"{time} >= ?", parameters=(naive(end - spec.data.window),))
    holdout = labelled & Where(sql=f"{time} >= ?", parameters=(naive(start),))
    unseen = _after(time, champion_trained_until)
    if (lots := read_lots(champion_assignment)) is not None:
        # That champion was trained on rows of all times: only what the lots kept from it may judge it.
        unseen = held_back(table=table, lots=lots, salt=salt) or _NOBODY_CAN_TELL
    comparison = holdout & unseen
    evaluation = comparison if evaluated_until is None else labelled & unseen & _after(time, evaluated_until)
    train_rows, _, train_end = _measure(table=table, time=time, where=trains)
    holdout_rows, holdout_units, _ = _measure(table=table, time=time, where=holdout)
    comparison_rows, comparison_units, _ = _measure(table=table, time=time, where=comparison)
    evaluation_rows, _, evaluation_end = _measure(table=table, time=time, where=evaluation)
    fresh = table.count(where=comparison & _after(time, compared_until))
    return Split(
        train=trains,
        holdout=holdout,
        comparison=comparison,
        evaluation=evaluation,
        holdout_start=start,
        holdout_end=until,
        train_end=train_end,
        evaluation_end=evaluation_end,
        train_rows=train_rows,
        holdout_rows=holdout_rows,
        holdout_units=holdout_units,
        comparison_rows=comparison_rows,
        comparison_units=comparison_units,
        evaluation_rows=evaluation_rows,
        unlabelled_rows=table.rows - table.count(where=labelled),
        fresh_fraction=fresh / comparison_rows if comparison_rows else 0.0,
        assignment=_TIME,
    )


def _holdout_start(*, table: Table, time: str, labelled: Where, until: datetime, holdout: HoldoutSpec) -> datetime:
    """The first moment of the holdout, a midnight."""
    if holdout.window is not None:
        return _midnight(until - holdout.window)
    fraction = holdout.fraction or DEFAULT_FRACTION
    days = table.query(
        f"SELECT date_trunc('day', {time}) AS day, count(*) FROM data WHERE {labelled.sql} "  # noqa: S608
        "GROUP BY 1 ORDER BY 1 DESC",  # positions: a column of the data may be called like an alias, and would win
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


def _after(time: str, moment: datetime | None) -> Where:
    return Where() if moment is None else Where(sql=f"{time} > ?", parameters=(naive(moment),))


def _measure(*, table: Table, time: str, where: Where) -> tuple[int, int, datetime | None]:
    """Rows, days and newest time (UTC)."""
    [(rows, days, newest)] = table.query(
        f"SELECT count(*), count(DISTINCT date_trunc('day', {time})), max({time}) "  # noqa: S608 - names are quoted
        f"FROM data WHERE {where.sql}",
        where.parameters,
    )
    return int(rows), int(days), newest.replace(tzinfo=UTC) if newest is not None else None


def _by_hash(*, table: Table, spec: PolicySpec, target: Where, salt: str, champion_assignment: str | None) -> Split:
    before = read_lots(champion_assignment)
    lots = deal(
        table=table,
        target=spec.model.target,
        fraction=spec.data.holdout.fraction or DEFAULT_FRACTION,
        group=spec.data.holdout.group_column,
        before=before,
    )
    held, left = (held_back(table=table, lots=lots, salt=salt, held=side) for side in (True, False))
    if held is None or left is None:
        raise RuntimeError("lots that were dealt by today's columns cannot be told from them")
    holdout = comparison = target & held
    if before is not None and before not in (lots, replace(lots, dealt=None)):
        comparison = holdout & (held_back(table=table, lots=before, salt=salt) or _NOBODY_CAN_TELL)
    elif before is None and champion_assignment is not None:
        comparison = _NOBODY_CAN_TELL  # it was trained on days, and without a time column nobody can tell which
    trains = target & left
    rows, judged = table.count(where=holdout), table.count(where=comparison)
    return Split(
        train=trains,
        holdout=holdout,
        comparison=comparison,
        evaluation=comparison,
        holdout_start=None,
        holdout_end=None,
        train_end=None,
        evaluation_end=None,
        train_rows=table.count(where=trains),
        holdout_rows=rows,
        holdout_units=rows,
        comparison_rows=judged,
        comparison_units=judged,
        evaluation_rows=judged,
        unlabelled_rows=table.rows - table.count(where=target),
        fresh_fraction=None,
        assignment=lots.assignment,
    )
