"""What calls for training, what holds it back, and what takes a version back, as people see it in the status."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tests.pods.test_main_job import SPEC, ask, wait_for_outcome, wait_for_runs
from tests.support.claims import Claims
from tests.support.data import HEADER, csv, days_ago, rows
from tests.support.kubectl import Kubectl
from tests.support.policies import a_policy, condition

Policy = dict[str, Any]


def policy(name: str, *, folder: str = "", threshold: float | None = None, **sections: Any) -> Policy:
    """Reads `data/<folder>`, by default its own; no threshold unless one is given."""
    evaluation = {"metric": "roc_auc"} | ({} if threshold is None else {"threshold": threshold})
    data = {"uri": f"pvc://data/{folder or name}/*.csv", "timeColumn": "happened", "window": "20d"}
    return a_policy(name, **{**SPEC, "data": data, "evaluation": evaluation, **sections})


def newest(found: Policy) -> dict[str, Any]:
    """The newest line of the history."""
    line: dict[str, Any] = found["status"]["runs"][0]
    return line


def test_drift_limits_probation_and_observe(kubectl: Kubectl, claims: Claims) -> None:
    first = csv(rows(start=days_ago(110), days=60))
    for folder in ("drift", "watched"):
        claims.write(f"data/{folder}/a.csv", first)
    kubectl.apply(
        policy("told", folder="drift", triggers={"newRows": {"enabled": False}}),
        policy("drifting", folder="drift", triggers={"drift": {}}),
        policy("watched", threshold=0.7, promotion={"probation": {"checks": 3}}),
        policy("held", folder="watched", threshold=0.7, limits={"cooldown": "30d"}),
        policy("seen", folder="watched", threshold=0.7, promotion={"mode": "Observe"}),
    )
    for name in ("told", "drifting", "watched", "held"):
        wait_for_outcome(kubectl, "Promoted", runs=1, name=name)

    # Observe promotes nothing, not even a first version, until a person does.
    found = wait_for_outcome(kubectl, "Observed", runs=1, name="seen")
    assert (condition(found, "ModelAvailable")["status"], found["status"]["challenger"]["version"]) == ("False", 1)
    assert condition(found, "Ready")["status"] == "True"
    ask(kubectl, "approve", "1", name="seen")
    assert wait_for_outcome(kubectl, "Approved", runs=2, name="seen")["status"]["modelVersion"] == 1

    # The features move away, and the relation of the others turns.
    claims.write("data/drift/b.csv", csv(rows(start=days_ago(30), days=29, moved=True)))
    claims.write("data/watched/b.csv", csv(rows(start=days_ago(50), days=40, turned=True)))
    for name in ("told", "drifting", "watched", "held", "seen"):
        ask(kubectl, "check", "b", name=name)

    # Drift is told by every policy, and calls for training only where it is named.
    found = wait_for_outcome(kubectl, "Kept", runs=2, name="told")
    drifted = condition(found, "Drifted")
    assert (drifted["status"], drifted["reason"]) == ("True", "FeaturesDrifted")
    assert "50% of 4 features have drifted" in drifted["message"]
    assert "distance (PSI" in drifted["message"]
    found = wait_for_outcome(kubectl, "Promoted", runs=2, name="drifting")
    assert (newest(found)["trigger"], found["status"]["modelVersion"]) == ("Drift", 2)
    assert condition(found, "Drifted")["status"] == "False", "the new champion has seen these rows"

    # A limit defers training and says until when; the score goes on; a person goes before it.
    found = wait_for_outcome(kubectl, "Deferred", runs=2, name="held")
    assert (newest(found)["trigger"], newest(found)["reason"]) == ("BelowThreshold", "Cooldown")
    assert "limits.cooldown ends at 20" in newest(found)["message"]
    assert found["status"]["score"] < 0.7
    assert condition(found, "AccuracyMet")["status"] == "False"
    ask(kubectl, "train", "now", name="held")
    found = wait_for_outcome(kubectl, "Promoted", runs=3, name="held")
    assert (newest(found)["trigger"], found["status"]["modelVersion"]) == ("Requested", 2)

    # Observe trains and judges, and leaves the champion alone.
    found = wait_for_outcome(kubectl, "Observed", runs=3, name="seen")
    challenger = found["status"]["challenger"]
    assert (found["status"]["modelVersion"], challenger["version"], challenger["verdict"]) == (1, 2, "Better")

    # A version whose time is over at once is taken back on probation, and stays away.
    wait_for_outcome(kubectl, "Promoted", runs=2, name="watched")
    claims.write("data/watched/c.csv", csv(rows(start=days_ago(10), days=9)))
    claims.remove("data/drift/b.csv")
    claims.write("data/drift/c.csv", csv(rows(start=days_ago(30), days=29, seed=2)))
    ask(kubectl, "check", "c", name="watched")
    ask(kubectl, "check", "c", name="told")
    found = wait_for_outcome(kubectl, "RolledBack", runs=3, name="watched")
    assert newest(found)["reason"] == "ProbationFailed"
    assert "version 2 is clearly worse than version 1" in newest(found)["message"]
    assert (found["status"]["modelVersion"], found["status"]["previousVersion"]) == (1, 2)
    ask(kubectl, "check", "d", name="watched")
    found = wait_for_outcome(kubectl, "Deferred", runs=4, name="watched")
    assert (newest(found)["trigger"], newest(found)["reason"]) == ("NewRows", "HoldoutNotFresh"), newest(found)
    assert (found["status"]["modelVersion"], condition(found, "AccuracyMet")["status"]) == (1, "True")

    # Drift is over when the newest rows are like those that the champion knows.
    found = wait_for_outcome(kubectl, "Kept", runs=3, name="told")
    assert condition(found, "Drifted")["status"] == "False"


def with_column(name: str, lines: list[str], value: Any) -> str:
    """A CSV with one more column in front of the label; `value` makes it of number and label of a row."""
    head, label = HEADER.rsplit(",", 1)
    body = [line.rsplit(",", 1) for line in lines]
    more = [f"{rest},{value(number, late)},{late}" for number, (rest, late) in enumerate(body)]
    return "\n".join([f"{head},{name},{label}", *more]) + "\n"


def test_a_leak_waits_for_a_person_and_chance_is_no_model(kubectl: Kubectl, claims: Claims) -> None:
    lines = rows(start=days_ago(60), days=59)
    claims.write("data/leaky/a.csv", with_column("refund", lines, lambda number, late: 20 if late == "yes" else 0))
    source = Random(7)
    drawn = [f"{line.rsplit(',', 1)[0]},{source.choice(('yes', 'no'))}" for line in lines]
    claims.write("data/chance/a.csv", csv(drawn))
    kubectl.apply(policy("leaky"), policy("chance"))
    found = wait_for_outcome(kubectl, "AwaitingApproval", runs=1, name="leaky")
    leak = condition(found, "LeakSuspected")
    assert (leak["status"], "'refund' alone has roc_auc 1" in leak["message"]) == ("True", True), leak
    assert condition(found, "ApprovalRequired")["status"] == "True"
    assert "modelVersion" not in found["status"]

    found = wait_for_outcome(kubectl, "NotPromoted", runs=1, name="chance")
    assert newest(found)["reason"] == "NoSkill"
    assert condition(found, "NoSkill")["status"] == "True"
    assert condition(found, "ModelAvailable")["status"] == "False"
    assert condition(found, "Ready")["status"] == "True"


@pytest.mark.full
def test_rows_age_and_habit_call_for_training(kubectl: Kubectl, claims: Claims) -> None:
    """The triggers that look at no score. Better or not is the gate's to say; here it is what called."""
    claims.write("data/rows/a.csv", csv(rows(start=days_ago(80), days=60)))
    off = {"newRows": {"enabled": False}}
    wanted = {"new": ("NewRows", {"newRows": {"count": 600}}), "aged": ("MaxAge", {**off, "maxAge": {"age": "1s"}})}
    wanted["always"] = ("Always", {**off, "always": {}})
    kubectl.apply(*(policy(name, folder="rows", triggers=triggers) for name, (_, triggers) in wanted.items()))
    for name in wanted:
        wait_for_outcome(kubectl, "Promoted", runs=1, name=name)
    claims.write("data/rows/b.csv", csv(rows(start=days_ago(20), days=19)))
    for name, (trigger, _) in wanted.items():
        ask(kubectl, "check", "b", name=name)
        line = newest(wait_for_runs(kubectl, runs=2, name=name))
        assert (line["trigger"], line["version"]) == (trigger, 2), line
