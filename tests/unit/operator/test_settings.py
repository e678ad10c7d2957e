"""Every setting is checked, and a wrong one is named."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from retrain_operator.cli import main, parser, run_settings
from retrain_operator.settings import Settings, SettingsError
from retrain_operator.settings_reader import keys, load_settings, read_settings

from tests.unit.operator.strategies import JSON_VALUES
from tests.unit.trainer.run.schema import violations

REPOSITORY = Path(__file__).parents[3]
SCHEMA: dict[str, Any] = json.loads((REPOSITORY / "docs" / "settings.schema.json").read_text())


@pytest.mark.parametrize("text", ["", "{}", "# nothing"], ids=["empty", "an empty mapping", "a comment"])
def test_nothing_means_the_defaults(text: str) -> None:
    assert read_settings(text) == Settings()


def test_both_groups_stand_side_by_side() -> None:
    settings = read_settings("resyncSeconds: 30\nnamespaces: [a, b]\ntrainerImage: x:1\nfsGroup: null\n")
    assert (settings.resync_seconds, settings.namespaces) == (30.0, ("a", "b"))
    assert (settings.admin.trainer_image, settings.admin.fs_group) == ("x:1", None)
    assert settings.admin.initial_runs == 20


def test_looks_are_a_list() -> None:
    assert read_settings("waitingLooksSeconds: [1, 5]").admin.waiting_looks_seconds == (1, 5)


def test_a_file_goes_on_top_of_a_base() -> None:
    base = read_settings("workers: 3\ninitialRuns: 5")
    settings = read_settings("workers: 4", base=base)
    assert (settings.workers, settings.admin.initial_runs) == (4, 5)


REFUSED = {
    "a flag as a word": ("leaderElection: maybe", "write true or false"),
    "a lease that ends before its holder gives up": ("leaseSeconds: 5", "leaseDeadlineSeconds"),
    "an unknown key": ("resyncSecond: 1", "'resyncSecond' is not a setting"),
    "the Python name of a key": ("resync_seconds: 1", "resyncSeconds"),
    "a whole group": ("admin: {}", "'admin' is not a setting"),
    "a word that is none of those known": ("logFormat: xml", "write json or text"),
    "a text for a number": ("workers: many", "workers: 'many'"),
    "truth for a number": ("workers: true", "a whole number"),
    "no workers": ("workers: 0", "1 or more"),
    "a negative number": ("initialRuns: -1", "initialRuns"),
    "zero seconds": ("resyncSeconds: 0", "a number from 0.001"),
    "not a number of seconds": ("resyncSeconds: .nan", "a number from 0.001"),
    "for ever": ("resyncSeconds: .inf", "a number from 0.001"),
    "a port that no machine has": ("healthPort: 70000", "a whole number from 0 to 65,535"),
    "no text": ("trainerImage: ''", "a text"),
    "a text for a list": ("namespaces: a", "a list"),
    "a number in a list of texts": ("namespaces: [1]", "a list of names of namespaces"),
    "no name of a namespace": ("namespaces: [Team_A]", "a list of names of namespaces"),
    "no pull policy": ("imagePullPolicy: Allways", "Always or IfNotPresent or Never"),
    "no size": ("scratchSize: lots", "a size such as 2Gi"),
    "a size of another world": ("scratchSize: 2GB", "a size such as 2Gi"),
    "no selector": ("selector: '= ='", "a label selector such as"),
    "a selector that ends too soon": ("selector: 'team in (a'", "a label selector such as"),
    "half a selector": ("selector: 'team=a,'", "a label selector such as"),
    "no looks": ("waitingLooksSeconds: []", "one age or more"),
    "a look at age zero": ("waitingLooksSeconds: [0]", "1 s or more"),
    "a list": ("[1]", "must be a mapping"),
    "full lists too seldom to be healthy": ("resyncSeconds: 1200", "stuckSeconds must be at least twice resyncSeconds"),
    "no YAML": ("{", "not YAML"),
    "null where nothing else will do": ("workers: null", "workers: None"),
}


@pytest.mark.parametrize(("text", "words"), REFUSED.values(), ids=REFUSED)
def test_refused(text: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "selector",
    [
        *("", "team", "!team", "team=a", "team==a", "team!=a", "retrain.dev/team=", "team=a,tier!=test"),
        *("team in (a)", "team notin (a, b),!x", " team = a , tier in ( x,y ) "),
    ],
)
def test_selectors_that_kubernetes_takes_are_taken(selector: str) -> None:
    assert read_settings(f"selector: {selector!r}").selector == selector


@given(JSON_VALUES)
def test_any_value_of_a_key_is_taken_or_refused(value: object) -> None:
    for key in ("workers", "resyncSeconds", "namespaces", "trainerImage", "fsGroup", "waitingLooksSeconds"):
        try:
            read_settings(f"{key}: {value!r}")
        except SettingsError as error:
            words = str(error)
            assert words


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("workers: 2", encoding="utf-8")
    assert load_settings(path).workers == 2
    assert load_settings(None) == Settings()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"missing\.yaml: No such file"):
        load_settings(tmp_path / "missing.yaml")


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "binary.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="UTF-8"):
        load_settings(path)


def test_flags_go_on_top_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("{workers: 2, resyncSeconds: 5}")
    found = load_settings(path, flags=["workers=3", "namespaces=[a, b]", "prometheusUrl=http://prometheus:9090"])
    assert (found.workers, found.resync_seconds, found.namespaces) == (3, 5.0, ("a", "b"))
    assert found.prometheus_url == "http://prometheus:9090"


def chosen(*options: str) -> Settings:
    """The settings of `retrain-operator run` with these options."""
    return run_settings(parser().parse_args(["run", *options]))


def test_options_go_on_top_of_flags(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("{namespaces: [a], selector: team=a}")
    words = ["--settings", str(path), "--set", "namespaces=[b]", "--set", "selector=team=b", "--set", "workers=3"]
    assert chosen(*words).namespaces == ("b",)
    found = chosen(*words, "--namespace", "c", "--namespace", "d", "--selector", "team in (a, b),!x")
    assert (found.namespaces, found.selector, found.workers) == (("c", "d"), "team in (a, b),!x", 3)
    assert chosen(*words, "--selector", "").selector == ""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(["--selector", "= ="], "selector: '= =' is not valid; write a label selector", id="no selector"),
        pytest.param(["--selector", "team=a,"], "selector: 'team=a,' is not valid", id="half a selector"),
        pytest.param(["--selector", '"'], "selector: '\"' is not valid", id="a quotation mark"),
        pytest.param(["--namespace", "Team_A"], "namespaces: ['Team_A'] is not valid", id="no name of a namespace"),
        pytest.param(["--namespace", "a", "--namespace", ""], "namespaces: ['a', ''] is not valid", id="an empty one"),
    ],
)
def test_options_are_checked_as_settings_are(options: list[str], words: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(words)):
        chosen(*options)


def test_a_wrong_option_ends_the_command_with_2_and_a_sentence_for_each() -> None:
    command = [sys.executable, "-m", "retrain_operator", "run", "--selector", "= =", "--namespace", "Team_A"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert [line.split("settings: ")[1].split(":")[0] for line in done.stderr.splitlines()] == [
        "namespaces",
        "selector",
    ]


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("workers", "--set workers: write a setting and its value"),
        ("workers=many", "workers: 'many' is not valid; write a whole number"),
        ("wrokers=2", "'wrokers' is not a setting"),
        ("namespaces=[a", "--set namespaces=[a: the value is not YAML"),
        ("webhookPort=9095", "webhookTokenFile is required"),
        ("prometheusUrl=prometheus:9090", "prometheusUrl: 'prometheus:9090' is not valid; write http"),
        ("prometheusQueries=0", "prometheusQueries: 0 is not valid"),
    ],
)
def test_a_flag_that_cannot_be(flag: str, words: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(words)):
        load_settings(None, flags=[flag])


def test_every_problem_is_told_at_once_with_what_was_meant() -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings("{wrokers: 2, resyncSeconds: 0, trainer_image: a, quite_another: 1, workers: 8, leaseSeconds: 1}")
    lines = str(caught.value).splitlines()
    assert lines[0] == "'wrokers' is not a setting; did you mean workers?"
    assert lines[1].startswith("resyncSeconds: 0 is not valid; write a number from 0.001")
    assert lines[2] == "'trainer_image' is not a setting; did you mean trainerImage?"
    assert lines[3].startswith("'quite_another' is not a setting; the settings are: backoffFirstSeconds")
    assert lines[4].startswith("leaseRetrySeconds must be below")
    assert len(lines) == 5


#: What cannot be set alone: it must fit to another one.
_TOGETHER = {
    *("webhookPort", "leaseSeconds", "leaseDeadlineSeconds", "leaseRetrySeconds", "resyncSeconds", "stuckSeconds"),
}


@given(
    st.sampled_from(sorted(set(keys()) - _TOGETHER)),
    JSON_VALUES,
)
def test_the_published_schema_and_the_reader_agree(key: str, value: object) -> None:
    text = yaml.safe_dump({key: value})  # not JSON, whose 1e-24 is a text in YAML
    said = violations(yaml.safe_load(text), schema=SCHEMA)
    try:
        read_settings(text)
    except SettingsError:
        assert said, (key, value)
    else:
        assert said == [], (key, value)


def test_every_default_is_valid_by_the_schema() -> None:
    assert violations({key: field["default"] for key, field in SCHEMA["properties"].items()}, schema=SCHEMA) == []


@pytest.mark.parametrize("name", ["manifests/parts/settings.yaml", "manifests/namespaced/settings.yaml"])
def test_the_settings_of_the_manifests_are_valid(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-settings", str(REPOSITORY / name)]) == 0
    assert "every setting is valid" in capsys.readouterr().out


def test_the_command_tells_every_problem_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("{wrokers: 2, resyncSeconds: 0}")
    assert main(["check-settings", str(path), "--set", "healthPort=-1"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 3
