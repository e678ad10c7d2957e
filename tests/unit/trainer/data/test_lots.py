"""Without a time column rows draw lots: whatever becomes of the table, no row that trained a champion judges it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from retrain_trainer.data.lots import Lots, deal, held_back, read_lots
from retrain_trainer.data.source import open_source
from retrain_trainer.data.split import Split, split
from retrain_trainer.data.table import Table, Where, open_table
from retrain_trainer.spec import PolicySpec

from tests.unit.trainer.data.test_rows import a_spec, a_table

Rows = list[list[str]]

HEADER = ("id", "a", "b", "code", "late")
COUNT = 2000


def rows() -> Rows:
    """A row each: a name, two numbers, a text of digits, a label."""
    return [
        [f"id{number}", f"{number % 17}", f"{number % 7}.0", f"c{number % 5}", "yes" if number % 3 else "no"]
        for number in range(COUNT)
    ]


def untimed(**holdout: object) -> PolicySpec:
    return a_spec(data={"timeColumn": None, "holdout": holdout})


def ids(table: Table, where: Where) -> set[str]:
    return {name for (name,) in table.query(f"SELECT id FROM data WHERE {where.sql}", where.parameters)}


def dealt(
    made: Rows, spec: PolicySpec, *, header: Sequence[str] = HEADER, assignment: str | None = None
) -> tuple[Split, set[str], set[str]]:
    """The split, whom it trains on and who judges the champion."""
    lines = [",".join(row) for row in made]
    with a_table(lines, spec, header=",".join(header)) as (table, profile):
        found = split(table=table, profile=profile, spec=spec, salt="s", champion_assignment=assignment)
        return found, ids(table, found.train), ids(table, found.comparison)


def changed(place: int, change: Callable[[str], str], *, first: int = COUNT) -> Rows:
    """What stands at a place of the first so many rows is another text."""
    made = rows()
    for row in made[:first]:
        row[place] = change(row[place])
    return made


def without(place: int) -> Rows:
    return [row[:place] + row[place + 1 :] for row in rows()]


STAYS = {
    "nothing": (rows(), HEADER),
    "rows come": ([*rows(), *([f"new{number}", "3", "2.5", "c1", "no"] for number in range(500))], HEADER),
    "a column comes": ([[*row, "batch7"] for row in rows()], (*HEADER, "note")),
    "columns change places": ([row[::-1] for row in rows()], HEADER[::-1]),
    "a whole number becomes one with a point": ([*rows(), ["odd", "3.5", "2.5", "c1", "no"]], HEADER),
    "whole numbers lose their point": (changed(2, lambda text: text.removesuffix(".0")), HEADER),
    "a row comes with a text among numbers": ([*rows(), ["odd", "many", "2.5", "c1", "no"]], HEADER),
    "labels are corrected": (changed(4, lambda text: {"yes": "no", "no": "yes"}[text], first=500), HEADER),
    "the label has a third value": (changed(4, lambda text: "never", first=1), HEADER),
}


@pytest.mark.parametrize(("made", "header"), STAYS.values(), ids=STAYS)
def test_who_trained_the_champion_never_judges_it(made: Rows, header: Sequence[str]) -> None:
    first, trained, held = dealt(rows(), untimed())
    again, trains, judges = dealt(made, untimed(), header=header, assignment=first.assignment)
    assert not judges & trained
    assert judges >= held
    assert not trains & held
    assert again.assignment == first.assignment


NOBODY_CAN_TELL = {
    "a column is gone": (without(3), (*HEADER[:3], "late")),
    "a column has another name": (rows(), ("id", "a", "b", "codes", "late")),
    "texts become numbers": (changed(3, lambda text: text.removeprefix("c")), HEADER),
    "whole numbers are too large to be told apart": (
        [*changed(1, lambda text: f"{2**53 + int(text)}"), ["odd", "3.5", "2.5", "c1", "no"]],
        HEADER,
    ),
}


@pytest.mark.parametrize(("made", "header"), NOBODY_CAN_TELL.values(), ids=NOBODY_CAN_TELL)
def test_where_nobody_can_tell_who_trained_the_champion_nobody_judges_it(made: Rows, header: Sequence[str]) -> None:
    first, _, _ = dealt(rows(), untimed())
    again, trains, judges = dealt(made, untimed(), header=header, assignment=first.assignment)
    assert judges == set()
    assert trains
    assert again.assignment != first.assignment
    # The next version's lots are known again.
    _, _, judges = dealt(made, untimed(), header=header, assignment=again.assignment)
    assert judges
    assert not judges & trains


@pytest.mark.parametrize("group", [None, "code"], ids=["rows", "groups"])
def test_a_champion_of_an_earlier_release_goes_on_and_its_successor_is_sure(group: str | None) -> None:
    spec = untimed() if group is None else untimed(groupColumn=group)
    by_release_0_1 = "hash:0.2" if group is None else f"hash:0.2/{group}"
    made, trains, judges = dealt(rows(), spec, assignment=by_release_0_1)
    assert made.comparison_rows == made.holdout_rows > 0
    more = [[*row, "batch7"] for row in rows()]
    again, trains_again, _ = dealt(more, spec, header=(*HEADER, "note"), assignment=made.assignment)
    assert (trains_again, again.comparison_rows) == (trains, made.comparison_rows)
    assert not judges & trains_again


def test_another_fraction_deals_the_same_lots() -> None:
    first, trained, held = dealt(rows(), untimed())
    _, _, judges = dealt(rows(), untimed(fraction=0.4), assignment=first.assignment)
    assert judges == held
    assert not judges & trained


def test_a_column_that_was_empty_may_be_filled() -> None:
    empty = [[*row, ""] for row in rows()]
    first, trained, held = dealt(empty, untimed(), header=(*HEADER, "later"))
    filled = [*empty, *([f"new{number}", "3", "2.5", "c1", "no", "7"] for number in range(500))]
    _, _, judges = dealt(filled, untimed(), header=(*HEADER, "later"), assignment=first.assignment)
    assert judges >= held
    assert not judges & trained


FEW = [[f"{number % 8}", f"{number % 4}", f"{number * 0.37:.2f}"] for number in range(COUNT)]


def test_rows_that_few_things_tell_apart_are_not_held_back_kind_by_kind() -> None:
    spec = a_spec(
        data={"timeColumn": None}, model={"target": "late", "task": "Regression"}, evaluation={"metric": "r2"}
    )
    lines = [",".join(row) for row in FEW]
    for salt in ("a", "b", "c", "d"):
        with a_table(lines, spec, header="region,product,late") as (table, profile):
            found = split(table=table, profile=profile, spec=spec, salt=salt)
            kinds = table.query(
                f"SELECT count(DISTINCT region) FROM data WHERE {found.train.sql}",
                found.train.parameters,
            )
        assert kinds == [(8,)]
        assert 0.15 * COUNT < found.holdout_rows < 0.25 * COUNT


@contextmanager
def parquet(folder: Path, *, kind: str) -> Iterator[Table]:
    """Rows with an amount in this type."""
    columns = (
        f"format('id{{}}', i) AS id, CAST(i % 701 AS DECIMAL(5,2)) / 4 AS x, i % 3 = 0 AS late FROM range({COUNT}) t(i)"
    )
    sql = f"SELECT id, CAST(CAST(x AS DECIMAL(5,2)) AS {kind}) AS amount, late FROM (SELECT {columns})"
    duckdb.sql(f"COPY ({sql}) TO '{folder}/a.parquet' (FORMAT parquet)")
    source = open_source(uri="pvc://data/a.parquet", claims={"data": folder})
    with open_table(source=source, memory_limit_bytes=None, threads=1, scratch=folder) as table:
        yield table


DECIMALS = {
    "wider": "DECIMAL(9,2)",
    "as floating numbers": "DOUBLE",
    "with more places": "DECIMAL(9,3)",
    "as text": "VARCHAR",
}


@pytest.mark.parametrize("kind", DECIMALS.values(), ids=DECIMALS)
def test_amounts_in_another_type_are_the_amounts_of_before(tmp_path: Path, kind: str) -> None:
    with parquet(tmp_path, kind="DECIMAL(5,2)") as table:
        lots = deal(table=table, target="late", fraction=0.2, group=None, before=None)
        held = held_back(table=table, lots=lots, salt="s")
        assert held is not None
        first = ids(table, held)
    with parquet(tmp_path, kind=kind) as table:
        again = held_back(table=table, lots=lots, salt="s")
        assert again is not None
        assert ids(table, again) == first


@pytest.mark.parametrize(
    "lots",
    [
        Lots(fraction=0.2),
        Lots(fraction=0.25, group="a/b"),
        Lots(fraction=0.2, dealt=(("a", "Integer"), ('x"y', "VARCHAR"), ("é//[", "DOUBLE"))),
        Lots(fraction=0.2, group="a//b", dealt=(("a//b", "DECIMAL(*,2)"),)),
        Lots(fraction=0.2, group="a//[1]"),
    ],
    ids=["of an earlier release", "its groups", "rows", "groups", "a group of an odd name"],
)
def test_lots_are_read_as_they_are_recorded(lots: Lots) -> None:
    assert read_lots(lots.assignment) == lots


@pytest.mark.parametrize("assignment", [None, "time"])
def test_what_was_divided_by_time_drew_no_lots(assignment: str | None) -> None:
    assert read_lots(assignment) is None
