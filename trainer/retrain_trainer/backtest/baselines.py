"""What a policy is held against: *never* keeps the first model for good, *always* takes a new one at every check.

Both come from the runs of the policy itself: *never* is its first version, and *always* is what a run gives that is
asked to train, whatever its gate says of it. Where the policy trained at the same check, that very version is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from retrain_trainer.backtest.replay import Checked, Replay
from retrain_trainer.contract import RunDescription
from retrain_trainer.registry.manifest import Manifest
from retrain_trainer.registry.registry import Registry

#: Sections of a spec that hold training back or keep a version waiting: *always* knows nothing of the kind.
_HELD_BACK_BY = ("limits", "triggers")


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """A version and the registry that holds its model."""

    registry: Registry
    manifest: Manifest


class Always:
    """A new model at every check from the first one on, without a gate."""

    def __init__(self, *, base: RunDescription, spec: Mapping[str, Any], policy: Replay, rows: Path) -> None:
        free = {name: section for name, section in spec.items() if name not in _HELD_BACK_BY}
        self._replay = Replay(base=base, spec=free, name="always", rows=rows)
        self._policy = policy
        self.in_force: InForce | None = None
        self.seconds = 0.0
        self.trainings = 0

    def check(self, *, now: datetime, checked: Checked) -> None:
        """After the policy's own check `checked` at the same moment."""
        if checked.champion is None:
            return  # nothing to compare with before the first model
        if checked.trained is not None:
            made: InForce | None = InForce(registry=self._policy.registry, manifest=checked.trained)
        else:
            trained = self._replay.check(now=now, action="train").trained
            made = None if trained is None else InForce(registry=self._replay.registry, manifest=trained)
        if made is not None:  # data that was rejected trains nobody
            self.in_force = made
            self.trainings += 1
            self.seconds += made.manifest.seconds
