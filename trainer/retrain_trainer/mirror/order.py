"""What the process that talks to MLflow is told, and what it answers: one JSON object each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from retrain_trainer.mirror.versions import Wanted
from retrain_trainer.spec import MLflowSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """policy: `namespace/name`. champion: its version, one of those wanted. page: versions an answer of MLflow has."""

    spec: MLflowSpec
    policy: str
    champion: int
    wanted: Sequence[Wanted]
    page: int = 100

    def to_json(self) -> str:
        """As `from_json` reads it."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Order:
        """What `to_json` made."""
        body: Mapping[str, Any] = json.loads(text)
        return Order(
            **{
                **body,
                "spec": MLflowSpec(**body["spec"]),
                "wanted": tuple(Wanted(**each) for each in body["wanted"]),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`reason` and `message` where the champion could not be given to MLflow. lines: what was done, for the log."""

    reason: str = ""
    message: str = ""
    lines: tuple[str, ...] = ()

    def to_json(self) -> str:
        """As `from_json` reads it."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Answer:
        """What `to_json` made. ValueError, TypeError or KeyError for anything else."""
        body = json.loads(text)
        return Answer(**{**body, "lines": tuple(body["lines"])})
