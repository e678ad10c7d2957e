"""What a person's word comes to, row by row."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retrain_trainer.contract import Action
from retrain_trainer.decide.people import Standing, answer, named_version

#: Version 2 is the champion, 1 was it before, 3 waits.
USUAL = Standing(champion=2, waiting=3, pinned=None, known=True, passed=False, served=False, rejected=False)
WAITS = replace(USUAL, passed=True)
SERVED = replace(USUAL, served=True)


@pytest.mark.parametrize(
    "action, request_, standing, outcome, reason, promotes",
    [
        ("approve", "3", WAITS, "Approved", "ApprovedByRequest", "Approval"),
        ("approve", "3@please", WAITS, "Approved", "ApprovedByRequest", "Approval"),
        ("approve", "4", USUAL, "Approved", "Overruled", "Overrule"),
        ("approve", "4", replace(USUAL, passed=True), "Approved", "ApprovedByRequest", "Approval"),
        ("approve", "4", replace(USUAL, passed=True, rejected=True), "Approved", "Overruled", "Overrule"),
        ("approve", "2", USUAL, "Refused", "AlreadyChampion", None),
        ("approve", "9", replace(USUAL, known=False), "Refused", "UnknownVersion", None),
        ("approve", "the best", USUAL, "Refused", "InvalidRequest", None),
        ("approve", "0", USUAL, "Refused", "InvalidRequest", None),
        ("approve", "", USUAL, "Refused", "InvalidRequest", None),
        ("approve", "3", replace(WAITS, pinned=2), "Refused", "PinnedBySpec", None),
        ("reject", "3", WAITS, "NotPromoted", "Rejected", None),
        ("reject", "4", USUAL, "Refused", "NothingWaiting", None),
        ("reject", "3", replace(USUAL, waiting=None), "Refused", "NothingWaiting", None),
        ("reject", "2", USUAL, "Refused", "NothingWaiting", None),
        ("rollback", "1", SERVED, "RolledBack", "RolledBackByRequest", "Rollback"),
        ("rollback", "1@again", SERVED, "RolledBack", "RolledBackByRequest", "Rollback"),
        ("rollback", "2", SERVED, "Refused", "AlreadyChampion", None),
        ("rollback", "4", USUAL, "Refused", "NeverChampion", None),
        ("rollback", "9", replace(USUAL, known=False), "Refused", "UnknownVersion", None),
        ("rollback", "1", replace(SERVED, pinned=2), "Refused", "PinnedBySpec", None),
        ("pin", "1", SERVED, "Pinned", "PinnedBySpec", "Pin"),
        ("pin", "4", replace(USUAL, pinned=4), "Pinned", "PinnedBySpec", "Pin"),
        ("pin", "2", USUAL, "Pinned", "PinnedBySpec", None),
        ("pin", "9", replace(USUAL, known=False), "Refused", "UnknownVersion", None),
        ("pin", "", USUAL, "Pinned", "Unpinned", None),
        ("approve", "3", replace(WAITS, lacking="given up"), "Refused", "VersionUnusable", None),
        ("rollback", "1", replace(SERVED, lacking="given up"), "Refused", "VersionUnusable", None),
        ("pin", "1", replace(SERVED, lacking="given up"), "Refused", "VersionUnusable", None),
        ("reject", "3", replace(WAITS, lacking="given up"), "NotPromoted", "Rejected", None),
        ("approve", "3", replace(WAITS, handled="run-1"), "Refused", "AlreadyHandled", None),
        ("rollback", "1", replace(SERVED, handled="run-1"), "Refused", "AlreadyHandled", None),
        ("pin", "1", replace(SERVED, handled="run-1"), "Pinned", "PinnedBySpec", "Pin"),
    ],
)
def test_the_answer(
    action: Action, request_: str, standing: Standing, outcome: str, reason: str, promotes: str | None
) -> None:
    found = answer(action=action, request=request_, standing=standing)
    assert (found.outcome, found.reason, found.promotes) == (outcome, reason, promotes)
    assert found.rejects == (reason == "Rejected")


def test_what_is_refused_says_what_to_do() -> None:
    assert "approve it by name" in answer(action="rollback", request="4", standing=USUAL).message
    assert "write its number" in answer(action="approve", request="best", standing=USUAL).message
    assert "pinnedVersion" in answer(action="approve", request="3", standing=replace(WAITS, pinned=2)).message
    assert "version 3 waits" in answer(action="reject", request="4", standing=USUAL).message


@given(
    action=st.sampled_from(["approve", "reject", "rollback", "pin"]),
    request_=st.text(max_size=12) | st.integers(min_value=0, max_value=5).map(str),
    standing=st.builds(
        Standing,
        champion=st.none() | st.integers(min_value=1, max_value=4),
        waiting=st.none() | st.integers(min_value=1, max_value=4),
        pinned=st.none() | st.integers(min_value=1, max_value=4),
        known=st.booleans(),
        passed=st.booleans(),
        served=st.booleans(),
        rejected=st.booleans(),
        lacking=st.sampled_from(["", "given up"]),
        handled=st.sampled_from(["", "run-1"]),
    ),
)
def test_nothing_is_promoted_but_a_known_version_that_was_named_and_is_not_the_champion(
    action: Action, request_: str, standing: Standing
) -> None:
    found = answer(action=action, request=request_, standing=standing)
    if found.promotes is None:
        return
    assert named_version(request_) not in (None, standing.champion)
    assert standing.known
    assert not standing.lacking
    assert action == "pin" or not standing.handled
    approval = "Overrule" if found.reason == "Overruled" else "Approval"
    assert found.promotes == {"approve": approval, "rollback": "Rollback", "pin": "Pin"}[action]
    assert action == "pin" or standing.pinned is None
    if action == "approve" and found.reason != "Overruled":
        assert standing.passed or named_version(request_) == standing.waiting
