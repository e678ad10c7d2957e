"""What is remembered between looks is about Jobs that exist and about this generation."""

from __future__ import annotations

from datetime import timedelta

from retrain_operator.memory import PolicyMemory
from retrain_operator.planning.observed import Cause, JobEnd, Publication, Publish

from tests.builders import NOON

CAUSE = Cause(reason="RefusedByAPI", message="no")


def test_an_edit_clears_a_refusal() -> None:
    memory = PolicyMemory(refused=CAUSE, refused_generation=2)
    assert memory.refusal(generation=2) == CAUSE
    assert memory.refusal(generation=3) is None


def test_a_clock_that_was_set_back_makes_nobody_contest_the_cronjob() -> None:
    memory = PolicyMemory(repairs=[NOON + timedelta(minutes=each) for each in range(5)])
    assert memory.is_contested(now=NOON + timedelta(minutes=5))
    assert not memory.is_contested(now=NOON - timedelta(hours=3))


def test_jobs_that_are_gone_are_forgotten() -> None:
    memory = PolicyMemory(ends={"a": JobEnd(), "b": JobEnd()}, looks={"b": 1}, waiting={"c": CAUSE})
    memory.keep_jobs({"a"})
    assert (set(memory.ends), memory.looks, memory.waiting) == ({"a"}, {}, {})


def _publication(problem: Cause | None, *, version: int = 1) -> Publication:
    publish = Publish(target="configMap", policy="p", name="champion", version=version, body={})
    return Publication(publish=publish, problem=problem)


def test_a_place_that_refuses_is_asked_again_later_and_later() -> None:
    memory, now, waits = PolicyMemory(), NOON, []
    for _ in range(4):
        memory.note_publication(_publication(CAUSE), now=now, wait=lambda times: 10.0 * times)
        again = memory.ask_again(now=now)
        assert again is not None
        assert "configMap" in memory.publications
        assert memory.ask_again(now=again - timedelta(seconds=1)) == again
        assert "configMap" in memory.publications
        waits.append((again - now).total_seconds())
        now = again
        assert memory.ask_again(now=now) is None
        assert "configMap" not in memory.publications
    assert waits == [10, 20, 30, 40]


def test_another_version_and_a_success_begin_anew() -> None:
    memory = PolicyMemory()
    for version in (1, 1, 2):
        memory.note_publication(_publication(CAUSE, version=version), now=NOON, wait=lambda times: 10.0 * times)
    assert memory.ask_again(now=NOON) == NOON + timedelta(seconds=10)
    memory.note_publication(_publication(None, version=2), now=NOON, wait=lambda times: 10.0 * times)
    assert memory.ask_again(now=NOON + timedelta(days=1)) is None
    assert memory.publications["configMap"].problem is None
