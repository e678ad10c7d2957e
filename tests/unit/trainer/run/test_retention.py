"""`registry.keepVersions` in a run: after its result is written, and whatever it came to."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from retrain_trainer.errors import SpecError
from retrain_trainer.registry.registry import Registry
from retrain_trainer.registry.store import DirectoryStore

from tests.unit.trainer.registry.builders import draft, promotion
from tests.unit.trainer.run.builders import Site, spec


def _four_versions(root: Path) -> None:
    """Each promoted in its turn."""
    registry = Registry(store=DirectoryStore(mount=root / "models", prefix="kept/team/delays"))
    for number in range(1, 5):
        run, model = f"run-{number}", f"model {number}".encode()
        registry.versions.publish(draft=draft(run=run, model=model), model=model)
        entry = promotion(number=number, version=number, run=run, previous_version=number - 1 or None)
        assert registry.log.append(promotion=entry)


def test_a_run_gives_old_models_up_and_a_later_one_deletes_them(tmp_path: Path) -> None:
    site = Site(root=tmp_path)
    site.add(days=2)
    _four_versions(tmp_path)
    strict = spec(
        registry={"uri": "pvc://models/kept", "keepVersions": 1}, validation={"minRows": 10**6}
    )  # rejected data: the cheapest outcome
    blobs = site.registry / "blobs/sha256"
    assert site.run(spec=strict)["outcome"] == "DataRejected"
    assert sum(line.startswith("retention:") for line in site.lines) == 2
    assert len(list(blobs.iterdir())) == 4
    site.run(spec=strict, now=site.now + timedelta(hours=2))
    assert sorted(path.read_text() for path in blobs.iterdir()) == ["model 3", "model 4"]
    assert sorted(path.name for path in (site.registry / "tombstones").iterdir()) == [
        "1.done",
        "1.json",
        "2.done",
        "2.json",
    ]


def test_retention_that_cannot_be_leaves_the_outcome_alone(tmp_path: Path) -> None:
    site = Site(root=tmp_path)
    site.add(days=2)
    _four_versions(tmp_path)
    (site.registry / "versions/1/manifest.json").write_text("{")
    strict = spec(registry={"uri": "pvc://models/kept", "keepVersions": 1}, validation={"minRows": 10**6})
    assert site.run(spec=strict)["outcome"] == "DataRejected"
    (line,) = [line for line in site.lines if line.startswith("retention")]
    assert "versions/1/manifest.json" in line


@pytest.mark.parametrize("value", [0, -1, 1.5, "5", True])
def test_a_number_that_cannot_be_is_refused_by_name(tmp_path: Path, value: object) -> None:
    with pytest.raises(SpecError, match=r"spec\.registry\.keepVersions"):
        Site(root=tmp_path).run(spec=spec(registry={"uri": "pvc://models", "keepVersions": value}))
