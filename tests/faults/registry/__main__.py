"""`python -m tests.faults.registry`: the figures of promise P4, as a table. `--quick` takes about half a minute."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.registry.proof import Size, prove, table
from tests.support.s3 import s3_server

QUICK = Size(twice=False, kills=15, races=64)
FULL = Size(twice=True, kills=1_050, races=1_536)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.registry", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few kills and races, one loss of power a run")
    parser.add_argument("--seed", type=int, default=20130301, help="of the moments of the kills")
    options = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="retrain-faults-") as name, s3_server(folder=Path(name) / "s3") as server:
        os.environ.update(server.environment)
        rows = prove(folder=Path(name), size=QUICK if options.quick else FULL, seed=options.seed)
    print(table(rows))
    print(f"\nseed {options.seed}, {time.monotonic() - begun:.0f} s, {os.cpu_count()} processors")
    for row in rows:
        for one in row.bad[:10]:
            print(f"BAD: {row.what}: {one}", file=sys.stderr)
    return 1 if any(row.bad for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
