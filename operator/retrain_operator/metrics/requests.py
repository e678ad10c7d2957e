"""Verb and resource of a request, as Kubernetes names them, from its method and path."""

from __future__ import annotations

from typing import Final

_NAMED: Final = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}

_RESOURCES: Final = (
    "retrainpolicies",
    "retrainpolicies/status",
    "cronjobs",
    "jobs",
    "pods",
    "events",
    "leases",
    "configmaps",
    "inferenceservices",
)


def verb_of(*, method: str, path: str, watch: bool) -> str:
    """`get`, `list`, `watch`, `create`, `update`, `patch` or `delete`."""
    if method != "GET":
        return _NAMED.get(method, "other")
    if watch:
        return "watch"
    return "list" if len(_after_group(path)) == 1 else "get"


def resource_of(path: str) -> str:
    """The plural name with its subresource; `discovery` for what describes the API, `other` for the rest."""
    parts = _after_group(path)
    if not parts:
        return "discovery"
    name = "/".join([parts[0], *parts[2:3]])
    return name if name in _RESOURCES else "other"


def _after_group(path: str) -> list[str]:
    """Plural, name and subresource, as far as the path has them."""
    parts = [part for part in path.split("/") if part]
    parts = parts[2:] if parts[:1] == ["api"] else parts[3:] if parts[:1] == ["apis"] else []
    return parts[2:] if parts[:1] == ["namespaces"] and len(parts) > 2 else parts
