"""Writes docs/reference.md from the CRD (`make docs`); a test fails when the two differ."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[1]

HEAD = """# Reference of the RetrainPolicy API

Written from `crds/retrainpolicies.yaml` by `make docs`; edit there. `retrain.dev/v1alpha1`, kind `RetrainPolicy`, short
name `rtp`. A field is here only when it works.

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


if __name__ == "__main__":
    (REPOSITORY / "docs" / "reference.md").write_text(reference(), encoding="utf-8")
