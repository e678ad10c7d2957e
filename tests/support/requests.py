"""How many requests reached the API server, by its own metrics."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from tests.support.kubectl import Kubectl

_SAMPLE = re.compile(r"^apiserver_request_total\{(?P<labels>[^}]*)\} (?P<value>[0-9.e+]+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_KINDS = ("cronjobs", "jobs", "retrainpolicies", "configmaps", "inferenceservices")
_WRITTEN = ("cronjobs", "jobs", "retrainpolicies/status", "configmaps", "inferenceservices")
_WRITES = ("POST", "PUT", "PATCH", "APPLY", "DELETE")


@dataclass(slots=True)
class WriteCounter:
    """Counts requests since `reset`, on a server that nobody else uses."""

    kubectl: Kubectl
    _base: Counter[str] = field(default_factory=Counter)

    def reset(self) -> None:
        """Counts from now on."""
        self._base = self._read()

    def by_resource(self) -> dict[str, int]:
        """Writes to what the operator writes: children, statuses, publications. Tests write other things."""
        now = self._read()
        now.subtract(self._base)
        return {
            name: count
            for name, count in now.items()
            if count > 0 and name.split()[0] in _WRITTEN and name.split()[1] in _WRITES
        }

    def lists(self) -> int:
        """Full lists of policies so far."""
        return self._read()["retrainpolicies LIST"]

    def _read(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for sample in _SAMPLE.finditer(self.kubectl("get", "--raw", "/metrics")):
            labels = dict(_LABEL.findall(sample["labels"]))
            if labels["resource"] in _KINDS and labels["verb"] in (*_WRITES, "LIST"):
                verb = "PATCH" if labels["verb"] == "APPLY" else labels["verb"]
                sub = f"/{labels['subresource']}" if labels["subresource"] else ""
                counts[f"{labels['resource']}{sub} {verb}"] += int(float(sample["value"]))
        return counts
