"""A blackout that the trainer could not read is refused when the policy is edited, not when a run is due."""

from __future__ import annotations

import pytest
from retrain_operator.planning.problem import SpecProblem
from retrain_operator.planning.schedule import check_blackouts


@pytest.mark.parametrize("start", ["0 8 * * 1-5", "*/30 0,12 1 JAN THU", "59 23 31 12 *"])
def test_a_cron_is_read(start: str) -> None:
    check_blackouts(starts=(start,))


@pytest.mark.parametrize(
    ("start", "told"),
    [
        pytest.param("0 24 * * *", "midnight is hour 0", id="hour 24"),
        pytest.param("H 8 * * *", "H has no meaning here", id="a hashed minute"),
        pytest.param("0 8 * *", "field", id="four fields"),
    ],
)
def test_what_is_none_is_named(start: str, told: str) -> None:
    with pytest.raises(SpecProblem) as caught:
        check_blackouts(starts=("0 8 * * *", start))
    assert caught.value.reason == "InvalidSchedule"
    assert caught.value.message.startswith("spec.limits.blackouts[1].start: ")
    assert told in caught.value.message
