"""Effect sizes of drift: exact counts, known values, and nothing where nothing changed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retrain_trainer.data.drift import count_shares, divergence, learn_shares
from retrain_trainer.data.source import open_source
from retrain_trainer.data.table import Table, Where, open_table
from retrain_trainer.features import Feature, FeatureSchema
from retrain_trainer.learned import FeatureShares, edges_of
from scipy.spatial.distance import jensenshannon


def shares(*counts: int) -> FeatureShares:
    return FeatureShares(name="x", edges=tuple(float(edge) for edge in range(len(counts) - 2)), counts=counts)


@pytest.mark.parametrize(
    "before, now, psi",
    [
        pytest.param((1000, 1000, 0), (1000, 1000, 0), 0.0, id="the same shares"),
        # (0.25 - 0.5) ln(0.25 / 0.5) + (0.75 - 0.5) ln(0.75 / 0.5) = 0.2747, less 2 (1/2000 + 1/2000) for chance
        pytest.param((1000, 1000, 0), (500, 1500, 0), 0.2727, id="half of a bin moves"),
        # (0.5 - 0.9) ln(0.5 / 0.9) + (0.5 - 0.1) ln(0.5 / 0.1) = 0.8789
        pytest.param((9_000, 0, 1_000), (5_000, 0, 5_000), 0.8787, id="values go missing"),
    ],
)
def test_known_values(before: tuple[int, ...], now: tuple[int, ...], psi: float) -> None:
    one, other = shares(*before), shares(*now)
    assert divergence(before=one, now=other, statistic="PSI") == pytest.approx(psi, abs=0.003)
    chance = 2 * (1 / sum(before) + 1 / sum(now)) / (8 * math.log(2))
    reference = jensenshannon(np.add(before, 0.5), np.add(now, 0.5), base=2) ** 2
    expected = math.sqrt(max(0.0, reference - chance))
    assert divergence(before=one, now=other, statistic="JS") == pytest.approx(expected, abs=1e-9)


def test_samples_of_one_population_show_nothing_on_average() -> None:
    draw = np.random.default_rng(1)
    found = {"PSI": [], "JS": []}  # type: dict[str, list[float]]
    for _ in range(200):
        before, now = (shares(*draw.multinomial(rows, [0.1] * 10), 0) for rows in (2000, 500))
        for statistic in ("PSI", "JS"):
            found[statistic].append(divergence(before=before, now=now, statistic=statistic))
    assert np.mean(found["PSI"]) < 0.01
    assert max(found["PSI"]) < 0.1
    assert max(found["JS"]) < 0.1


@given(
    before=st.lists(st.integers(min_value=0, max_value=10_000), min_size=3, max_size=12),
    now=st.lists(st.integers(min_value=0, max_value=10_000), min_size=3, max_size=12),
)
@settings(max_examples=200, deadline=None)
def test_it_is_never_negative_nor_endless(before: list[int], now: list[int]) -> None:
    size = min(len(before), len(now))
    one, other = shares(*before[:size]), shares(*now[:size])
    for statistic in ("PSI", "JS"):
        value = divergence(before=one, now=other, statistic=statistic)
        assert 0 <= value < math.inf
        assert divergence(before=one, now=one, statistic=statistic) == 0
    assert divergence(before=one, now=other, statistic="JS") <= 1


SCHEMA = FeatureSchema(
    features=(
        Feature(name="x", kind="numeric"),
        Feature(name="site", kind="categorical", categories=("a", "b")),
        Feature(name="open", kind="boolean"),
        Feature(name="day", kind="datetime"),
    )
)


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    """A thousand rows; every tenth lacks x, every fifth has a site that is the empty text."""
    connection = duckdb.connect()
    path = tmp_path / "rows.parquet"
    connection.execute(
        "COPY (SELECT CASE WHEN i % 10 = 0 THEN NULL ELSE i::DOUBLE END AS x, "
        "CASE WHEN i % 5 = 0 THEN '' WHEN i % 2 = 0 THEN 'a' ELSE 'b' END AS site, i % 4 = 0 AS open, "
        f"TIMESTAMP '2026-01-01' + INTERVAL (i) HOUR AS day FROM range(1000) t(i)) TO '{path}' (FORMAT parquet)"
    )
    source = open_source(uri="pvc://claim/rows.parquet", claims={"claim": tmp_path}, default=tmp_path)
    with open_table(source=source, memory_limit_bytes=None, threads=1, scratch=tmp_path) as opened:
        opened.load(text_bytes=0)
        yield opened


def test_counts_are_exact_and_missing_values_have_a_bin(table: Table) -> None:
    learned = learn_shares(table=table, schema=SCHEMA, where=Where())
    assert [feature.name for feature in learned] == ["x", "site", "open"], "datetimes move by themselves"
    numbers, site, flag = learned
    values = np.array([i for i in range(1000) if i % 10])
    edges = (-np.inf, *numbers.edges, np.inf)
    expected = [int(np.sum((values > low) & (values <= high))) for low, high in pairwise(edges)]
    assert numbers.counts == (*expected, 100)
    assert dict(zip(("other", *site.categories, "missing"), site.counts, strict=True)) == {
        "other": 0,
        "a": 400,
        "b": 400,
        "": 200,
        "missing": 0,
    }
    assert flag.counts == (750, 250, 0)


def test_a_new_category_is_other_and_a_lost_column_is_left_out(table: Table) -> None:
    learned = learn_shares(table=table, schema=SCHEMA, where=Where())
    known = (learned[0], FeatureShares(name="site", categories=("a",), counts=(600, 400, 0)))
    gone = FeatureShares(name="gone", edges=(1.0,), counts=(1, 1, 0))
    counted = count_shares(table=table, features=(*known, gone), where=Where(sql="x > ?", parameters=(500,)))
    assert [feature.name for feature in counted] == ["x", "site"]
    assert sum(counted[1].counts) == sum(counted[0].counts)
    assert counted[1].counts[0] > counted[1].counts[1]


def test_a_column_that_changed_its_type_is_counted_as_it_was_learned(table: Table) -> None:
    number = FeatureShares(name="site", edges=(1.0,), counts=(5, 5, 0))  # texts now
    moment = FeatureShares(name="day", edges=(1.0,), counts=(5, 5, 0))  # times now
    empty = FeatureShares(name="open", counts=(0, 10))  # had no value then
    counted = count_shares(table=table, features=(number, moment, empty), where=Where())
    assert [feature.counts for feature in counted] == [(0, 0, 1000), (0, 0, 1000), (1000, 0)]
    assert divergence(before=empty, now=counted[2], statistic="PSI") > 1


def test_a_constant_has_a_bin_of_its_own(table: Table) -> None:
    [feature] = learn_shares(
        table=table,
        schema=FeatureSchema(features=(Feature(name="x", kind="numeric"),)),
        where=Where(sql="x = ?", parameters=(7,)),
    )
    assert feature.edges == (math.nextafter(7.0, 0), 7.0)
    assert feature.counts == (0, 1, 0, 0)


#: `i` runs from 0 to 999.
X = FeatureSchema(features=(Feature(name="x", kind="numeric"),))


@pytest.mark.parametrize(
    ("before", "now", "drifts"),
    [
        pytest.param("5", "3", True, id="a constant falls"),
        pytest.param("5", "7", True, id="a constant rises"),
        pytest.param("5", "5", False, id="a constant stays"),
        pytest.param("if(i % 20 = 0, 7 + i, 100)", "50", True, id="what nearly all rows hold falls"),
        pytest.param("if(i % 20 = 0, i, 100)", "if(i % 20 = 0, i, 100)", False, id="what nearly all rows hold stays"),
        pytest.param("least(i, 300)", "least(i, 299)", True, id="the value at the upper end falls"),
        pytest.param(
            "if(i < 300, i, if(i < 700, 300, i))", "if(i < 300, i, if(i < 700, 299, i))", True, id="one within"
        ),
        pytest.param("greatest(i, 300)", "greatest(i, 300) - 1", True, id="the value at the lower end falls"),
        pytest.param("i", "i - 1", False, id="no value that many rows hold"),
    ],
)
def test_a_value_that_many_rows_hold_is_seen_to_move(before: str, now: str, drifts: bool, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    duckdb.sql(
        f"COPY (SELECT false AS new, ({before})::DOUBLE AS x FROM range(1000) t(i) "
        f"UNION ALL SELECT true, ({now})::DOUBLE FROM range(1000) t(i)) TO '{path}' (FORMAT parquet)"
    )
    source = open_source(uri="pvc://claim/rows.parquet", claims={"claim": tmp_path}, default=tmp_path)
    with open_table(source=source, memory_limit_bytes=None, threads=1, scratch=tmp_path) as table:
        table.load()
        learned = learn_shares(table=table, schema=X, where=Where(sql="NOT new"))
        # As a manifest keeps them.
        kept = json.loads(json.dumps([list(feature.edges) for feature in learned]))
        assert [tuple(edges) for edges in kept] == [feature.edges for feature in learned]
        counted = count_shares(table=table, features=learned, where=Where(sql="new"))
    value = divergence(before=learned[0], now=counted[0], statistic="PSI")
    assert (value > 1) == drifts, value
    assert drifts or value < 0.01


def test_edges_are_the_deciles_where_those_are_distinct() -> None:
    deciles = [3.0, 1.0, 2.0, 4.0, 5.5, 6.0, 7.0, 8.0, 9.0]
    assert edges_of(deciles) == tuple(sorted(deciles))


def test_a_version_of_before_keeps_the_edges_it_has(table: Table) -> None:
    before = FeatureShares(name="x", edges=(500.0,), counts=(450, 450, 100))
    [counted] = count_shares(table=table, features=(before,), where=Where())
    assert (counted.edges, counted.counts) == ((500.0,), (450, 450, 100))
