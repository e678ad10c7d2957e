"""What a scrape of /metrics costs: seconds, bytes and how long the event loop stands still, by the number of policies.

make bench-metrics
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import resource
import statistics
import time
from pathlib import Path
from typing import Any

from retrain_operator.api.policy import policy_view
from retrain_operator.api.vocabulary import ConditionType
from retrain_operator.metrics.counts import Counts
from retrain_operator.metrics.page import Moment, Page

RESULTS = Path(__file__).parent / "results"
ROUNDS = 5


def _policy(number: int) -> dict[str, Any]:
    """A policy with a full status: every condition, ten runs, a champion, a challenger, one run under way."""
    run = {
        "action": "check",
        "cause": "Schedule",
        "trigger": "NewRows",
        "startTime": "2026-03-01T00:00:00Z",
        "completionTime": "2026-03-01T00:02:00Z",
        "outcome": "NotPromoted",
        "score": 0.7,
        "version": 4,
    }
    status = {
        "conditions": [{"type": kind, "status": "True"} for kind in ConditionType.__args__],  # type: ignore[attr-defined]
        "metric": "roc_auc",
        "score": 0.7071 + number / 1e6,
        "accuracy": 0.78,
        "threshold": 0.65,
        "modelVersion": 4,
        "promotionTime": "2026-03-01T00:00:00Z",
        "trainedRows": 50009,
        "challenger": {"version": 5, "score": 0.69, "verdict": "NotBetter"},
        "drift": {"share": 0.25, "features": 16},
        "active": [{"job": "a", "action": "check", "cause": "Schedule", "startTime": "2026-03-01T00:00:00Z"}],
        "lastCheckTime": "2026-03-01T00:00:00Z",
        "lastTrainedTime": "2026-03-01T00:00:00Z",
        "nextScheduleTime": "2026-03-08T00:00:00Z",
        "consecutiveFailures": 0,
        "counters": {"checks": 52, "trainings": 5, "promotions": 3, "outcomes": {"Kept": 47, "Promoted": 3}},
        "runs": [{**run, "job": f"policy-{number}-check-{each}"} for each in range(10)],
    }
    metadata = {"name": f"policy-{number:05}", "namespace": f"team-{number % 20}", "uid": str(number)}
    return {"metadata": metadata, "spec": {}, "status": status}


async def _longest_pause(stop: asyncio.Event) -> float:
    longest, before = 0.0, time.perf_counter()
    while not stop.is_set():
        await asyncio.sleep(0.001)
        longest, before = max(longest, time.perf_counter() - before - 0.001), time.perf_counter()
    return longest


async def _measure(count: int) -> dict[str, Any]:
    policies = tuple(policy_view(_policy(number)) for number in range(count))
    seconds, pauses, body = [], [], b""
    for _ in range(ROUNDS):
        # A new one each time: a page is handed out again for a second.
        page = Page(counts=Counts(), moment=lambda: Moment(policies=policies, ready=True))
        stop = asyncio.Event()
        watcher = asyncio.create_task(_longest_pause(stop))
        await asyncio.sleep(0.01)
        began = time.perf_counter()
        body = await page.render(compressed=False)
        seconds.append(time.perf_counter() - began)
        stop.set()
        pauses.append(await watcher)
    packed = gzip.compress(body, 1)
    return {
        "policies": count,
        "series": sum(not line.startswith(b"#") for line in body.splitlines()),
        "seconds": round(statistics.median(seconds), 3),
        "longest_pause_of_the_loop_seconds": round(max(pauses), 3),
        "mib": round(len(body) / 2**20, 2),
        "mib_gzip": round(len(packed) / 2**20, 3),
        # Sizes come in ascending order, so this is the peak of this size.
        "peak_mib_of_the_process": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main() -> None:
    """Prints one line a size and keeps them in bench/results/metrics.json."""
    rows = [asyncio.run(_measure(count)) for count in (0, 100, 1000, 5000)]
    for row in rows:
        print(json.dumps(row))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "metrics.json").write_text(json.dumps({"cores": os.cpu_count(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
