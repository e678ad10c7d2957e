"""Settings from one YAML file (a ConfigMap), every key checked, flags on top; and what each takes, as JSON Schema."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import yaml

from retrain_operator.api.admin import AdminSettings
from retrain_operator.settings import Settings, SettingsError


def _known(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {_camel(item.name): (item.name, hints[item.name]) for item in fields(kind) if item.name != "admin"}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def read_settings(text: str, *, base: Settings | None = None, flags: Sequence[str] = ()) -> Settings:
    """Settings from YAML with camelCase keys; keys of both groups stand side by side. `flags` go on top.

    Raises:
        SettingsError: unknown keys, wrong types or values, or no mapping: a line for each.
    """
    base = base or Settings()
    try:
        document = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise SettingsError(f"the settings are not YAML: {error}") from None
    if not isinstance(document, Mapping):
        raise SettingsError("the settings must be a mapping such as {resyncSeconds: 600}")
    document = {**document, **_flags(flags)}
    own, admin = _known(Settings), _known(AdminSettings)
    chosen: dict[str, Any] = {item.name: getattr(base, item.name) for item in fields(Settings)}
    shaping: dict[str, Any] = {item.name: getattr(base.admin, item.name) for item in fields(AdminSettings)}
    problems, wrong = [], set()
    for key, value in document.items():
        group, name, hint = (chosen, *own[key]) if key in own else (shaping, *admin.get(key, ("", None)))
        try:
            if not name:
                raise SettingsError(_unknown(key, known=sorted(own | admin)))
            group[name] = _typed(key=key, value=value, hint=hint)
        except SettingsError as problem:
            problems.append(str(problem))
            wrong.add(name)
    problems += _together(chosen, but=wrong)
    if problems:
        raise SettingsError("\n".join(problems))
    return Settings(**{**chosen, "admin": AdminSettings(**shaping)})


def _together(chosen: Mapping[str, Any], *, but: set[str]) -> list[str]:
    """What is wrong between settings that are each right; `but`: those that are not."""
    problems = []
    lease = ("lease_retry_seconds", "lease_deadline_seconds", "lease_seconds")
    retry, deadline, seconds = (chosen[name] for name in lease)
    if not but & set(lease) and not retry < deadline < seconds:
        problems.append("leaseRetrySeconds must be below leaseDeadlineSeconds, and that below leaseSeconds")
    lists = ("resync_seconds", "stuck_seconds")
    if not but & set(lists) and chosen["stuck_seconds"] < 2 * chosen["resync_seconds"]:
        problems.append("stuckSeconds must be at least twice resyncSeconds: after so long without a list it restarts")
    hook = ("webhook_port", "webhook_token_file")
    if not but & set(hook) and chosen["webhook_port"] is not None and chosen["webhook_token_file"] is None:
        problems.append("webhookTokenFile is required where webhookPort is set: anybody could start runs without")
    return problems


def _unknown(key: object, *, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(_camel(str(key)), known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"the settings are: {', '.join(known)}"
    return f"{key!r} is not a setting; {hint}"


def load_settings(path: Path | None, *, flags: Sequence[str] = ()) -> Settings:
    """Settings from a file, or the defaults where `path` is None; `flags` such as `workers=4` go on top.

    Raises:
        SettingsError: as read_settings does, also for a file that cannot be read and a flag without `=`.
    """
    return read_settings("" if path is None else _text(path), flags=flags)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: is not UTF-8 text") from None


def _flags(flags: Sequence[str]) -> dict[str, Any]:
    found = {}
    for flag in flags:
        key, equals, value = flag.partition("=")
        if not equals:
            raise SettingsError(f"--set {flag}: write a setting and its value, such as --set workers=4")
        try:
            found[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise SettingsError(f"--set {flag}: the value is not YAML") from None
    return found


def schema_of(key: str) -> dict[str, Any]:
    """What a key takes, as JSON Schema. Raises KeyError for what is no setting."""
    _, hint = (_known(Settings) | _known(AdminSettings))[key]
    return _schema(key, hint)


def keys() -> list[str]:
    """Every setting, those that shape plans first."""
    return [*_known(AdminSettings), *_known(Settings)]


def _schema(key: str, hint: Any) -> dict[str, Any]:
    if isinstance(hint, UnionType):
        inner = _schema(key, get_args(hint)[0])
        return {**inner, "type": [inner["type"], "null"]}
    if get_origin(hint) is Literal:
        return {"type": "string", "enum": list(get_args(hint))}
    if get_args(hint):
        bounds = {"minItems": 1} if key == "waitingLooksSeconds" else {}
        return {"type": "array", "items": _schema(key, get_args(hint)[0]), **bounds}
    if hint is str:
        return {"type": "string", "pattern": _PATTERNS.get(key, r"\S")}
    if hint is bool:
        return {"type": "boolean"}
    low, high = _BOUNDS.get(key, (0, 2**31 - 1) if hint is int else (0.001, 366 * 86400))
    return {"type": "integer" if hint is int else "number", "minimum": low, "maximum": high}


#: What a number must lie within, ends included; the rest: whole numbers from 0, seconds from a millisecond to a year.
_BOUNDS: dict[str, tuple[float, float]] = {
    "workers": (1, 1000),
    "prometheusQueries": (1, 1000),
    "waitingLooksSeconds": (1, 366 * 86400),
    "healthPort": (0, 65535),
    "metricsPort": (0, 65535),
    "webhookPort": (0, 65535),
}

_LABEL_KEY = r"[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?"
_LABEL_VALUE = r"([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?"
_REQUIREMENT = (
    rf" *(! *{_LABEL_KEY}|{_LABEL_KEY}( *(=|==|!=) *{_LABEL_VALUE}"
    rf"| +(in|notin) *\( *{_LABEL_VALUE}( *, *{_LABEL_VALUE})* *\))?) *"
)

#: What a text must match; the rest: not empty.
_PATTERNS = {
    "selector": rf"^({_REQUIREMENT}(,{_REQUIREMENT})*)?$",
    "prometheusUrl": r"^(https?://\S+)?$",
    "namespaces": r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
    "scratchSize": r"^[0-9]+(\.[0-9]+)?([kMGTPE]|[KMGTPE]i)?$",
}

_WANTED = {
    "workers": "a whole number, 1 or more",
    "prometheusQueries": "a whole number, 1 or more",
    "waitingLooksSeconds": "one age or more, each of 1 s or more",
    "prometheusUrl": "http://... or https://...",
    "selector": "a label selector such as team=a,tier!=test or tier in (a, b)",
    "namespaces": "a list of names of namespaces",
    "scratchSize": "a size such as 2Gi",
}


def _typed(*, key: str, value: Any, hint: Any) -> Any:
    if not _fits(value, _schema(key, hint)):
        raise SettingsError(f"{key}: {value!r} is not valid; write {_WANTED.get(key) or _wanted(_schema(key, hint))}")
    if isinstance(value, list):
        return tuple(value)
    return float(value) if _schema(key, hint)["type"] == "number" else value


def _fits(value: Any, schema: Mapping[str, Any]) -> bool:
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if value is None or isinstance(value, bool):
        return ("null" if value is None else "boolean") in kinds
    if isinstance(value, str):
        text = "string" in kinds and re.search(schema.get("pattern", ""), value) is not None
        return text and value in schema.get("enum", [value])
    if isinstance(value, list):
        return (
            "array" in kinds
            and len(value) >= schema.get("minItems", 0)
            and all(_fits(each, schema["items"]) for each in value)
        )
    if isinstance(value, int | float):
        whole = isinstance(value, int) and "integer" in kinds
        return (whole or "number" in kinds) and schema["minimum"] <= value <= schema["maximum"]
    return False


def _wanted(schema: Mapping[str, Any]) -> str:
    kind = schema["type"][0] if isinstance(schema["type"], list) else schema["type"]
    if "enum" in schema:
        return " or ".join(schema["enum"])
    if kind == "array":
        return f"a list, each {_wanted(schema['items'])}"
    bounds = f"from {schema.get('minimum'):,} to {schema.get('maximum'):,}" if "minimum" in schema else ""
    words = {"string": "a text", "boolean": "true or false", "integer": "a whole number", "number": "a number"}[kind]
    return f"{words} {bounds}".strip()
