"""One policy through time: each check is `run.execute`, on the rows of its moment, in a registry of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from retrain_trainer.backtest.cuts import CLAIM, URI
from retrain_trainer.contract import Action, Cause, Outcome, RunDescription
from retrain_trainer.errors import RunError
from retrain_trainer.registry.manifest import Manifest
from retrain_trainer.registry.registry import Registry
from retrain_trainer.run import execute
from retrain_trainer.spec import PolicySpec, parse_spec
from retrain_trainer.steps.head import open_registry

#: Fields of spec.promotion by which people decide: a replay has nobody to ask.
PEOPLE = ("mode", "approvedVersion", "pinnedVersion")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What one check came to. `champion`: in force after it; `trained`: the version it trained, promoted or not."""

    time: datetime
    outcome: Outcome
    reason: str
    message: str
    trigger: str | None
    rows: int | None
    champion: Manifest | None
    trained: Manifest | None

    @property
    def promoted(self) -> bool:
        """Did its own version come into force?"""
        return self.trained is not None and self.champion is not None and self.trained.run == self.champion.run


class Replay:
    """A policy with a registry that nobody else knows. `base`: names, limits and mounts of the back-test."""

    def __init__(self, *, base: RunDescription, spec: Mapping[str, Any], name: str, rows: Path) -> None:
        self.name = name
        self.raw = replayed_spec(spec)
        self.spec: PolicySpec = parse_spec(self.raw)
        registry = base.scratch / "registries" / name
        self._run = replace(base, spec=self.raw, mounts={CLAIM: rows}, registry=registry, message=None)
        self.registry: Registry = open_registry(run=self._run, spec=self.spec)
        self.error: RunError | None = None
        self._checks = 0

    def check(self, *, now: datetime, action: Action = "check") -> Checked:
        """One run at `now`. A run that reaches no outcome is `Failed`, as it would be; the next one tries again."""
        self._checks += 1
        key = f"{self.name}.{self._checks:05d}"
        cause: Cause = "Request" if action == "train" else "Initial" if self._checks == 1 else "Schedule"
        run = replace(self._run, key=key, job_name=key, action=action, cause=cause)
        try:
            body = execute(run=run, now=now, say=_unheard)
        except RunError as error:
            self.error = error
            body = {"outcome": "Failed", "reason": error.reason, "message": error.message}
        champion = self.registry.champion()
        return Checked(
            time=now,
            outcome=body["outcome"],
            reason=str(body["reason"]),
            message=str(body["message"]),
            trigger=body.get("trigger"),
            rows=(body.get("data") or {}).get("rows"),
            champion=None if champion is None else champion.manifest,
            trained=self.registry.versions.of_run(key=key),
        )


def replayed_spec(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The spec with the rows and the registry of a back-test in place of its own, and without what waits for a person,
    since nobody is there to ask; all else is as it was written.
    """
    promotion = {name: value for name, value in (spec.get("promotion") or {}).items() if name not in PEOPLE}
    return {
        **spec,
        "data": {**spec["data"], "uri": URI},
        "registry": {**spec["registry"], "uri": "pvc://kept"},
        "promotion": promotion,
    }


def _unheard(_line: str) -> None:
    """A back-test tells what a check came to, not how."""
