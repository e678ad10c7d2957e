"""How long profile and validation take on a large Parquet file: `python -m bench.validation` (docs/performance.md).

Beside it the floor: DuckDB alone, asked for count, minimum, maximum and distinct values of the same nine columns in one
SELECT, with the same threads and memory. Each measurement is a process of its own, so that its peak memory is its own,
and they take turns, since other work on the machine slows all. No timing is asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

MEMORY = 2 * 2**30
THREADS = 2
NOW = datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS = """
    TIMESTAMP '2025-01-01' + INTERVAL 3 SECOND * range AS happened, hash(range) % 1000 AS hour,
    (hash(range + 1) % 100000) / 1000.0 AS speed, (hash(range + 2) % 100000) / 1000.0 AS load,
    sin(range) AS wind, range % 97 * 0.5 AS temperature,
    'site ' || hash(range + 3) % 50 AS site, 'carrier ' || hash(range + 4) % 12 AS carrier,
    hash(range + 5) % 4 = 0 AS late
"""
RULES: list[dict[str, Any]] = [
    {"name": "hour", "min": 0, "max": 999},
    {"name": "speed", "min": 0, "max": 100, "maxNullFraction": 0.1},
    {"name": "site", "pattern": "site [0-9]+"},
    {"name": "carrier", "allowed": [f"carrier {number}" for number in range(12)]},
]
#: What is measured, and what of the spec's validation it asks for.
KINDS: dict[str, dict[str, Any]] = {
    "DuckDB alone": {},
    "profile and checks without rules": {},
    "and rules for four columns": {"columns": RULES},
    "and repeated rows counted": {"columns": RULES, "maxDuplicateFraction": 0.1},
}


def bare(path: Path, scratch: Path) -> None:
    """The floor."""
    with duckdb.connect(
        config={
            "threads": THREADS,
            "memory_limit": f"{MEMORY // 2}B",
            "temp_directory": str(scratch),
        }
    ) as connection:
        connection.execute("SET enable_progress_bar = false")
        names = [name for name, *_ in connection.execute(f"DESCRIBE SELECT * FROM read_parquet('{path}')").fetchall()]
        asked = ", ".join(f"count({name}), min({name}), max({name}), approx_count_distinct({name})" for name in names)
        connection.execute(f"SELECT {asked} FROM read_parquet('{path}')").fetchall()


def ours(path: Path, scratch: Path, validation: dict[str, Any]) -> None:
    """Step 2 and 3 of a run: open, profile, validate."""
    from retrain_trainer.data.profile import profile_table
    from retrain_trainer.data.source import open_source
    from retrain_trainer.data.table import open_table
    from retrain_trainer.data.validate import validate
    from retrain_trainer.spec import parse_spec

    spec = parse_spec(
        {
            "data": {"uri": f"pvc://data/{path.name}", "timeColumn": "happened"},
            "model": {"target": "late"},
            "validation": validation,
            "registry": {"uri": "pvc://models"},
        }
    )
    source = open_source(uri=spec.data.uri, claims={"data": path.parent})
    with open_table(source=source, memory_limit_bytes=MEMORY, threads=THREADS, scratch=scratch) as table:
        profile = profile_table(table=table, spec=spec, now=NOW)
        report = validate(profile=profile, table=table, spec=spec, now=NOW)
        if not report.passed:
            raise SystemExit(report.message)


def measured(kind: str, path: Path) -> dict[str, float]:
    """Seconds (with imports) and peak memory in MiB of one process."""
    code = f"from bench.validation import child; child({kind!r}, {str(path)!r})"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    told: dict[str, float] = json.loads(ended.stdout)
    return told


def child(kind: str, path: str) -> None:
    """One measurement, in this process."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        if kind == "DuckDB alone":
            bare(Path(path), Path(scratch))
        else:
            ours(Path(path), Path(scratch), KINDS[kind])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": time.perf_counter() - start, "MiB": peak}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--times", type=int, default=3, help="the median of so many is shown")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "retrain-bench")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    found: list[dict[str, Any]] = []
    for rows in options.rows:
        path = options.folder / f"rows-{rows}.parquet"
        if not path.exists():
            duckdb.sql(f"COPY (SELECT {COLUMNS} FROM range({rows})) TO '{path}.new' (FORMAT parquet)")
            Path(f"{path}.new").rename(path)
        turns: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
        for _ in range(options.times):
            for kind in KINDS:
                turns[kind].append(measured(kind, path))
        floor = statistics.median(turn["seconds"] for turn in turns["DuckDB alone"])
        for kind, each in turns.items():
            seconds = statistics.median(turn["seconds"] for turn in each)
            peak = max(turn["MiB"] for turn in each)
            found.append({"rows": rows, "kind": kind, "seconds": seconds, "MiB": peak, "ratio": seconds / floor})
    print(f"{'rows':>12}  {'what':34}  {'seconds':>8}  {'of floor':>8}  {'peak MiB':>8}")
    for row in found:
        line = f"{row['rows']:>12,}  {row['kind']:34}  {row['seconds']:>8.2f}  {row['ratio']:>8.2f}  {row['MiB']:>8.0f}"
        print(line)
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / "validation.json").write_text(
        json.dumps({"cores": os.cpu_count(), "duckdb": duckdb.__version__, "rows": found}, indent=1)
    )


if __name__ == "__main__":
    main()
