"""Actions, causes, triggers, verdicts, outcomes: closed sets, the same in operator, trainer and contract."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, get_args

import pytest
from retrain_operator.api import names, vocabulary
from retrain_trainer import contract
from retrain_trainer.model.gate import VerdictName
from retrain_trainer.spec import MLflowSpec

SCHEMA: dict[str, Any] = json.loads((Path(__file__).parents[3] / "docs/contract.schema.json").read_text())


@pytest.mark.parametrize("name", ["Action", "Cause", "Trigger", "Outcome"])
def test_operator_trainer_and_contract_know_the_same_words(name: str) -> None:
    words = get_args(getattr(contract, name))
    assert set(get_args(getattr(vocabulary, name))) == set(words)
    assert set(SCHEMA["properties"][name.lower()]["enum"]) - {None} == set(words)


def test_the_verdicts_are_the_gate_s() -> None:
    assert set(get_args(vocabulary.Verdict)) == set(get_args(VerdictName))


def test_every_annotation_of_a_person_asks_for_an_action() -> None:
    assert set(names.REQUEST_ANNOTATIONS) <= set(get_args(vocabulary.Action))


def test_operator_trainer_and_contract_mean_the_same_place_in_mlflow() -> None:
    place = {"uri": "https://mlflow.example:5000/base", "name": "delays", "alias": "live"}
    told = names.mirror_target(**place)
    assert told == MLflowSpec(tracking_uri=place["uri"], name=place["name"], alias=place["alias"]).target
    assert told == hashlib.sha256("\n".join(place.values()).encode()).hexdigest()[:12]
