"""The year of flights, replayed fortnight by fortnight: `python -m examples.flights.backtest`.

The rows are those of the demo (see `months`; CC0). `--policy examples/flights/policy.yaml` replays the policy of the
demo.
"""

from __future__ import annotations

import sys
from pathlib import Path

from examples.backtests import run
from examples.flights.months import flights_by_month
from examples.packages import cache


def load() -> Path:
    """A folder with `incoming/2013-<month>.csv`, made once."""
    folder = cache() / "flights"
    if not (folder / "incoming/2013-12.csv").exists():
        (folder / "incoming").mkdir(parents=True, exist_ok=True)
        for month, text in flights_by_month().items():
            (folder / f"incoming/2013-{month:02d}.csv").write_text(text)
    return folder


if __name__ == "__main__":
    sys.exit(run(policy=Path(__file__).with_name("plain.yaml"), claim="flights", load=load, every="14d", about=__doc__))
