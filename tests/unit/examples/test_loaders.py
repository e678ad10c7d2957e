"""The examples' rows, made from small tables, and their policies."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
import yaml
from retrain_trainer.spec import parse_spec

from examples.ratings import events

REPOSITORY = Path(__file__).parents[3]

#: Users 1 and 2 rate film 7, both at second 200; user 1 has rated film 8 before, and rates it again last.
RATINGS = """movieId,title,year,genres,userId,rating,timestamp
8,B,1990,Comedy,1,2.0,100
7,A,1960,Drama|War,1,5.0,200
7,A,1960,Drama|War,2,4.0,200
7,A,1960,Drama|War,3,1.0,300
8,B,1990,Comedy,1,3.5,400
"""


def test_what_is_known_of_a_rating_is_of_the_time_before_it(tmp_path: Path) -> None:
    table, path = tmp_path / "movielens.csv", tmp_path / "ratings.parquet"
    table.write_text(RATINGS)
    events._write_events(table, path)
    made = duckdb.execute(
        "SELECT user_ratings, user_mean, film_ratings, film_mean, film_age, war, liked "
        f"FROM read_parquet('{path}') ORDER BY rated, user_ratings DESC"
    ).fetchall()
    assert made == [
        (0, None, 0, None, -20, False, False),
        (1, 2.0, 0, None, 10, True, True),
        (0, None, 0, None, 10, True, True),
        (0, None, 2, 4.5, 10, True, False),
        (2, 3.5, 1, 2.0, -20, False, False),
    ]


@pytest.mark.parametrize("path", sorted((REPOSITORY / "examples").glob("*/*.yaml")), ids=lambda path: path.parent.name)
def test_every_policy_of_an_example_is_one_that_a_run_can_read(path: Path) -> None:
    policy = yaml.safe_load(path.read_text())
    assert policy["kind"] == "RetrainPolicy"
    assert parse_spec(policy["spec"]).data.time_column is not None
