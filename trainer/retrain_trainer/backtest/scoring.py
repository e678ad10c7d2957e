"""Marks for models: what a version in force was worth on the rows that came next."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime

from retrain_trainer.backtest.baselines import InForce
from retrain_trainer.backtest.cuts import History
from retrain_trainer.backtest.periods import Period
from retrain_trainer.registry.manifest import Promotion
from retrain_trainer.registry.registry import Champion, Registry
from retrain_trainer.steps.challenge import Incomparable, Problem, problem_of, score_on


@dataclass(slots=True, kw_only=True)
class Scorer:
    """Scores versions on all rows of a history. `until`: labels of later rows are not settled when it ends."""

    history: History
    until: datetime
    _problems: dict[int, Problem] = field(default_factory=dict)

    def score(self, *, model: InForce, period: Period) -> tuple[int, float]:
        """Labelled rows of a period, and the score on them by the very function that scores champions (NaN: none)."""
        settled = min(period.end, self.until - self.history.spec.data.label_delay)
        where = self.history.between(after=period.start, until=settled)
        if not self.history.table.count(where=where):
            return 0, math.nan
        champion = _as_champion(model)
        problem = self._problem(registry=model.registry, champion=champion)
        try:
            score = score_on(problem=problem, champion=champion, where=where)
        except Incomparable:
            return 0, math.nan
        return score.rows, score.value

    def _problem(self, *, registry: Registry, champion: Champion) -> Problem:
        if id(registry) not in self._problems:
            self._problems[id(registry)] = problem_of(
                registry=registry,
                spec=self.history.spec,
                table=self.history.table,
                profile=self.history.profile,
                champion=champion,
            )
        return self._problems[id(registry)]


def _as_champion(model: InForce) -> Champion:
    manifest = model.manifest
    promotion = Promotion(
        number=1,
        version=manifest.version,
        previous_version=None,
        run=manifest.run,
        trigger=manifest.trigger,
        request="",
        time=manifest.trained_time,
    )
    return Champion(promotion=promotion, manifest=manifest)
