"""The dashboard as a document; that its queries return data is shown with a real Prometheus (tests/control_plane)."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

DASHBOARD: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "manifests" / "monitoring" / "dashboard.json").read_text()
)


def _cells(panel: dict[str, Any]) -> set[tuple[int, int]]:
    place = panel["gridPos"]
    across = range(place["x"], place["x"] + place["w"])
    return set(itertools.product(across, range(place["y"], place["y"] + place["h"])))


def test_panels_stand_beside_each_other_and_inside_the_page() -> None:
    for one, other in itertools.combinations(DASHBOARD["panels"], 2):
        assert one["id"] != other["id"]
        assert not _cells(one) & _cells(other), (one["title"], other["title"])
    assert {x for panel in DASHBOARD["panels"] for x, _ in _cells(panel)} == set(range(24))


def test_every_query_goes_to_the_data_source_that_is_chosen() -> None:
    targets = [target for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
    chosen = [each for each in DASHBOARD["templating"]["list"] if each["type"] == "query"]
    assert {each["datasource"]["uid"] for each in [*targets, *chosen]} == {"${datasource}"}


def test_policies_are_narrowed_by_the_variables() -> None:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            asked = target["expr"].count("retrain_policy_")
            assert target["expr"].count('namespace=~"$namespace",policy=~"$policy"') == asked, target["expr"]
