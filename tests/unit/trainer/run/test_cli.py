"""The program as a container and as a person start it, in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.trainer.run.builders import Site, rows, spec, write_csv

TRAINER = Path(__file__).parents[4] / "trainer"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Sixty days of rows, no champion yet."""
    made = Site(root=tmp_path)
    made.add(days=60)
    return made


def environment(site: Site, *, key: str = "uid-1.slot", **changes: str) -> dict[str, str]:
    """What the operator gives a container; nothing of ours besides."""
    (site.root / "scratch").mkdir(exist_ok=True)
    policy = {"name": "delays", "namespace": "team", "uid": "uid-1", "generation": 2, "spec": spec()}
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(TRAINER),
        "OMP_NUM_THREADS": "1",
        "RETRAIN_POLICY": json.dumps(policy),
        "RETRAIN_ACTION": "check",
        "RETRAIN_CAUSE": "Initial",
        "RETRAIN_RUN_KEY": key,
        "RETRAIN_JOB_UID": "job-uid",
        "RETRAIN_JOB_NAME": "slot",
        "RETRAIN_SCRATCH": str(site.root / "scratch"),
        "RETRAIN_CLAIMS": str(site.root),
        "RETRAIN_MESSAGE": str(site.root / "message"),
        **changes,
    }


def run(env: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "retrain_trainer", "run", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)


def message(site: Site) -> Any:
    return json.loads((site.root / "message").read_bytes())


def test_a_container_writes_its_message_and_ends_well(site: Site) -> None:
    ended = run(environment(site, RETRAIN_MEMORY_LIMIT=str(2**31), RETRAIN_CPU_LIMIT="1"))
    assert ended.returncode == 0, ended.stderr
    assert (message(site)["outcome"], message(site)["jobUID"]) == ("Promoted", "job-uid")
    assert "gate: Better" in ended.stderr


@pytest.mark.parametrize(
    "policy, code, reason, named",
    [
        ({"data": {"uri": "pvc://rows/no/*.csv"}}, 66, "DataMissing", "in/from-0000.csv"),
        ({"data": {"uri": "pvc://gone/*.csv"}}, 66, "ClaimMissing", "gone"),
        ({"model": {"target": "late", "estimator": "Forest"}}, 64, "UnknownEstimator", "Forest"),
        ({"model": {}}, 64, "InvalidSpec", "spec.model.target"),
    ],
    ids=["no file", "no claim", "no estimator", "no target"],
)
def test_what_cannot_be_done_has_its_own_code_and_a_message_that_names_it(
    site: Site, policy: dict[str, Any], code: int, reason: str, named: str
) -> None:
    text = json.dumps({"name": "delays", "namespace": "team", "uid": "u", "generation": 1, "spec": spec(**policy)})
    ended = run(environment(site, RETRAIN_POLICY=text))
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr
    assert (message(site)["outcome"], message(site)["reason"]) == ("Failed", reason)
    assert named in message(site)["message"]


def test_an_environment_without_description_is_code_64(site: Site) -> None:
    ended = run({"PATH": os.environ["PATH"], "PYTHONPATH": str(TRAINER)})
    assert ended.returncode == 64
    assert "RETRAIN_POLICY is not set" in ended.stderr


def test_a_variable_that_cannot_be_is_named_on_stderr_and_answers_nobody(site: Site) -> None:
    ended = run(environment(site, RETRAIN_ACTION="dance"))
    assert (ended.returncode, (site.root / "message").exists()) == (64, False)
    assert ended.stderr.startswith("InvalidRun: RETRAIN_ACTION is 'dance'")


def test_sigterm_ends_with_143_and_the_same_run_goes_on(site: Site) -> None:
    slow = spec(model={"target": "late", "parameters": {"max_iter": 5000}})
    policy = json.dumps({"name": "delays", "namespace": "team", "uid": "uid-1", "generation": 2, "spec": slow})
    command = [sys.executable, "-P", "-m", "retrain_trainer", "run"]
    with subprocess.Popen(
        command, env=environment(site, RETRAIN_POLICY=policy), stderr=subprocess.PIPE, text=True
    ) as run_:
        assert run_.stderr is not None
        for line in run_.stderr:
            if line.startswith("trigger:"):
                run_.send_signal(signal.SIGTERM)
                break
        assert run_.wait(timeout=60) == 143
    assert site.versions() == []
    assert not (site.root / "message").exists()
    assert run(environment(site)).returncode == 0
    assert message(site)["champion"]["version"] == 1


