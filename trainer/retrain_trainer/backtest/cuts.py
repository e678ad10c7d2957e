"""The data as they were known at a moment: a folder that holds no later row, and no label too young to be trusted.

Rows are written in pieces, one a check, so that a check costs the rows that came since, not all of them. Only the
labels of rows younger than `labelDelay` have to be written again, once they are old enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from retrain_trainer.contract import RunDescription
from retrain_trainer.data.matrix import row_order
from retrain_trainer.data.profile import Profile, profile_table
from retrain_trainer.data.source import open_source
from retrain_trainer.data.table import Table, Where, naive, open_table, quoted
from retrain_trainer.data.validate import validate
from retrain_trainer.errors import DataUnavailable, SpecError
from retrain_trainer.spec import PolicySpec

#: The claim under which the runs of a back-test find their rows.
CLAIM = "replayed"
URI = f"pvc://{CLAIM}/*.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All rows, also those that a check must not see yet, with their profile. Times are UTC.

    `timeless`: rows without a time, which no check ever sees.
    """

    table: Table
    profile: Profile
    spec: PolicySpec
    time_min: datetime
    time_max: datetime
    timeless: int

    def between(self, *, after: datetime, until: datetime) -> Where:
        """Labelled rows later than `after`, up to `until`."""
        time, target = quoted(self.spec.data.time_column or ""), quoted(self.spec.model.target)
        return Where(
            sql=f"{target} IS NOT NULL AND {time} > ? AND {time} <= ?", parameters=(naive(after), naive(until))
        )


@contextmanager
def open_history(*, run: RunDescription, spec: PolicySpec, now: datetime, threads: int) -> Iterator[History]:
    """Reads the data of a policy. `now`: the real time; later rows are none that anybody has seen.

    Raises what `open_source` and `open_table` raise, and:
        SpecError: InvalidBacktest, the policy has no time column, or the data lack a column it names.
        DataUnavailable: TooFewRows, no row has a time that is past.
    """
    if spec.data.time_column is None:
        raise SpecError(
            reason="InvalidBacktest",
            message="a back-test follows the rows through time, and spec.data.timeColumn names no column; name the one "
            "that says when a row came to be",
        )
    source = open_source(uri=spec.data.uri, claims=run.mounts, default=run.claims)
    texts = [rule.name for rule in spec.validation.columns if rule.type == "String"]
    with open_table(
        source=source,
        memory_limit_bytes=run.memory_limit,
        threads=threads,
        scratch=run.scratch,
        scratch_limit_bytes=run.scratch_limit,
        text_columns=texts,
        time_column=spec.data.time_column,
        show_values=spec.validation.show_examples,
        exports=run.scratch,
    ) as table:
        profile = profile_table(table=table, spec=spec, now=now)
        structure = {"TargetMissing", "TimeColumnMissing", "TimeColumnNotTime", "FeatureMissing"}
        for check in validate(profile=profile, table=table, spec=spec, now=now).checks:
            if not check.passed and check.name in structure:
                raise SpecError(reason="InvalidBacktest", message=check.message)
        if profile.time_min is None or profile.time_max is None or profile.time_min >= profile.time_max:
            raise DataUnavailable(
                reason="TooFewRows",
                message=f"{source.uri} has no rows of different times before {now:%Y-%m-%d}: no past to replay",
            )
        table.load(text_bytes=profile.text_bytes)
        timeless = table.count(where=Where(sql=f"{quoted(spec.data.time_column)} IS NULL"))
        yield History(
            table=table,
            profile=profile,
            spec=spec,
            time_min=profile.time_min,
            time_max=profile.time_max,
            timeless=timeless,
        )


@dataclass(slots=True, kw_only=True)
class Cuts:
    """The folder `folder`, which `advance` brings from one moment to the next."""

    history: History
    folder: Path
    _pieces: list[tuple[datetime | None, datetime]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    def advance(self, *, now: datetime) -> None:
        """Shows the rows up to `now`, with the labels that are old enough then. `now` must not go back."""
        before = self._pieces[-1][1] if self._pieces else None
        settled = None if before is None else before - self.history.spec.data.label_delay
        self._pieces.append((before, now))
        for number, (after, until) in enumerate(self._pieces):
            if settled is None or until > settled or until == now:
                self._write(number=number, after=after, until=until, now=now)

    def _write(self, *, number: int, after: datetime | None, until: datetime, now: datetime) -> None:
        spec = self.history.spec
        time, target = quoted(spec.data.time_column or ""), quoted(spec.model.target)
        rows = Where(sql=f"{time} <= ?", parameters=(naive(until),))
        if after is not None:
            rows &= Where(sql=f"{time} > ?", parameters=(naive(after),))
        order = row_order(table=self.history.table, time_column=spec.data.time_column)
        self.history.table.export(
            f"SELECT * REPLACE (CASE WHEN {time} <= ? THEN {target} END AS {target}) FROM data "  # noqa: S608
            f"WHERE {rows.sql} ORDER BY {order}",
            (naive(now - spec.data.label_delay), *rows.parameters),
            path=self.folder / f"{number:05d}.parquet",
        )
