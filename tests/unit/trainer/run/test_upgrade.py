"""A champion that the previous minor version of scikit-learn wrote, by this very code in an environment of its own.

What loads is scored as ever; what does not (its file holds types that moved) is never loaded, and
`promotion.onIncomparable` decides. One look at it costs a virtual environment, so `make test-full` only.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from retrain_trainer.errors import RegistryDamaged

from tests.unit.trainer.run.builders import Site, spec

pytestmark = pytest.mark.full

REPOSITORY = Path(__file__).parents[4]

#: Still loaded by the next minor version; and the default, whose loss is a type that moved.
LOADABLE = "LogisticRegression"
UNLOADABLE = "HistGradientBoostingClassifier"

TRAIN = """
import sys
from pathlib import Path
from tests.unit.trainer.run.builders import Site
from tests.unit.trainer.run.test_upgrade import policy
site = Site(root=Path(sys.argv[1]))
site.add(days=60)
body = site.run(spec=policy(sys.argv[2]))
assert body["outcome"] == "Promoted", body
"""


def policy(estimator: str, **changes: Any) -> dict[str, Any]:
    quiet = {"newRows": {"enabled": False}}
    return spec(model={"target": "late", "estimator": estimator}, triggers=quiet, **changes)


def versions() -> tuple[str, str]:
    """Of scikit-learn: the minor version before this one, and this one."""
    major, minor, *_ = importlib.metadata.version("scikit-learn").split(".")
    return f"{major}.{int(minor) - 1}", f"{major}.{minor}"


def _others() -> list[str]:
    """What the trainer needs besides scikit-learn, by its own list."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    names = [re.split("[<>=]", line)[0] for line in project["project"]["optional-dependencies"]["trainer"]]
    return [name for name in names if name != "scikit-learn"]


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the previous minor version, and with this one's other libraries."""
    folder = tmp_path_factory.mktemp("previous")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    before, here = versions()
    same = [f"{name}=={importlib.metadata.version(name)}" for name in _others()]
    wanted = [f"scikit-learn>={before},<{here}", *same, "pytest"]
    command = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    subprocess.run(command, check=True)
    return folder / "bin/python"


@pytest.fixture
def upgraded(previous: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Site:
    """A site whose champion the previous version trained and promoted; ten more days of rows have come since."""
    path = os.pathsep.join(str(REPOSITORY / part) for part in ("operator", "trainer", "."))
    subprocess.run(
        [str(previous), "-c", TRAIN, str(tmp_path), request.param],
        check=True,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": path},
    )
    site = Site(root=tmp_path, days=60, runs=1)
    site.add(days=20)
    return site


def libraries(site: Site, version: int) -> str:
    """The minor version of scikit-learn that wrote a version."""
    from retrain_trainer.registry.manifest import Manifest

    name = f"versions/{version}/manifest.json"
    manifest = Manifest.from_bytes(data=(site.registry / name).read_bytes(), name=name)
    return manifest.libraries["scikit-learn"].rpartition(".")[0]


@pytest.mark.parametrize("upgraded", [LOADABLE], indirect=True)
def test_what_loads_is_scored_and_compared(upgraded: Site) -> None:
    assert libraries(upgraded, 1) == versions()[0]
    body = upgraded.run(spec=policy(LOADABLE))
    assert (body["outcome"], body["reason"]) == ("Kept", "ThresholdMet"), body
    assert body["score"] > 0.85
    body = upgraded.run(spec=policy(LOADABLE), action="train", cause="Request")
    assert (body["trigger"], body["challenger"]["reason"] in ("NotSettled", "NotAboveMinImprovement")) == (
        "Requested",
        True,
    ), body
    assert "against the champion's" in body["message"]
    assert libraries(upgraded, 2) == versions()[1]


@pytest.mark.parametrize("upgraded", [LOADABLE], indirect=True)
def test_it_is_not_served(upgraded: Site) -> None:
    from retrain_trainer import load_champion

    with pytest.raises(RegistryDamaged, match="scikit-learn") as refused:
        load_champion(upgraded.registry)
    assert refused.value.reason == "ChampionUnloadable"


@pytest.mark.parametrize("upgraded", [UNLOADABLE], indirect=True)
def test_what_does_not_load_waits_for_a_person(upgraded: Site) -> None:
    body = upgraded.run(spec=policy(UNLOADABLE))
    assert (body["outcome"], body["trigger"], body["reason"]) == ("AwaitingApproval", "NoChampion", "Incomparable"), (
        body
    )
    assert f"made with scikit-learn {versions()[0]}" in body["message"]
    assert (body["champion"]["version"], body["challenger"]["verdict"]) == (1, "Better")
    # While it waits no other is trained, however many rows come.
    upgraded.add(days=3)
    again = upgraded.run(spec=policy(UNLOADABLE))
    assert (again["outcome"], upgraded.versions()) in (("Kept", ["1", "2"]), ("Deferred", ["1", "2"])), again
    upgraded.add(days=10)
    later = upgraded.run(spec=policy(UNLOADABLE))
    assert (later["reason"], upgraded.versions()) == ("AwaitingApproval", ["1", "2"]), later
    approved = upgraded.run(spec=policy(UNLOADABLE), action="approve", cause="Request", request="2")
    assert (approved["outcome"], approved["champion"]["version"]) == ("Approved", 2)


@pytest.mark.parametrize("upgraded", [UNLOADABLE], indirect=True)
def test_what_does_not_load_is_replaced_where_the_policy_says_so(upgraded: Site) -> None:
    willing = policy(UNLOADABLE, promotion={"onIncomparable": "Promote"})
    body = upgraded.run(spec=willing)
    assert (body["outcome"], body["reason"]) == ("Promoted", "ReplacesIncomparable"), body
    assert (body["champion"]["version"], body["champion"]["previousVersion"]) == (2, 1)
    upgraded.add(days=3)
    body = upgraded.run(spec=willing)
    assert (body["outcome"], body["reason"]) == ("Kept", "ThresholdMet"), body


@pytest.mark.parametrize("upgraded", [UNLOADABLE], indirect=True)
def test_nothing_below_the_floor_replaces_it(upgraded: Site) -> None:
    body = upgraded.run(spec=policy(UNLOADABLE, promotion={"onIncomparable": "Promote", "minScore": 0.99}))
    assert (body["outcome"], body["reason"], body["champion"]["version"]) == ("NotPromoted", "BelowMinScore", 1), body


@pytest.mark.parametrize("upgraded", [UNLOADABLE], indirect=True)
def test_a_file_that_was_changed_is_no_upgrade(upgraded: Site) -> None:
    (blob,) = (upgraded.registry / "blobs/sha256").iterdir()
    blob.write_bytes(blob.read_bytes()[:-1] + b"!")
    with pytest.raises(RegistryDamaged) as refused:
        upgraded.run(spec=policy(UNLOADABLE, promotion={"onIncomparable": "Promote"}))
    assert refused.value.reason == "ChampionCorrupt"
