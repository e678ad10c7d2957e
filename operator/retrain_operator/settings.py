"""The operator's own settings; settings_reader.py reads them from a file and flags.

Intervals are settings, so that no test waits for minutes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

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
    """File with the certificates (PEM) that it is trusted by, read for each query; None trusts those of the image.

    As long as it cannot be read, those of before hold; where there are none, no query has an answer.
    """

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
    """/healthz fails when the last full list, watch of policies or look at the oldest in the queue is older."""
