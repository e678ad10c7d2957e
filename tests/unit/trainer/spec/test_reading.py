"""What a person may write by a slip of the pen, or YAML may read into it: each is an error that names the field."""

from __future__ import annotations

from typing import Any

import pytest
from retrain_trainer.errors import SpecError
from retrain_trainer.spec import parse_spec

BASE: dict[str, Any] = {
    "data": {"uri": "pvc://rows/in/*.csv"},
    "model": {"target": "late"},
    "registry": {"uri": "pvc://models"},
}


def model(**changes: Any) -> dict[str, Any]:
    return {"model": {"target": "late", **changes}}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        pytest.param(
            {"validation": {"maxAge": "0d"}}, "spec.validation.maxAge needs spec.data.timeColumn", id="no time"
        ),
        pytest.param({"timeZone": "America"}, "spec.timeZone: 'America' is no IANA time zone", id="a continent"),
        pytest.param({"timeZone": "a" * 300}, "spec.timeZone: 'aaaa", id="a zone of 300 letters"),
        pytest.param({"timeZone": "../etc/passwd"}, "spec.timeZone: ", id="a zone that is a path"),
        pytest.param({"evaluation": {"threshold": float("-inf")}}, "spec.evaluation.threshold: -inf", id="-infinity"),
        pytest.param({"evaluation": {"threshold": float("nan")}}, "spec.evaluation.threshold: nan", id="no number"),
        pytest.param({"evaluation": {"threshold": 10**400}}, "spec.evaluation.threshold: 1000", id="400 digits"),
        pytest.param({"evaluation": {"threshold": 1 << 20000}}, "spec.evaluation.threshold: ", id="6,000 digits"),
        pytest.param({"promotion": {"tolerance": 10**400}}, "spec.promotion.tolerance: 1000", id="400 digits, bounded"),
        pytest.param({"promotion": {"pinnedVersion": 10**300}}, "spec.promotion.pinnedVersion: 1", id="a version"),
        pytest.param({"validation": {"minRows": 1 << 20000}}, "spec.validation.minRows: ", id="rows"),
        pytest.param(model(seed=2**40), "spec.model.seed: 1099511627776", id="a seed that no estimator takes"),
        pytest.param(model(parameters={True: 1, "alpha": 2}), "spec.model.parameters.True: ", id="a key that is true"),
        pytest.param(model(parameters={"C": float("inf")}), "spec.model.parameters.C: inf", id="an infinite parameter"),
        pytest.param(model(parameters={"C": 1 << 20000}), "spec.model.parameters.C: ", id="a giant parameter"),
        pytest.param(model(**{"1": 2, "zz": 3}), "spec.model.1 is not a field", id="two unknown keys"),
        pytest.param({"model": {"target": "late", 1: 2, "zz": 3}}, "spec.model.1 is not a field", id="of two kinds"),
    ],
)
def test_it_is_named_and_not_repeated_at_length(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(SpecError) as refused:
        parse_spec({**BASE, **changes})
    assert refused.value.reason == "InvalidSpec"
    assert refused.value.message.startswith(told)
    assert len(refused.value.message) < 250
