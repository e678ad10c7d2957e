"""The operator's own settings: one YAML file (a ConfigMap), every key checked, flags on top.

Intervals are settings, so that no test waits for minutes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import yaml

from retrain_operator import __version__
from retrain_operator.api.admin import AdminSettings
from retrain_operator.logs import LogFormat


class SettingsError(ValueError):
    """A setting that cannot be; the message names it and says what to write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the operator itself runs."""

    admin: AdminSettings = field(default_factory=lambda: AdminSettings(trainer_image=f"retrain-trainer:{__version__}"))
    """What shapes plans."""

    namespaces: tuple[str, ...] = ()
    """Namespaces to watch; none means all of them."""

    selector: str = ""
    """Label selector of the policies to watch; empty means all of them."""

    resync_seconds: float = 600
    """Between two full lists of each kind, which find what the watch missed."""

    inactivity_seconds: float = 90
    """After so much silence a watch is taken for dead and begun anew."""

    backoff_first_seconds: float = 1
    """First wait after an error; doubled each time."""

    backoff_last_seconds: float = 300
    """Longest wait after an error."""

    request_timeout_seconds: float = 30
    """Longest time for one request to the API server."""

    workers: int = 16
    """Policies looked at together."""

    health_port: int = 8080
    """Port of /healthz and /readyz; 0 takes a free one."""

    metrics_port: int | None = None
    """Port of /metrics; None serves it on the health port."""

    prometheus_url: str = ""
    """Prometheus that answers the queries of `triggers.prometheus`; empty: none does."""

    prometheus_token_file: str | None = None
    """File with a bearer token for it, read for each query; None sends none."""

    prometheus_ca_file: str | None = None
    """File with the certificates that it is trusted by; None trusts those of the image."""

    prometheus_timeout_seconds: float = 10
    """Longest time for one query."""

    prometheus_minimum_interval_seconds: float = 30
    """Shortest time between two askings of one query, whatever a policy says."""

    prometheus_queries: int = 8
    """Queries under way at once."""

    webhook_port: int | None = None
    """Port of /alertmanager for `triggers.webhook`; None serves none. It needs `webhookTokenFile`."""

    webhook_token_file: str | None = None
    """File with the bearer token that Alertmanager must send; read for each request."""

    webhook_timeout_seconds: float = 5
    """So long a notification waits for the status to hold it; then Alertmanager is asked to try again."""

    log_format: LogFormat = "text"
    """`json`: one object a line, with namespace, policy, run and action as fields; `text`: for people."""

    leader_election: bool = False
    """Act only while this replica holds the Lease; the manifests switch it on."""

    lease_namespace: str = "retrain-system"
    """Namespace of the Lease."""

    lease_name: str = "retrain-operator"
    """Name of the Lease; operators that share policies between them need one each."""

    lease_seconds: float = 15
    """A Lease that was not renewed for so long is taken by another replica."""

    lease_deadline_seconds: float = 10
    """A leader that could not renew the Lease for so long ends; below `leaseSeconds`."""

    lease_retry_seconds: float = 2
    """Between two looks at the Lease."""

    stuck_seconds: float = 1800
    """/healthz fails when the last full list, or the oldest policy in the queue, is older than this."""


def _known(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {_camel(item.name): (item.name, hints[item.name]) for item in fields(kind) if item.name != "admin"}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def read_settings(text: str, *, base: Settings | None = None, flags: Sequence[str] = ()) -> Settings:
    """Settings from YAML with camelCase keys; keys of both groups stand side by side. `flags` go on top.

    Raises:
        SettingsError: unknown key, wrong type, or no mapping.
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
    for key, value in document.items():
        if key in own:
            name, hint = own[key]
            chosen[name] = _typed(key=key, value=value, hint=hint)
        elif key in admin:
            name, hint = admin[key]
            shaping[name] = _typed(key=key, value=value, hint=hint)
        else:
            raise SettingsError(f"{key!r} is not a setting; the settings are: {', '.join(sorted(own | admin))}")
    if not chosen["lease_retry_seconds"] < chosen["lease_deadline_seconds"] < chosen["lease_seconds"]:
        raise SettingsError("leaseRetrySeconds must be below leaseDeadlineSeconds, and that below leaseSeconds")
    if chosen["webhook_port"] is not None and chosen["webhook_token_file"] is None:
        raise SettingsError("webhookTokenFile is required where webhookPort is set: anybody could start runs without")
    if chosen["prometheus_url"] and not chosen["prometheus_url"].startswith(("http://", "https://")):
        raise SettingsError(
            f"prometheusUrl: {chosen['prometheus_url']!r} is not valid; write http://... or https://..."
        )
    if chosen["prometheus_queries"] < 1:
        raise SettingsError("prometheusQueries: 0 is not valid; write 1 or more")
    if chosen["workers"] < 1:
        raise SettingsError("workers: 0 is not valid; write 1 or more")
    if min(shaping["waiting_looks_seconds"], default=0) < 1:
        raise SettingsError("waitingLooksSeconds: write one age or more, each of 1 s or more")
    return Settings(**{**chosen, "admin": AdminSettings(**shaping)})


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


def _typed(*, key: str, value: Any, hint: Any) -> Any:
    if isinstance(hint, UnionType):
        if value is None:
            return None
        hint = get_args(hint)[0]
    if get_origin(hint) is Literal:
        if value in get_args(hint):
            return value
        raise SettingsError(f"{key}: {value!r} is not valid; write {' or '.join(get_args(hint))}")
    if hint is str and isinstance(value, str) and (value or key in ("selector", "prometheusUrl")):
        return value
    if hint is bool and isinstance(value, bool):
        return value
    if hint is int and isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        return float(value)
    if get_args(hint) and isinstance(value, list):
        inner = get_args(hint)[0]
        return tuple(_typed(key=key, value=item, hint=inner) for item in value)
    wanted = {str: "a text", bool: "true or false", int: "a whole number, 0 or more", float: "a number above 0"}.get(
        hint, "a list"
    )
    raise SettingsError(f"{key}: {value!r} is not valid; write {wanted}")
