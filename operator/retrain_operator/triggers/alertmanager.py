"""What Alertmanager sends to a webhook, checked; and which policies an alert calls.

The format (version 4): https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from retrain_operator.api import raw
from retrain_operator.api.policy import Policy
from retrain_operator.api.times import parse_time


class PayloadError(ValueError):
    """No notification of Alertmanager; the message says what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One alert that fires."""

    labels: Mapping[str, str]
    began: datetime

    @property
    def name(self) -> str:
        """`alertname`, or its labels where it has none."""
        return self.labels.get("alertname") or ", ".join(f"{name}={value}" for name, value in self.labels.items())

    def calls(self, policy: Policy) -> bool:
        """Is the policy in the namespace that the alert names, and does the alert have all the labels it waits for?"""
        wanted = policy.webhook
        if wanted is None or self.labels.get("namespace") != policy.key.namespace:
            return False
        return all(self.labels.get(name) == value for name, value in wanted.items())


def read_notices(content: bytes) -> tuple[Notice, ...]:
    """The alerts of one notification that fire; resolved ones are left out.

    Raises:
        PayloadError: it is not what Alertmanager sends.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise PayloadError("the body is no JSON; Alertmanager sends a JSON object") from None
    if not isinstance(document, Mapping):
        raise PayloadError("the body must be a JSON object as Alertmanager sends it")
    if document.get("version") != "4":
        raise PayloadError(f"version {document.get('version')!r} of the format is not known; Alertmanager sends '4'")
    if not isinstance(document.get("alerts"), list):
        raise PayloadError("alerts: a list is expected")
    return tuple(_notices(raw.items(document["alerts"])))


def _notices(alerts: Iterable[Mapping[str, object]]) -> Iterable[Notice]:
    for number, alert in enumerate(alerts):
        if alert.get("status") != "firing":
            continue
        began = parse_time(alert.get("startsAt"))
        if began is None:
            raise PayloadError(f"alerts[{number}].startsAt: {alert.get('startsAt')!r} is no time")
        labels = {str(name): str(value) for name, value in raw.mapping(alert.get("labels")).items()}
        yield Notice(labels=labels, began=began)
