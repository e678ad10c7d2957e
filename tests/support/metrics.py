"""The metrics page of an operator, read as Prometheus reads it."""

from __future__ import annotations

import gzip
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrape:
    """One page: its text and its families."""

    text: str
    families: tuple[Metric, ...]

    def value(self, name: str, labels: Mapping[str, str] | None = None) -> float | None:
        """The one sample of this name whose labels include `labels`; None if there is none."""
        found = list(self._samples(name, labels or {}))
        assert len(found) < 2, f"{name} {labels}: {len(found)} samples"
        return found[0] if found else None

    def total(self, name: str, labels: Mapping[str, str] | None = None) -> float:
        """The sum of all samples of this name whose labels include `labels`."""
        return sum(self._samples(name, labels or {}))

    def series(self, name: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of every sample of this name."""
        found = [sample for family in self.families for sample in family.samples if sample.name == name]
        return [(dict(sample.labels), sample.value) for sample in found]

    def _samples(self, name: str, labels: Mapping[str, str]) -> Iterable[float]:
        for family in self.families:
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    yield sample.value


def scrape(port: int) -> Scrape:
    """GET /metrics, compressed as Prometheus asks for it."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        text = gzip.decompress(answer.read()).decode()
    return Scrape(text=text, families=tuple(text_string_to_metric_families(text)))
