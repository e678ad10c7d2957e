"""What goes in and what comes out, byte for byte."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retrain_trainer.contract import (
    ChallengerFacts,
    ChampionFacts,
    DataFacts,
    DriftFacts,
    MirrorFacts,
    Result,
    read_environment,
)
from retrain_trainer.errors import SpecError
from retrain_trainer.message import MAX_MESSAGE_BYTES, earlier_entry, encode, message_body, mirror_entry
from retrain_trainer.registry.registry import Counters

from tests.unit.trainer.run.schema import violations

NOW = datetime(2013, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def environment(**changes: str) -> dict[str, str]:
    return {
        "RETRAIN_POLICY": json.dumps(
            {"name": "flight-delays", "namespace": "team-a", "uid": "uid-1", "generation": 3, "spec": {"data": {}}}
        ),
        "RETRAIN_ACTION": "check",
        "RETRAIN_CAUSE": "Schedule",
        "RETRAIN_REQUEST": "",
        "RETRAIN_RUN_KEY": "uid-1.flight-delays-29384",
        "RETRAIN_JOB_UID": "job-uid",
        "RETRAIN_JOB_NAME": "flight-delays-29384",
        "RETRAIN_SCRATCH": "/scratch",
        **changes,
    }


def result(**changes: Any) -> Result:
    values: dict[str, Any] = {
        "outcome": "Kept",
        "reason": "ThresholdMet",
        "message": "roc_auc 0.7071 is above 0.65",
        "check_time": NOW,
        "metric": "roc_auc",
        "threshold": 0.65,
        "threshold_met": True,
        "score": 0.7071,
        "champion": ChampionFacts(
            version=2,
            uri="pvc://models/team-a/flight-delays/versions/2",
            digest="sha256:" + 64 * "a",
            promotion_time=NOW,
            trained_rows=50009,
            previous_version=1,
            run="uid-1.flight-delays-29383",
        ),
        "challenger": ChallengerFacts(version=3, score=0.71, verdict="NotBetter", reason="NotBetter"),
        "data": DataFacts(valid=True, rows=123),
        **changes,
    }
    return Result(**values)


def body(**changes: Any) -> dict[str, Any]:
    return message_body(
        run=read_environment(environ=environment()),
        result=result(**changes),
        counters=Counters(checks=1, trainings=1, promotions=1),
        earlier=[],
    )


def test_the_environment_is_read_whole() -> None:
    run = read_environment(environ=environment(RETRAIN_MEMORY_LIMIT="2147483648", RETRAIN_CPU_LIMIT="2"))
    assert (run.name, run.namespace, run.uid, run.generation) == ("flight-delays", "team-a", "uid-1", 3)
    assert (run.memory_limit, run.cpu_limit, run.claims) == (2147483648, 2, Path("/mnt/claims"))
    assert run.message == Path("/dev/termination-log")


@given(text=st.text().map(lambda text: text + "$(HOME) $$(PATH) $" + text))
def test_dollar_signs_are_data(text: str) -> None:
    policy = {"name": "p", "namespace": "n", "uid": "u", "generation": 1, "spec": {"data": {"uri": text}}}
    run = read_environment(environ=environment(RETRAIN_POLICY=json.dumps(policy), RETRAIN_REQUEST=text))
    assert run.spec == {"data": {"uri": text}}
    assert run.request == text


@pytest.mark.parametrize(
    "changes, named",
    [
        ({"RETRAIN_POLICY": ""}, "RETRAIN_POLICY is not set"),
        ({"RETRAIN_POLICY": "{"}, "RETRAIN_POLICY is no JSON"),
        ({"RETRAIN_POLICY": "[]"}, "must be a JSON object"),
        ({"RETRAIN_POLICY": "[" * 100_000}, "RETRAIN_POLICY is no JSON"),
        ({"RETRAIN_POLICY": '{"name": "../up", "namespace": "n", "spec": {}}'}, "policy's name"),
        ({"RETRAIN_POLICY": '{"name": "p", "namespace": 3, "spec": {}}'}, "policy's namespace"),
        ({"RETRAIN_POLICY": '{"name": "p", "namespace": "n"}'}, "has no spec"),
        ({"RETRAIN_ACTION": "retrain"}, "RETRAIN_ACTION is 'retrain'; it must be one of check, train"),
        ({"RETRAIN_CAUSE": ""}, "RETRAIN_CAUSE is not set"),
        ({"RETRAIN_RUN_KEY": "../../etc"}, "run key"),
        ({"RETRAIN_MEMORY_LIMIT": "2Gi"}, "RETRAIN_MEMORY_LIMIT is '2Gi'"),
        ({"RETRAIN_CPU_LIMIT": "0"}, "RETRAIN_CPU_LIMIT is '0'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_environment_is_named(changes: dict[str, str], named: str) -> None:
    with pytest.raises(SpecError, match="InvalidRun") as caught:
        read_environment(environ=environment(**changes))
    assert named in caught.value.message


def test_an_ordinary_message_is_not_cut() -> None:
    message = json.loads(encode(body=body()))
    assert message == body()
    assert violations(message) == []
    assert message["checkTime"] == "2013-03-01T12:00:00Z"


def test_an_earlier_run_is_told_in_short() -> None:
    assert earlier_entry(job="job-1", body=body()) == {
        "job": "job-1",
        "outcome": "Kept",
        "time": "2013-03-01T12:00:00Z",
        "score": 0.7071,
        "version": 3,
    }


def test_what_is_cut_first_is_what_the_registry_can_tell_again() -> None:
    full = body(message="m" * 256, data=DataFacts(valid=False, reason="OutOfRange", message="d" * 256, rows=1))
    jobs = [f"{'j' * 60}-{number}" for number in range(5)]
    full["earlier"] = [earlier_entry(job=job, body=full) for job in jobs]
    full["champion"]["uri"] = "pvc://models/" + "x" * 850
    full["run"] = full["champion"]["run"] = "k" * 151
    message = json.loads(encode(body=full))
    assert 0 < len(message["earlier"]) < 5
    assert [entry["job"] for entry in message["earlier"]] == jobs[: len(message["earlier"])]
    assert message["message"] == "m" * 256
    full["request"] = "r" * 100
    full["message"] = "😀" * 220
    message = json.loads(encode(body=full))
    assert message["earlier"] == []
    assert message["data"]["message"].endswith("…")
    assert message["message"] == "😀" * 220


_TEXT = st.text(max_size=3000) | st.text(alphabet='"\\\x00\n😀é\ud800', max_size=3000)
_FLOAT = st.floats() | st.none()


@given(
    texts=st.lists(_TEXT, min_size=12, max_size=12),
    floats=st.lists(_FLOAT, min_size=4, max_size=4),
    earlier=st.lists(_TEXT, max_size=8),
    none=st.booleans(),
)
def test_every_message_fits_and_is_valid(
    texts: list[str], floats: list[float | None], earlier: list[str], none: bool
) -> None:
    run = read_environment(environ=environment(RETRAIN_REQUEST=texts[0], RETRAIN_JOB_UID=texts[1] + "x"))
    champion = ChampionFacts(
        version=2**53,
        uri=texts[2],
        digest="sha256:" + 64 * "a",
        promotion_time=NOW,
        trained_rows=10**12,
        previous_version=2**53,
        run=texts[3],
    )
    told = result(
        message=texts[4],
        metric=texts[5],
        reason=texts[6],
        threshold=floats[0],
        score=floats[1],
        accuracy=floats[2],
        champion=None if none else champion,
        challenger=None if none else ChallengerFacts(version=1, score=floats[3], verdict="Better", reason=texts[7]),
        data=DataFacts(valid=False, reason="OutOfRange", message=texts[8], rows=10**15),
        trained_time=NOW,
        waiting=2**53,
        drift=DriftFacts(
            drifted=True, calls=True, share=0.3333, features=10**6, rows=10**9, worst=texts[11], rule="psi"
        ),
    )
    entries = [earlier_entry(job=job, body=body()) for job in earlier]
    mirror = MirrorFacts(target=12 * "a", version=2**53, reason=texts[9], message=texts[10])
    counters = Counters(checks=10**9, trainings=10**9, promotions=10**9)
    whole = message_body(run=run, result=told, counters=counters, earlier=entries)
    data = encode(body={**whole, **mirror_entry(mirror)})
    assert len(data) <= MAX_MESSAGE_BYTES
    assert violations(json.loads(data), reasons=False) == []


@pytest.mark.parametrize("letter", ["a", '"', "é", "😀"])
def test_a_message_of_which_everything_is_at_its_longest_fits_and_its_uri_is_whole(letter: str) -> None:
    long = 2**53
    policy = {"name": "p" * 253, "namespace": "n" * 63, "uid": letter * 99, "generation": long, "spec": {}}
    run = read_environment(
        environ=environment(
            RETRAIN_POLICY=json.dumps(policy),
            RETRAIN_ACTION="rollback",
            RETRAIN_CAUSE="SpecChange",
            RETRAIN_REQUEST=letter * 300,
            RETRAIN_JOB_UID=letter * 100,
            RETRAIN_RUN_KEY="k" * 151,
        )
    )
    number = -1.2345678901234567e-300
    uri = f"pvc://{'r' * 506}/{'n' * 63}/{'p' * 253}/versions/{10**17}"
    told = result(
        outcome="AwaitingApproval",
        trigger="BelowThreshold",
        message=letter * 300,
        metric=letter * 99,
        reason=letter * 99,
        threshold=number,
        threshold_met=False,
        score=number,
        accuracy=number,
        champion=ChampionFacts(
            version=long,
            uri=uri,
            digest="sha256:" + 64 * "a",
            promotion_time=NOW,
            trained_rows=long,
            previous_version=long,
            run="k" * 151,
        ),
        challenger=ChallengerFacts(version=long, score=number, verdict="Inconclusive", reason=letter * 300),
        data=DataFacts(valid=False, reason="R" * 64, message=letter * 300, rows=long),
        trained_time=NOW,
        waiting=long,
        drift=DriftFacts(
            drifted=False, calls=True, share=0.3333, features=long, rows=1, worst=letter * 200, rule="psi"
        ),
    )
    body = message_body(
        run=run, result=told, counters=Counters(checks=long, trainings=long, promotions=long), earlier=[]
    )
    body["earlier"] = 5 * [earlier_entry(job="j" * 63, body=body)]
    mirror = mirror_entry(MirrorFacts(target=12 * "a", version=long, reason="R" * 64, message=letter * 300))

    data = encode(body={**body, **mirror})

    assert len(data) <= MAX_MESSAGE_BYTES
    assert json.loads(data)["champion"]["uri"] == uri
    assert violations(json.loads(data), reasons=False) == []
