"""A registry whose champions are mirrored on a real MLflow server."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from retrain_trainer.contract import MirrorFacts
from retrain_trainer.mirror.level import answered
from retrain_trainer.mirror.mirror import Ask, mirrored
from retrain_trainer.registry.registry import Registry
from retrain_trainer.registry.store import DirectoryStore
from retrain_trainer.spec import MLflowSpec

from tests.support.mlflow import MLflowServer
from tests.unit.trainer.registry.builders import NOW, draft, promotion

POLICY = "team/delays"


@dataclass
class Shelf:
    """A registry without data, and its mirror; `lines` is what the last levelling said."""

    registry: Registry
    server: MLflowServer
    spec: MLflowSpec
    lines: list[str] = field(default_factory=list)
    #: In this process, unless a test is about the other.
    ask: Ask = answered

    def publish(self, *, promote: bool = True) -> int:
        """A next version, the champion at once unless it lost. Its number."""
        count = len(self.registry.versions.numbers()) + 1
        run, model = f"run-{count}", f"model {count}".encode()
        made = self.registry.versions.publish(draft=draft(run=run, model=model), model=model)
        if promote:
            self.promote(made.version)
        return made.version

    def promote(self, version: int) -> None:
        """Make a version the champion, once more perhaps."""
        last = self.registry.log.last()
        before = self.registry.log.entry(number=last).version if last else None
        entry = promotion(number=last + 1, version=version, run=f"run-{version}", previous_version=before)
        assert self.registry.log.append(promotion=entry)

    def give_up(self) -> None:
        """Retention, as if only the newest version counted; models go two hours later."""
        for hours in (0, 2):
            self.registry.retain(keep=1, now=NOW + timedelta(hours=hours), run="run-0")

    def level(self, **changes: Any) -> MirrorFacts:
        """What the end of a run does."""
        self.lines.clear()
        given: dict[str, Any] = {
            "spec": self.spec,
            "policy": POLICY,
            "registry": self.registry,
            "source": lambda version: f"pvc://models/{POLICY}/versions/{version}",
            "say": self.lines.append,
            "ask": self.ask,
            **changes,
        }
        return mirrored(**given)

    def stands(self) -> list[tuple[str, int]]:
        """MLflow's numbers and our versions, as MLflow's own client tells them."""
        found = self.server.client().search_model_versions(f"name='{self.spec.name}'")
        pairs = [(str(each.version), int(each.tags.get("retrain.dev/version", 0))) for each in found]
        return sorted(pairs, key=lambda pair: int(pair[0]))

    def champion(self) -> int:
        """The version whose number bears the alias."""
        found = self.server.client().get_model_version_by_alias(self.spec.name, self.spec.alias)
        return int(found.tags["retrain.dev/version"])


@pytest.fixture
def shelf(mlflow: MLflowServer, tmp_path: Path) -> Shelf:
    """Empty, with a registered model that does not exist yet."""
    return Shelf(
        registry=Registry(store=DirectoryStore(mount=tmp_path, prefix=POLICY)),
        server=mlflow,
        spec=MLflowSpec(tracking_uri=mlflow.uri, name=f"delays-{uuid4().hex[:12]}"),
    )
