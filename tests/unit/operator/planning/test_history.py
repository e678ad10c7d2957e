"""The order of the history."""

from __future__ import annotations

from retrain_operator.api.children import job_view
from retrain_operator.planning.history import history
from retrain_operator.planning.observed import JobEnd
from retrain_operator.planning.runs import finished_run

from tests.builders import NOON, a_job


def test_of_two_runs_that_ended_in_one_second_the_later_one_stands_above() -> None:
    jobs = [job_view(a_job(name=name, end="Complete", ended=NOON)) for name in ("first", "second", "third")]
    runs = [finished_run(job=job, end=JobEnd(), waited=None) for job in jobs]
    together = history(stored={}, runs=runs, limit=10)
    assert [run["job"] for run in together] == ["third", "second", "first"]
    stored = {"runs": history(stored={}, runs=runs[:2], limit=10)}
    assert history(stored=stored, runs=runs[2:], limit=10) == together
