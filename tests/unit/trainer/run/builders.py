"""A folder of rows whose relation may shift, a policy on it, and runs of that policy."""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from retrain_trainer.contract import RunDescription, describe
from retrain_trainer.run import execute

START = datetime(2013, 1, 1, tzinfo=UTC)
ROWS_A_DAY = 72
HEADER = ("time", "speed", "load", "site", "late")
Relation = Literal["usual", "reversed", "noise"]


def rows(*, first_day: int, days: int, relation: Relation = "usual") -> list[list[object]]:
    """Rows of some days since START: `late` follows `speed`, its opposite, or nothing. The same days: the same rows."""
    made: list[list[object]] = []
    for day in range(first_day, first_day + days):
        draw = random.Random(day)
        for index in range(ROWS_A_DAY):
            speed, load = draw.gauss(0, 1), draw.gauss(0, 1)
            signal = {"usual": speed, "reversed": -speed, "noise": 0.0}[relation]
            late = signal + 0.6 * draw.gauss(0, 1) > 0
            time = START + timedelta(days=day, minutes=20 * index)
            made.append(
                [time.isoformat(), f"{speed:.4f}", f"{load:.4f}", draw.choice("ABC"), "true" if late else "false"]
            )
    return made


def write_csv(path: Path, made: list[list[object]], *, header: tuple[str, ...] = HEADER) -> None:
    """One CSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(made)


def model(**changes: Any) -> dict[str, Any]:
    """A small model of `late`."""
    return {"target": "late", "parameters": {"max_iter": 20}, **changes}


def spec(**changes: Any) -> dict[str, Any]:
    """A policy's spec; `changes` replace whole sections."""
    return {
        "schedule": "0 0 * * 0",
        "data": {"uri": "pvc://rows/in/*.csv", "timeColumn": "time", "window": "21d", "holdout": {"window": "14d"}},
        "model": model(),
        "evaluation": {"metric": "roc_auc", "threshold": 0.75},
        "registry": {"uri": "pvc://models/kept"},
        **changes,
    }


@dataclass
class Site:
    """Claims in a folder: `rows` holds data, `models` the registry. The clock stands a day after the newest row."""

    root: Path
    days: int = 0
    uid: str = "uid-1"
    generation: int = 1
    runs: int = 0
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for claim in ("rows", "models"):
            (self.root / claim).mkdir(parents=True, exist_ok=True)

    @property
    def now(self) -> datetime:
        return START + timedelta(days=self.days)

    @property
    def registry(self) -> Path:
        return self.root / "models/kept/team/delays"

    def add(self, *, days: int, relation: Relation = "usual") -> None:
        """Newer rows arrive, in a file of their own."""
        made = rows(first_day=self.days, days=days, relation=relation)
        write_csv(self.root / f"rows/in/from-{self.days:04d}.csv", made)
        self.days += days

    def description(self, *, key: str | None = None, **changes: Any) -> RunDescription:
        self.runs += 1
        job = f"delays-{self.runs:04d}"
        run: dict[str, Any] = {
            "action": "check",
            "cause": "Schedule",
            "request": "",
            "job_uid": f"job-uid-{self.runs}",
            "job_name": job,
            "memory_limit": None,
            "cpu_limit": 1,
            "scratch": self.root / "scratch",
            "claims": self.root,
            "message": None,
            "spec": spec(),
            **changes,
        }
        policy = {
            "name": "delays",
            "namespace": "team",
            "uid": self.uid,
            "generation": self.generation,
            "spec": run.pop("spec"),
        }
        (self.root / "scratch").mkdir(exist_ok=True)
        return describe(policy=policy, key=key or f"{self.uid}.{job}", **run)

    def run(self, *, key: str | None = None, **changes: Any) -> dict[str, Any]:
        """One run; the message it answers with. Raises RunError as a run does."""
        now = changes.pop("now", self.now)
        self.lines.clear()
        return execute(run=self.description(key=key, **changes), now=now, say=self.lines.append)

    def versions(self) -> list[str]:
        """The numbers that are published."""
        return sorted(path.name for path in self.registry.glob("versions/*") if (path / "manifest.json").exists())
