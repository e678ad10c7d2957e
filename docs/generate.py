"""Writes docs/reference.md from the CRD and docs/settings.schema.json (`make docs`); a test fails when they differ."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml
from retrain_operator.api.admin import AdminSettings
from retrain_operator.settings import Settings
from retrain_operator.settings_reader import schema_of

REPOSITORY = Path(__file__).parents[1]

HEAD = """# Reference of the RetrainPolicy API

Written from `crds/retrainpolicies.yaml` by `make docs`; edit there. `retrain.dev/v1alpha1`, kind `RetrainPolicy`, short
name `rtp`. A field is here only when it works. A run refuses durations above 100 years (36525d).

## spec
"""


def _kind(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return "quantity"
    if schema["type"] == "array":
        return f"list of {_kind(schema['items'])}"
    if "additionalProperties" in schema:
        return f"map of {_kind(schema['additionalProperties'])}"
    if schema.get("format") == "date-time":
        return "time"
    return str(schema["type"])


def _bounds(schema: dict[str, Any]) -> str:
    told = []
    if "minimum" in schema or "maximum" in schema:
        told.append(f"{schema.get('minimum', '')} … {schema.get('maximum', '')}".strip())
    if "maxItems" in schema:
        told.append(f"at most {schema['maxItems']}")
    if "maxProperties" in schema:
        told.append(f"at most {schema['maxProperties']}")
    if schema.get("pattern", "").endswith("(s|m|h|d|w)$"):
        told.append("such as 90d (s, m, h, d, w)")
    return "; ".join(told)


def _default(schema: dict[str, Any], *, required: bool) -> str:
    if required:
        return "required"
    default = schema.get("default")
    if default in (None, {}, []):
        return ""
    return f"`{yaml.safe_dump(default, default_flow_style=True).strip().removesuffix('...').strip()}`"


def _rows(schema: dict[str, Any], *, path: str, required: bool = True) -> Iterator[str]:
    inner = schema["items"] if schema.get("type") == "array" else schema
    place = f"{path}[]" if schema.get("type") == "array" and "properties" in inner else path
    cells = [f"`{path}`", _kind(schema), _default(schema, required=required), _bounds(schema)]
    if "." in path:
        yield "| " + " | ".join([*cells, " ".join(str(schema.get("description", "")).split())]) + " |"
    for name, each in inner.get("properties", {}).items():
        yield from _rows(each, path=f"{place}.{name}", required=name in inner.get("required", []))


def reference() -> str:
    """The text of docs/reference.md."""
    crd = yaml.safe_load((REPOSITORY / "crds" / "retrainpolicies.yaml").read_text(encoding="utf-8"))
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    table = "\n| field | type | default | bounds | meaning |\n|---|---|---|---|---|\n"
    spec = "\n".join(_rows(schema["spec"], path="spec"))
    status = "\n".join(_rows(schema["status"], path="status", required=False))
    return f"{HEAD}{table}{spec}\n\n## status\n{table}{status}\n"


def settings_schema() -> str:
    """The text of docs/settings.schema.json: types and bounds from the reader, words from the dataclasses."""
    defaults, told = Settings(), {}
    for kind, values in ((AdminSettings, defaults.admin), (Settings, defaults)):
        words = _words(kind)
        for item in fields(kind):
            if item.name != "admin":
                key = re.sub(r"_(\w)", lambda match: match[1].upper(), item.name)
                default = getattr(values, item.name)
                told[key] = {"description": words[item.name], **schema_of(key), "default": default}
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of retrain-operator",
        "type": "object",
        "properties": told,
        "additionalProperties": False,
    }
    return json.dumps(schema, indent=2) + "\n"


def _words(kind: type) -> dict[str, str]:
    """The text that stands below each field."""
    [body] = [node for node in ast.walk(ast.parse(inspect.getsource(kind))) if isinstance(node, ast.ClassDef)]
    found = {}
    for field, text in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
            found[field.target.id] = " ".join(str(ast.literal_eval(text.value)).split())
    return found


if __name__ == "__main__":
    (REPOSITORY / "docs" / "settings.schema.json").write_text(settings_schema(), encoding="utf-8")
    (REPOSITORY / "docs" / "reference.md").write_text(reference(), encoding="utf-8")
