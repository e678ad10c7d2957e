"""Four years of census answers, replayed month by month: `python -m examples.census`."""

from __future__ import annotations

import sys
from pathlib import Path

from examples.backtests import run
from examples.census.answers import load

if __name__ == "__main__":
    sys.exit(run(policy=Path(__file__).with_name("policy.yaml"), claim="census", load=load, every="30d", about=__doc__))
