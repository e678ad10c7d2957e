"""Documentation that lags behind fails here."""

from __future__ import annotations

import operator
import re
import runpy
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml
from retrain_operator.api import reasons
from retrain_operator.api.admin import AdminSettings
from retrain_operator.settings import Settings

REPOSITORY = Path(__file__).parents[3]


def _text(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


def test_every_reason_of_the_operator_stands_in_the_docs_with_its_meaning() -> None:
    known = {value for name, value in vars(reasons).items() if name.isupper()}
    told = set(re.findall(r"`([A-Z][A-Za-z]+)`", _text("docs/reasons.md")))

    assert known - told == set()


def test_every_reason_of_a_run_stands_in_the_docs() -> None:
    sources = [path.read_text() for path in (REPOSITORY / "trainer" / "retrain_trainer").rglob("*.py")]
    patterns = (r'\breason="([A-Z][A-Za-z]+)"', r'_refused\(\s*"([A-Z]\w+)"', r'_verdict\(\s*"\w+", "([A-Z]\w+)"')
    given = {word for text in sources for pattern in patterns for word in re.findall(pattern, text)}
    # Why a column is no feature is told in the report of a version, and needs no remedy.
    given -= set(re.findall(r'Exclusion\(name=\w+, reason="(\w+)"', "".join(sources)))
    told = {
        word
        for path in (REPOSITORY / "docs").glob("*.md")
        for word in re.findall(r"`([A-Z][A-Za-z]+)`", path.read_text())
    }
    assert len(given) > 80
    assert given - told == set()


def test_every_setting_stands_in_the_docs_and_nothing_else() -> None:
    known = {item.name for kind in (Settings, AdminSettings) for item in fields(kind)} - {"admin"}
    camel = {re.sub(r"_(\w)", lambda match: match[1].upper(), name) for name in known}
    told = set(re.findall(r"^\| `(\w+)` \|", _text("docs/settings.md"), flags=re.MULTILINE))
    assert told == camel


def _leaves(schema: dict[str, Any], path: str = "") -> set[str]:
    if schema.get("type") == "array":
        return _leaves(schema["items"], f"{path}[]")
    inner = schema.get("properties")
    if not inner:
        return {path}
    return {leaf for name, each in inner.items() for leaf in _leaves(each, f"{path}.{name}" if path else name)}


def test_the_reference_is_the_one_of_the_crd() -> None:
    generate = runpy.run_path(str(REPOSITORY / "docs" / "generate.py"))
    assert _text("docs/reference.md") == generate["reference"](), "run `make docs`"
    assert _text("docs/settings.schema.json") == generate["settings_schema"](), "run `make docs`"


def test_the_folder_operator_does_not_hide_the_standard_library() -> None:
    assert not (REPOSITORY / "operator" / "__init__.py").exists()
    assert not Path(operator.__file__).is_relative_to(REPOSITORY)


def test_no_field_of_the_api_chooses_privileges() -> None:
    crd = _text("crds/retrainpolicies.yaml")
    names = set(re.findall(r"^\s*-?\s*(\w+):", crd, flags=re.MULTILINE)) | set(re.findall(r"\{?(\w+): \{type", crd))
    forbidden = {
        *("securityContext", "hostPath", "command", "args", "hostNetwork", "hostPID", "privileged", "podSpec"),
        *("podTemplate", "capabilities", "envFrom", "volumes", "initContainers", "runAsUser", "hostAliases"),
    }
    assert names & forbidden == set()
    schema = yaml.safe_load(crd)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert not any(leaf.split(".")[-1] == "namespace" for leaf in _leaves(schema))