def test_bad_data_is_refused_before_scikit_learn_is_imported(site: Site) -> None:
    write_csv(site.root / "rows/in/bad.csv", [["2099-01-01T00:00:00+00:00", *rows(first_day=0, days=1)[0][1:]]])
    code = (
        "import sys; from retrain_trainer.cli import main; code = main(['run']); "
        "print(sorted({'sklearn', 'scipy', 'skops', 'yaml'} & set(sys.modules))); sys.exit(code)"
    )
    command = [sys.executable, "-P", "-c", code]
    ended = subprocess.run(command, env=environment(site), capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    assert message(site)["outcome"] == "DataRejected"
    assert ended.stdout.splitlines()[-1] == "[]"


def test_importing_the_package_costs_nothing() -> None:
    code = "import sys, retrain_trainer; print(sorted({'sklearn', 'numpy', 'duckdb'} & set(sys.modules)))"
    command = [sys.executable, "-P", "-c", code]
    ended = subprocess.run(
        command, env={"PYTHONPATH": str(TRAINER)}, capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout.strip() == "[]"


def test_a_person_runs_a_policy_file_on_folders(site: Site) -> None:
    policy = site.root / "policy.yaml"
    policy.write_text(
        yaml.safe_dump({"apiVersion": "retrain.dev/v1alpha1", "kind": "RetrainPolicy", "metadata": {"name": "delays"}})
        + yaml.safe_dump({"spec": spec()})
    )
    arguments = (
        str(policy),
        "--registry",
        str(site.root / "kept"),
        "--mount",
        f"rows={site.root / 'rows'}",
        "--now",
        "2013-03-02T00:00:00Z",
    )
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(TRAINER), "OMP_NUM_THREADS": "1"}
    told = run(env, *arguments)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("Promoted (FirstModel): version 1")
    asked = run(env, *arguments, "-o", "json")
    assert json.loads(asked.stdout)["reason"] == "DataUnchanged"
    assert json.loads(asked.stdout)["champion"]["uri"] == f"{site.root}/kept/default/delays/versions/1"


@pytest.mark.parametrize(
    "text, code, named",
    [
        (None, 66, "cannot be read"),
        ("kind: Deployment", 64, "RetrainPolicy"),
        ("[", 64, "no YAML"),
        ("kind: RetrainPolicy\nmetadata: {name: Upper}", 64, "'Upper'"),
        ("kind: RetrainPolicy\nmetadata: {name: a}", 64, "no spec"),
        ("kind: RetrainPolicy\nspec: {schedule: 2013-13-01}", 64, "no YAML"),
        ("kind: RetrainPolicy\nspec: {model: {seed: " + 5000 * "9" + "}}", 64, "no YAML"),
        ("kind: RetrainPolicy\nspec: {job: {env: [{value: 2013-12-01}]}}", 64, "spec.job.env[0].value: 2013-12-01"),
        ("kind: RetrainPolicy\nspec: {runHistoryLimit: .inf}", 64, "spec.runHistoryLimit: inf"),
        ("kind: RetrainPolicy\nspec: {job: {on: 1}}", 64, "spec.job.True"),
        ("kind: RetrainPolicy\nspec: &all {job: *all}", 64, "holds itself"),
    ],
    ids=[
        *("no file", "another kind", "no YAML", "a bad name", "no spec", "a month 13", "a number of 5,000 digits"),
        *(
            "a date in a field that no run reads",
            "infinity in such a field",
            "a key that YAML reads as true",
            "a circle",
        ),
    ],
)
def test_a_wrong_policy_file_is_explained(tmp_path: Path, text: str | None, code: int, named: str) -> None:
    policy = tmp_path / "policy.yaml"
    if text is not None:
        policy.write_text(text)
    ended = run({"PATH": os.environ["PATH"], "PYTHONPATH": str(TRAINER)}, str(policy))
    assert ended.returncode == code
    assert named in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("keys", [("slot", "slot", "slot"), ("a", "b", "c")], ids=["one run key", "different runs"])
def test_runs_at_the_same_time_agree_on_the_champion(site: Site, keys: tuple[str, ...]) -> None:
    command = [sys.executable, "-P", "-m", "retrain_trainer", "run", "-o", "json"]
    running = []
    for index, key in enumerate(keys):
        (site.root / f"scratch-{index}").mkdir()
        env = environment(site, key=f"uid-1.{key}", RETRAIN_SCRATCH=str(site.root / f"scratch-{index}"))
        env["RETRAIN_MESSAGE"] = str(site.root / f"message-{index}")
        running.append(subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    ended = [(*process.communicate(timeout=180), process.returncode) for process in running]
    assert [code for _, _, code in ended] == [0, 0, 0], [errors for _, errors, _ in ended]
    answers = [json.loads(output) for output, _, _ in ended]
    promoted = {answer["run"] for answer in answers if answer["outcome"] == "Promoted"}
    assert len(promoted) == 1
    assert len(list((site.registry / "promotions").iterdir())) == 1
    assert {answer["champion"]["run"] for answer in answers if answer["champion"]} == promoted
    if len(set(keys)) == 1:
        assert site.versions() == ["1"]
        assert answers[0] == answers[1] == answers[2]


def test_an_answer_that_cannot_be_written_is_said_and_found_again(site: Site) -> None:
    lost = run(environment(site, RETRAIN_MESSAGE=str(site.root / "nowhere/message")))
    assert (lost.returncode, "Traceback" in lost.stderr) == (1, False), lost.stderr
    assert "MessageNotWritten" in lost.stderr
    assert run(environment(site)).returncode == 0
    assert (message(site)["outcome"], site.versions()) == ("Promoted", ["1"])


def test_a_registry_that_cannot_be_made_is_named(site: Site) -> None:
    policy = site.root / "policy.yaml"
    policy.write_text(yaml.safe_dump({"kind": "RetrainPolicy", "metadata": {"name": "delays"}, "spec": spec()}))
    (site.root / "file").write_text("")
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(TRAINER)}
    ended = run(env, str(policy), "--registry", str(site.root / "file/kept"), "--mount", f"rows={site.root / 'rows'}")
    assert (ended.returncode, "Traceback" in ended.stderr) == (66, False), ended.stderr
    assert "file/kept" in ended.stderr
