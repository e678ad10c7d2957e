"""The alert rules, by promtool itself: they can be read, each fires when it should, and each is documented."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.prometheus import promtool

REPOSITORY = Path(__file__).parents[2]
RULES = REPOSITORY / "manifests" / "monitoring" / "rules.yaml"
CASES = Path(__file__).parent / "rules_test.yaml"


def _alerts() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}


def test_promtool_accepts_the_rules() -> None:
    assert f"{len(_alerts())} rules found" in promtool("check", "rules", RULES)


def test_each_alert_fires_when_it_should_and_not_before() -> None:
    cases = yaml.safe_load(CASES.read_text())["tests"]
    fired = {test["alertname"] for case in cases for test in case["alert_rule_test"] if test["exp_alerts"]}
    quiet = {test["alertname"] for case in cases for test in case["alert_rule_test"] if not test["exp_alerts"]}
    assert fired == quiet == set(_alerts())
    promtool("test", "rules", CASES)


@pytest.mark.parametrize(
    ("errors", "answer"),
    [
        pytest.param("0.5x60", [{"labels": "{}", "value": 1}], id="above for half an hour: it is true"),
        pytest.param("0.5x39 0.1 0.5x19", [], id="below once within half an hour: it is not"),
        pytest.param("0.1x60", [], id="below all the time"),
    ],
)
def test_the_query_of_the_docs_that_looks_back_does(errors: str, answer: list[dict[str, Any]], tmp_path: Path) -> None:
    [query] = re.findall(r"`(min_over_time\(.*?)`", (REPOSITORY / "docs" / "triggers.md").read_text())
    series = [{"series": 'prediction_error{model="flights"}', "values": errors}]
    asked = [{"expr": query, "eval_time": "59m", "exp_samples": answer}]
    path = tmp_path / "query.yaml"
    path.write_text(yaml.safe_dump({"tests": [{"interval": "1m", "input_series": series, "promql_expr_test": asked}]}))
    promtool("test", "rules", path)


def test_each_alert_stands_in_the_docs_with_its_severity() -> None:
    text = (REPOSITORY / "docs" / "monitoring.md").read_text()
    told = dict(re.findall(r"^\| `(Retrain\w+)` \| (\w+) \|", text, flags=re.MULTILINE))
    assert told == {name: rule["labels"]["severity"] for name, rule in _alerts().items()}


def test_rules_and_dashboard_ask_only_for_metrics_that_exist() -> None:
    text = (REPOSITORY / "docs" / "monitoring.md").read_text()
    known = set(re.findall(r"^\| `(retrain_\w+)` \| \w+ \|", text, flags=re.MULTILINE))
    histograms = re.findall(r"^\| `(retrain_\w+)` \| histogram \|", text, flags=re.MULTILINE)
    known |= {f"{name}_{part}" for name in histograms for part in ("bucket", "count", "sum")}
    dashboard = (REPOSITORY / "manifests" / "monitoring" / "dashboard.json").read_text()
    asked = set(re.findall(r"\bretrain_[a-z_]+", " ".join(rule["expr"] for rule in _alerts().values()) + dashboard))
    assert asked - known == set()
