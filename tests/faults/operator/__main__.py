"""`python -m tests.faults.operator`: faults between the operator and a real API server, as a table."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.operator.proof import FULL, QUICK, recovery, run_proof, table
from tests.faults.operator.server import ready_server


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.operator", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="some faults of each kind")
    options = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="retrain-faults-") as name, ready_server() as server:
        rows = run_proof(server=server, folder=Path(name), size=QUICK if options.quick else FULL)
    median, slowest = recovery(rows)
    print(table(rows))
    print(
        f"\na fault cost {median:.1f} s in the median, {slowest:.1f} s in the 99th percentile (full lists every 0.5 s)"
    )
    print(f"{time.monotonic() - begun:.0f} s, {os.cpu_count()} processors")
    for row in rows:
        for one in row.bad[:20]:
            print(f"BAD: {row.what}: {one}", file=sys.stderr)
        for outcome in row.outcomes:
            if not outcome.fired:
                print(f"NOT FIRED: {row.what}: {outcome.name}", file=sys.stderr)
    return 1 if any(row.bad or row.fired < row.tried for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
