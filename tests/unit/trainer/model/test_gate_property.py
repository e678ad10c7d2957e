"""No version is promoted without passing every part of the gate: 10,000 random comparisons, seen by another eye (P5).

`promoted` below says again, in one line a part, what docs/gate.md promises. It shares no code with the gate.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
from retrain_trainer.model.compare import Comparison, Guard
from retrain_trainer.model.gate import judge
from retrain_trainer.model.intervals import Interval
from retrain_trainer.spec import PromotionSpec

INPUTS = 10_000


def an_interval(draw: np.random.Generator, *, shift: float = 0.0) -> Interval:
    """Mostly sound; sometimes without a bound."""
    middle, reach = draw.normal(shift, 0.1), abs(draw.normal(0, 0.1))
    problem = draw.choice(np.array(["TooFewUnits", "TooFewRows", "Undefined"])) if draw.random() < 0.05 else None
    low, high = (-math.inf, math.inf) if problem else (middle - reach, middle + reach)
    estimate = math.nan if problem == "Undefined" else middle
    return Interval(
        estimate=estimate,
        low=low,
        high=high,
        standard_error=reach,
        confidence=0.95,
        units=28,
        rows=900,
        problem=problem,
    )


def a_guard(draw: np.random.Generator) -> Guard:
    score = math.nan if draw.random() < 0.05 else draw.normal(0.7, 0.2)
    return Guard(
        name="f1",
        bound=0.5,
        at_least=bool(draw.random() < 0.8),
        score=score,
        rows=int(draw.integers(50, 900)),
        min_rows=60,
        difference=an_interval(draw) if draw.random() < 0.7 else None,
        of_slice=bool(draw.random() < 0.5),
    )


def an_input(draw: np.random.Generator) -> tuple[Comparison, PromotionSpec, float | None, int]:
    compared, greater = bool(draw.random() < 0.7), bool(draw.random() < 0.5)
    difference = an_interval(draw, shift=0.1) if compared else None
    non_inferior = bool(draw.random() < 0.3)
    promotion = PromotionSpec(
        rule="NonInferior" if non_inferior else "Superior",
        tolerance=abs(draw.normal(0, 0.1)) if non_inferior else None,
        min_improvement=0.0 if non_inferior or draw.random() < 0.5 else abs(draw.normal(0, 0.05)),
        min_score=draw.normal(0.5, 0.2) if draw.random() < 0.5 else None,
        on_incomparable="Promote" if draw.random() < 0.5 else "Approve",
    )
    found = Comparison(
        metric="roc_auc",
        greater_is_better=greater,
        challenger=draw.normal(0.7, 0.2),
        champion=draw.normal(0.7, 0.2) if compared else None,
        constant=0.5,
        difference=difference,
        skill=an_interval(draw, shift=0.2),
        unit="day",
        same=compared and bool(draw.random() < 0.05),
        rarest=("yes", int(draw.integers(0, 400))) if draw.random() < 0.8 else None,
        guards=tuple(a_guard(draw) for _ in range(draw.integers(0, 3))),
        suspicion="too good" if draw.random() < 0.1 else "",
        incomparable="" if compared or draw.random() < 0.5 else "another target",
    )
    return found, promotion, draw.normal(0.5, 0.2) if draw.random() < 0.5 else None, int(draw.choice([0, 30]))


def kept(guard: Guard) -> bool:
    """A bound with enough rows, on its side, or shown on at least five days not to be clearly worse."""
    side = guard.score >= guard.bound if guard.at_least else guard.score <= guard.bound
    like = guard.difference is not None and guard.difference.problem is None and guard.difference.high >= 0
    return guard.rows >= guard.min_rows and not math.isnan(guard.score) and (side or like)


def promoted(found: Comparison, promotion: PromotionSpec, threshold: float | None, min_per_class: int) -> bool:
    floor = threshold if promotion.min_score is None else promotion.min_score
    reached = floor is None or (found.challenger >= floor if found.greater_is_better else found.challenger <= floor)
    goal = promotion.min_improvement if promotion.tolerance is None else -promotion.tolerance
    parts = [
        found.rarest is None or found.rarest[1] >= min_per_class,
        all(kept(guard) for guard in found.guards),
        not found.suspicion,
        not found.incomparable or promotion.on_incomparable == "Promote",
        not found.same,
        found.skill.estimate > 0,
        (found.difference is None and found.skill.problem is None and found.skill.low > 0 and reached)
        or (found.difference is not None and found.difference.problem is None and found.difference.low > goal),
    ]
    return all(parts)


def broken(found: Comparison) -> dict[str, Comparison]:
    """The same comparison with one part after the other broken."""
    bad = an_interval(np.random.default_rng(0), shift=-9.0)
    none = replace(bad, low=-math.inf, high=math.inf, problem="TooFewUnits")
    guard = Guard(name="f1", bound=0.5, at_least=True, score=0.1, rows=900, min_rows=9, difference=None, of_slice=False)
    compared = found.difference is not None
    changes: dict[str, dict[str, Any]] = {
        "a rare class": {"rarest": ("yes", -1)},
        "no skill": {"skill": replace(bad, problem=None)},
        "a worse challenger": {"difference": replace(bad, problem=None)},
        "four days": {"difference": none},
        "a guardrail": {"guards": (*found.guards, guard)},
        "a slice": {"guards": (replace(guard, of_slice=True), *found.guards)},
        "an open guardrail": {"guards": (*found.guards, replace(guard, score=math.nan))},
        "a leak": {"suspicion": "too good"},
        "the same model": {"same": compared},
    }
    return {
        name: replace(found, **change)
        for name, change in changes.items()
        if compared or name not in ("the same model", "a worse challenger", "four days")
    }


def test_no_version_is_promoted_without_passing_every_part() -> None:
    draw, seen, stopped = np.random.default_rng(20130101), Counter[str](), Counter[str]()
    for _ in range(INPUTS):
        found, promotion, threshold, min_per_class = an_input(draw)
        judged = judge(comparison=found, promotion=promotion, threshold=threshold, min_per_class=min_per_class)
        passes = judged.verdict == "Better" and not judged.held
        assert passes == promoted(found, promotion, threshold, min_per_class), (found, promotion, judged)
        assert judged.verdict == "Better" or not judged.held
        assert 0 < len(judged.message) <= 256
        seen[judged.reason] += 1
        if passes:
            for name, worse in broken(found).items():
                again = judge(comparison=worse, promotion=promotion, threshold=threshold, min_per_class=min_per_class)
                assert again.verdict != "Better" or again.held, (name, again)
                stopped[name] += 1
    # Every reason occurred, and every part has stopped a version that had passed: the property was tried, not skipped.
    assert len(seen) == 19, seen
    assert min(stopped.values()) >= 100, stopped
    assert len(stopped) == 9, stopped
