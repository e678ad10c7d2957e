"""Which writes may be left aside, and what is told of them."""

from __future__ import annotations

import pytest
from retrain_operator.api.children import cronjob_view
from retrain_operator.kube.client import ApiError
from retrain_operator.obstacles import TOLD_AFTER, is_aside, obstacle
from retrain_operator.planning.observed import CreateJob, MarkRecorded, ReplaceCronJob, Write, WriteStatus

from tests.builders import a_cronjob, a_job


def answer(status: int, message: str = "no") -> ApiError:
    return ApiError(status=status, reason="", message=message)


JOB = CreateJob(body={"kind": "Job", "metadata": {"name": "late-check-1"}})
CRONJOB = ReplaceCronJob(seen=cronjob_view(a_cronjob(name="late")), body={})
MARK = MarkRecorded(namespace="a", name=a_job()["metadata"]["name"], uid="1")
STATUS = WriteStatus(status={}, notes=())


@pytest.mark.parametrize(
    ("write", "error", "aside"),
    [
        pytest.param(JOB, answer(500), True, id="a Job whose webhook is down"),
        pytest.param(CRONJOB, TimeoutError(), True, id="a CronJob whose webhook never answers"),
        pytest.param(JOB, answer(429), False, id="a Job while the API server is busy"),
        pytest.param(JOB, answer(409), False, id="a Job that has changed"),
        pytest.param(MARK, answer(403), True, id="a mark that admission forbids"),
        pytest.param(MARK, answer(422), True, id="a mark that admission refuses"),
        pytest.param(MARK, answer(429), False, id="a mark while the API server is busy"),
        pytest.param(STATUS, answer(500), False, id="a status"),
    ],
)
def test_what_goes_on_without(write: Write, error: Exception, aside: bool) -> None:
    assert is_aside(write=write, error=error, failures=TOLD_AFTER) is aside
    assert not is_aside(write=write, error=error, failures=TOLD_AFTER - 1)


@pytest.mark.parametrize(
    ("write", "error", "told"),
    [
        pytest.param(JOB, answer(500, "webhook: EOF"), "Job late-check-1: webhook: EOF", id="the words of the server"),
        pytest.param(CRONJOB, TimeoutError(), "CronJob late: no answer (TimeoutError)", id="none"),
        pytest.param(
            CRONJOB,
            answer(500, "read tcp 10.0.0.1:50001->10.0.0.9:443: connection reset by peer"),
            "CronJob late: read tcp 10.0.0.9:443: connection reset by peer",
            id="a port that is another one each time is left out",
        ),
    ],
)
def test_what_is_told(write: Write, error: Exception, told: str) -> None:
    assert (obstacle(write=write, error=error).reason, obstacle(write=write, error=error).message) == ("Retrying", told)
