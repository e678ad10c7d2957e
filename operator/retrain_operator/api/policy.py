"""A typed view of one RetrainPolicy: what the operator reads of it. The spec itself goes to the trainer unread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from retrain_operator.api import names, raw
from retrain_operator.api.durations import parse_duration

#: Characters of a request's string that count; an annotation may hold 256 KiB.
MAX_REQUEST_LENGTH = 256


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class PolicyKey:
    """Identifies a policy in queue and cache."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusTrigger:
    """`triggers.prometheus`: what is asked, how often, and for how long it must be true."""

    query: str
    wait: timedelta
    interval: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class MLflow:
    """`publish.mlflow`. target: stands for server, name and alias in the answer of a run."""

    name: str
    alias: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One policy as last seen. `spec` and `status` are the raw mappings of the API."""

    key: PolicyKey
    uid: str
    generation: int
    resource_version: str
    deleting: bool
    requests: Mapping[str, str]
    spec: Mapping[str, Any]
    status: Mapping[str, Any]

    @property
    def schedule(self) -> str | None:
        """Cron schedule as written, or None: requests only."""
        return raw.text(self.spec.get("schedule"))

    @property
    def time_zone(self) -> str:
        """IANA name."""
        return raw.text(self.spec.get("timeZone")) or "Etc/UTC"

    @property
    def suspended(self) -> bool:
        """Schedule and triggers stopped?"""
        return self.spec.get("suspend") is True

    @property
    def starting_deadline_seconds(self) -> int:
        """Seconds within which a missed slot may still run."""
        return raw.integer(self.spec.get("startingDeadlineSeconds")) or 3600

    @property
    def run_history_limit(self) -> int:
        """Entries kept in `status.runs`."""
        return raw.integer(self.spec.get("runHistoryLimit")) or 10

    @property
    def threshold(self) -> float | None:
        """`evaluation.threshold`."""
        return raw.number(raw.at(self.spec, "evaluation", "threshold"))

    @property
    def retrains_on_spec_change(self) -> bool:
        """`triggers.specChange.enabled`."""
        return raw.at(self.spec, "triggers", "specChange", "enabled") is not False

    @property
    def upstream(self) -> str | None:
        """`triggers.upstream.policy`: whose new champion starts a run here; None where it is off."""
        if raw.at(self.spec, "triggers", "upstream", "enabled") is False:
            return None
        return raw.text(raw.at(self.spec, "triggers", "upstream", "policy"))

    @property
    def prometheus(self) -> PrometheusTrigger | None:
        """`triggers.prometheus`; None where it is off."""
        section = raw.mapping(raw.at(self.spec, "triggers", "prometheus"))
        query = raw.text(section.get("query"))
        if query is None or section.get("enabled") is False:
            return None
        interval = parse_duration(section.get("interval"))
        return PrometheusTrigger(
            query=query,
            wait=parse_duration(section.get("for")) or timedelta(0),
            interval=timedelta(minutes=5) if interval is None else interval,
        )

    @property
    def webhook(self) -> Mapping[str, str] | None:
        """`triggers.webhook.matchLabels`; None where it is off."""
        section = raw.mapping(raw.at(self.spec, "triggers", "webhook"))
        wanted = {name: str(value) for name, value in raw.mapping(section.get("matchLabels")).items()}
        return wanted if wanted and section.get("enabled") is not False else None

    def publishes(self, target: str) -> str | None:
        """`publish.<target>.name`: where the champion is published; None where it is not."""
        return raw.text(raw.at(self.spec, "publish", target, "name"))

    @property
    def mlflow(self) -> MLflow | None:
        """`publish.mlflow`: the registered model that runs mirror champions to; None where they do not."""
        section = raw.mapping(raw.at(self.spec, "publish", "mlflow"))
        uri, name = raw.text(section.get("trackingURI")), raw.text(section.get("name"))
        if uri is None or name is None:
            return None
        alias = raw.text(section.get("alias")) or "champion"
        return MLflow(name=name, alias=alias, target=names.mirror_target(uri=uri, name=name, alias=alias))

    @property
    def approved_version(self) -> str | None:
        """`promotion.approvedVersion`, as text."""
        return _text_of(raw.integer(raw.at(self.spec, "promotion", "approvedVersion")))

    @property
    def pinned_version(self) -> str | None:
        """`promotion.pinnedVersion`, as text."""
        return _text_of(raw.integer(raw.at(self.spec, "promotion", "pinnedVersion")))

    @property
    def blackout_starts(self) -> tuple[str, ...]:
        """Cron expressions of `limits.blackouts[].start`, in their order."""
        return tuple(str(item.get("start", "")) for item in raw.items(raw.at(self.spec, "limits", "blackouts")))

    @property
    def data_uri(self) -> str:
        """`data.uri`."""
        return raw.text(raw.at(self.spec, "data", "uri")) or ""

    @property
    def registry_uri(self) -> str:
        """`registry.uri`."""
        return raw.text(raw.at(self.spec, "registry", "uri")) or ""

    @property
    def job(self) -> Mapping[str, Any]:
        """The `job` section."""
        return raw.mapping(self.spec.get("job"))


def _text_of(number: int | None) -> str | None:
    return None if number is None else str(number)


def policy_view(body: Mapping[str, Any]) -> Policy:
    """The view of a RetrainPolicy as the API returns it."""
    metadata = raw.mapping(body.get("metadata"))
    annotations = raw.mapping(metadata.get("annotations"))
    requests = {
        action: raw.cut(text, MAX_REQUEST_LENGTH)
        for action, annotation in names.REQUEST_ANNOTATIONS.items()
        if (text := raw.text(annotations.get(annotation))) is not None
    }
    return Policy(
        key=PolicyKey(namespace=str(metadata.get("namespace", "")), name=str(metadata.get("name", ""))),
        uid=str(metadata.get("uid", "")),
        generation=raw.integer(metadata.get("generation")) or 0,
        resource_version=str(metadata.get("resourceVersion", "")),
        deleting=metadata.get("deletionTimestamp") is not None,
        requests=requests,
        spec=raw.mapping(body.get("spec")),
        status=raw.mapping(body.get("status")),
    )
