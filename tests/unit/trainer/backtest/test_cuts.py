"""No check sees a row, or a label, of its future."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from retrain_trainer.backtest.cuts import Cuts, open_history
from retrain_trainer.errors import DataUnavailable, RunError, SpecError
from retrain_trainer.spec import parse_spec

from tests.unit.trainer.run.builders import START, Site, spec, write_csv

DAYS = 12
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Twelve days of rows."""
    made = Site(root=tmp_path_factory.mktemp("site"))
    made.add(days=DAYS)
    return made


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    hours=st.lists(st.integers(1, 24 * DAYS), min_size=1, max_size=6, unique=True).map(sorted),
    delay=st.sampled_from([0, 5, 48, 400]),
)
def test_a_cut_holds_every_row_of_its_past_and_labels_that_are_old_enough(
    site: Site, tmp_path_factory: pytest.TempPathFactory, hours: list[int], delay: int
) -> None:
    data = {**spec()["data"], "labelDelay": f"{delay}h"}
    run = site.description(spec=spec(data=data), scratch=tmp_path_factory.mktemp("scratch"))
    with open_history(run=run, spec=parse_spec(run.spec), now=site.now, threads=1) as history:
        cuts = Cuts(history=history, folder=run.scratch / "rows")
        for hour in hours:
            now = START + hour * HOUR
            cuts.advance(now=now)
            seen, expected = (
                duckdb.execute(
                    f"SELECT CAST(time AS TIMESTAMP) AS time, speed, {label} AS late FROM {rows} "
                    f"WHERE CAST(time AS TIMESTAMP) <= '{now:%F %T}' OR {whole} ORDER BY ALL"
                ).fetchall()
                for rows, label, whole in (
                    (f"read_parquet('{cuts.folder}/*.parquet')", "late", "true"),
                    (
                        f"read_csv('{site.root}/rows/in/*.csv')",
                        f"CASE WHEN CAST(time AS TIMESTAMP) <= '{now - delay * HOUR:%F %T}' THEN late END",
                        "false",
                    ),
                )
            )
            assert seen == expected


@pytest.mark.parametrize(
    "data, error, named",
    [
        ({"timeColumn": None, "window": None, "holdout": {}}, SpecError, "spec.data.timeColumn names no column"),
        ({"timeColumn": "when"}, SpecError, "the time column 'when' is no column of the data"),
        ({"timeColumn": "site"}, SpecError, "rows hold no time"),
        ({"uri": "pvc://rows/none/*.csv"}, DataUnavailable, "no file matches"),
        ({"uri": "pvc://rows/one/*.csv"}, DataUnavailable, "no past to replay"),
    ],
    ids=["no time column", "not in the data", "not a time", "no file", "one row"],
)
def test_data_without_a_past_are_explained(
    site: Site, tmp_path: Path, data: dict[str, object], error: type[RunError], named: str
) -> None:
    write_csv(site.root / "rows/one/row.csv", [[START.isoformat(), "1", "1", "A", "true"]])
    asked = {key: value for key, value in {**spec()["data"], **data}.items() if value is not None}
    run = site.description(spec=spec(data=asked), scratch=tmp_path)
    with (
        pytest.raises(error, match=named),
        open_history(run=run, spec=parse_spec(run.spec), now=datetime.now(UTC), threads=1),
    ):
        pass
