"""Two decades of ratings, replayed quarter by quarter: `python -m examples.ratings`."""

from __future__ import annotations

import sys
from pathlib import Path

from examples.backtests import run
from examples.ratings.events import load

if __name__ == "__main__":
    sys.exit(
        run(policy=Path(__file__).with_name("policy.yaml"), claim="ratings", load=load, every="90d", about=__doc__)
    )
