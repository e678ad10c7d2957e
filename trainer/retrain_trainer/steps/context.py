"""What every step of a run knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from retrain_trainer.contract import RunDescription
from retrain_trainer.data.profile import Profile
from retrain_trainer.data.split import Split, split
from retrain_trainer.data.table import Table
from retrain_trainer.registry.registry import Champion, Registry
from retrain_trainer.registry.runs import Started
from retrain_trainer.spec import PolicySpec
from retrain_trainer.steps.head import Head


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """digest: of the spec as it was given; `spec` has the champion's task besides. say: takes lines of progress."""

    run: RunDescription
    spec: PolicySpec
    digest: str
    registry: Registry
    started: Started
    head: Head
    now: datetime
    say: Callable[[str], None]

    def split(self, *, table: Table, profile: Profile, champion: Champion | None) -> Split:
        """Rows to train on, rows to compare with this champion on, and rows that give it a new score. `champion`: None
        where there is none, or none that can be compared with.
        """
        metric = self.spec.evaluation.metric or (None if champion is None else champion.manifest.metric)
        return split(
            table=table,
            profile=profile,
            spec=self.spec,
            salt=self.registry.salt(),
            evaluated_until=None if champion is None or metric is None else self.head.evaluated_until(metric=metric),
            champion_trained_until=None if champion is None else champion.manifest.trained_until,
            champion_assignment=None if champion is None else champion.manifest.assignment,
            compared_until=self.head.compared_until,
        )
