"""What is remembered between looks is about Jobs that exist and about this generation."""

from __future__ import annotations

from retrain_operator.memory import PolicyMemory
from retrain_operator.planning.observed import Cause, JobEnd

CAUSE = Cause(reason="RefusedByAPI", message="no")


def test_an_edit_clears_a_refusal() -> None:
    memory = PolicyMemory(refused=CAUSE, refused_generation=2)
    assert memory.refusal(generation=2) == CAUSE
    assert memory.refusal(generation=3) is None


def test_jobs_that_are_gone_are_forgotten() -> None:
    memory = PolicyMemory(ends={"a": JobEnd(), "b": JobEnd()}, looks={"b": 1}, waiting={"c": CAUSE})
    memory.keep_jobs({"a"})
    assert (set(memory.ends), memory.looks, memory.waiting) == ({"a"}, {}, {})
