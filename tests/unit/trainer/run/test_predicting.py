"""What cannot be trained or cannot predict: whose fault it is said to be, and that the champion stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from retrain_trainer.errors import SpecError

from tests.unit.trainer.run.builders import Site, rows, spec, write_csv

FOREST = spec(model={"target": "late", "estimator": "RandomForestClassifier", "parameters": {"n_estimators": 5}})
LINEAR = spec(model={"target": "late", "estimator": "LogisticRegression"})


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(root=tmp_path)
    made.add(days=40)
    return made


def add_with_a_huge_value(site: Site) -> None:
    """Fourteen days, one value above what trees of scikit-learn take (3.4e38, the largest of 32 bits)."""
    made = rows(first_day=site.days, days=14)
    made[500][2] = "1e39"
    write_csv(site.root / f"rows/in/from-{site.days:04d}.csv", made)
    site.days += 14


def test_a_challenger_that_cannot_predict_the_holdout_fails_as_training_does(site: Site) -> None:
    near = {"target": "late", "estimator": "RadiusNeighborsClassifier", "parameters": {"radius": 0.2}}
    with pytest.raises(SpecError, match="RadiusNeighborsClassifier was fitted, and it cannot predict") as caught:
        site.run(spec=spec(model=near))
    assert (caught.value.reason, site.versions()) == ("TrainingFailed", [])


def test_a_champion_that_cannot_predict_the_newest_rows_is_not_compared(site: Site) -> None:
    assert site.run(spec=FOREST)["outcome"] == "Promoted"
    add_with_a_huge_value(site)
    body = site.run(spec=LINEAR)
    assert (body["outcome"], body["reason"]) == ("AwaitingApproval", "Incomparable"), body
    assert "it cannot predict" in body["message"]
    assert body["champion"]["version"] == 1


@pytest.mark.parametrize("chosen", [pytest.param(LINEAR, id="linear"), pytest.param(spec(), id="the default")])
def test_a_rare_class_that_came_only_of_late_is_a_matter_of_the_data(tmp_path: Path, chosen: dict[str, Any]) -> None:
    site = Site(root=tmp_path, days=60)
    late = [[*row[:4], row[4] if at > 45 * 72 else "false"] for at, row in enumerate(rows(first_day=0, days=60))]
    write_csv(site.root / "rows/in/a.csv", late)
    body = site.run(spec=chosen)
    assert (body["outcome"], body["reason"]) == ("DataRejected", "OneClass"), body
    assert "in all 1,512 training rows" in body["message"]
    assert site.versions() == []
    site.add(days=40)
    assert site.run(spec=chosen)["outcome"] == "Promoted"
