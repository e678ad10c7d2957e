"""What is left out as a whole by the gate, and on which side of the split it falls: days, groups, rows."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from retrain_trainer.data.matrix import learn_schema, read_samples, read_texts
from retrain_trainer.data.source import open_source
from retrain_trainer.data.split import split
from retrain_trainer.data.table import Where, open_table
from retrain_trainer.data.validate import validate
from retrain_trainer.features import Feature, FeatureSchema, Samples
from retrain_trainer.model.intervals import blocks_of

from tests.unit.trainer.data.test_rows import NOW, a_spec, a_table, lines

HEADER = "happened,x,c,late,customer"
UNTIMED = {"uri": "pvc://data/a.csv", "timeColumn": None}


def customers(count: int = 400) -> list[str]:
    """The rows of twenty customers."""
    return [f"{line},customer-{number % 20}" for number, line in enumerate(lines(count))]


def read(rows: list[str], **data: Any) -> tuple[Samples, list[str | None]]:
    """All rows, and the customer of each."""
    spec = a_spec(data=data)
    with a_table(rows, spec, header=HEADER) as (table, profile):
        schema = learn_schema(table=table, profile=profile, spec=spec, where=Where())
        time = spec.data.time_column
        samples = read_samples(
            table=table,
            schema=schema,
            target="late",
            task="Classification",
            time_column=time,
            group_column=spec.data.holdout.group_column,
            where=Where(),
        )
        return samples, list(read_texts(table=table, column="customer", time_column=time, where=Where()))


def test_without_a_time_column_the_order_of_the_file_means_nothing() -> None:
    rows = customers()
    by_label = sorted(rows, key=lambda line: line.split(",")[3])
    shuffled = random.Random(1).sample(rows, len(rows))
    (one, names), (other, others) = read(by_label, **UNTIMED), read(shuffled, **UNTIMED)
    np.testing.assert_array_equal(one.X, other.X)
    np.testing.assert_array_equal(one.y, other.y)
    assert names == others
    # A file sorted by its label gives no block of one label.
    block, blocks = blocks_of(unit=one.unit, mean=False)
    assert blocks == 50
    assert len({(number, label) for number, label in zip(block, one.y, strict=True)}) > 90


@pytest.mark.parametrize("timed", [False, True])
def test_groups_are_the_unit_and_no_feature(timed: bool) -> None:
    data = {} if timed else UNTIMED
    samples, names = read(customers(), **data, holdout={"groupColumn": "customer"})
    assert samples.kind == "group"
    assert len({(name, unit) for name, unit in zip(names, samples.unit, strict=True)}) == 20 == len(set(samples.unit))
    assert samples.X.shape[1] == (2 if timed else 5)


def test_a_day_begins_at_midnight_and_not_at_noon(tmp_path: Path) -> None:
    """Rows at every hour of two days around 1970 are of two units, the days since then."""
    times = [datetime(1969, 12, 31, tzinfo=UTC) + timedelta(hours=hour, minutes=30) for hour in range(48)]
    path = tmp_path / "hours.csv"
    path.write_text("day,x,late\n" + "".join(f"{time:%Y-%m-%d %H:%M:%S},1,yes\n" for time in times))
    source = open_source(uri="pvc://claim/hours.csv", claims={"claim": tmp_path}, default=tmp_path)
    with open_table(source=source, memory_limit_bytes=None, threads=1, scratch=tmp_path) as table:
        table.load(text_bytes=0)
        samples = read_samples(
            table=table,
            schema=FeatureSchema(features=(Feature(name="x", kind="numeric"),)),
            target="late",
            task="Classification",
            time_column="day",
            where=Where(),
        )
    assert samples.unit.tolist() == [-1] * 24 + [0] * 24


def test_days_are_the_unit_where_there_is_time() -> None:
    samples, _ = read(customers())
    assert samples.kind == "day"
    assert len(set(samples.unit)) == len(set(np.diff(np.unique(samples.unit)))) + 199


def test_a_group_is_never_divided_between_training_and_holdout() -> None:
    spec = a_spec(data={**UNTIMED, "holdout": {"groupColumn": "customer", "fraction": 0.3}})
    with a_table(customers(), spec, header=HEADER) as (table, profile):
        made = split(table=table, profile=profile, spec=spec, salt="s")
        held, kept = (
            {name for (name,) in table.query(f"SELECT customer FROM data WHERE {part.sql}", part.parameters)}
            for part in (made.holdout, made.train)
        )
        assert held
        assert kept
        assert held & kept == set()
        assert made.assignment == 'hash:0.3/customer//[["customer","VARCHAR"]]'
        # What was drawn by row before, or by a column that is gone, is never taken for unseen.
        for before, rows in (("hash:0.3/customer", made.holdout_rows), ("hash:0.3/gone", 0), ("hash:1.0", None)):
            again = split(table=table, profile=profile, spec=spec, salt="s", champion_assignment=before)
            assert again.comparison_rows == (made.holdout_rows if rows is None else rows)
        by_row = split(table=table, profile=profile, spec=spec, salt="s", champion_assignment="hash:0.3")
        assert 0 < by_row.comparison_rows < made.holdout_rows


def test_a_column_that_the_gate_needs_is_named_when_it_is_missing() -> None:
    spec = a_spec(
        data={"holdout": {"groupColumn": "client"}}, evaluation={"slices": [{"column": "region", "min": 0.5}]}
    )
    with a_table(lines(), spec) as (table, profile):
        failed = [
            check for check in validate(profile=profile, table=table, spec=spec, now=NOW).checks if not check.passed
        ]
    assert [(check.name, check.column) for check in failed] == [
        ("ColumnMissing", "client"),
        ("ColumnMissing", "region"),
    ]
    assert "spec.data.holdout.groupColumn" in failed[0].message
    assert "spec.evaluation.slices[0].column" in failed[1].message
