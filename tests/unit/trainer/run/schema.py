"""docs/contract.schema.json, checked with the keywords that it uses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

SCHEMA = json.loads((Path(__file__).parents[4] / "docs/contract.schema.json").read_text())
_KNOWN = {"$schema", "$id", "title", "description", "default", "$defs"}
_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "number": (int, float),
    "integer": int,
}


def violations(message: Any, *, reasons: bool = True, schema: dict[str, Any] = SCHEMA) -> list[str]:
    """What a message has that the schema does not allow. `reasons`: check that reasons are CamelCase constants too."""
    return list(_check(message, schema, "message", reasons))


def _is(value: Any, type_: str) -> bool:
    return isinstance(value, _TYPES[type_]) and (type_ not in ("number", "integer") or not isinstance(value, bool))


def _check(value: Any, schema: dict[str, Any], path: str, reasons: bool) -> Any:
    for keyword, rule in schema.items():
        match keyword:
            case "type":
                if not any(_is(value, type_) for type_ in ([rule] if isinstance(rule, str) else rule)):
                    yield f"{path}: {value!r} is not {rule}"
            case "const":
                if value != rule:
                    yield f"{path}: {value!r} is not {rule!r}"
            case "enum":
                if value not in rule:
                    yield f"{path}: {value!r} is not one of {rule}"
            case "required":
                if isinstance(value, dict):
                    yield from (f"{path}.{name} is missing" for name in rule if name not in value)
            case "properties":
                for name, item in value.items() if isinstance(value, dict) else ():
                    if name in rule:
                        yield from _check(item, rule[name], f"{path}.{name}", reasons)
            case "additionalProperties":
                if isinstance(value, dict):
                    yield from (f"{path}.{name} is unknown" for name in value if name not in schema["properties"])
            case "items":
                for index, item in enumerate(value if isinstance(value, list) else ()):
                    yield from _check(item, rule, f"{path}[{index}]", reasons)
            case "maxItems":
                if isinstance(value, list) and len(value) > rule:
                    yield f"{path}: more than {rule} items"
            case "minItems":
                if isinstance(value, list) and len(value) < rule:
                    yield f"{path}: fewer than {rule} items"
            case "maximum":
                if _is(value, "number") and not value <= rule:
                    yield f"{path}: above {rule}"
            case "maxLength":
                if isinstance(value, str) and len(value) > rule:
                    yield f"{path}: longer than {rule}"
            case "minimum":
                if _is(value, "number") and value < rule:
                    yield f"{path}: below {rule}"
            case "pattern":
                checked = reasons or not path.endswith("reason")
                if checked and isinstance(value, str) and not re.search(rule, value):
                    yield f"{path}: {value!r} does not match {rule}"
            case _:
                assert keyword in _KNOWN, f"the schema uses {keyword}, which this check does not know"
