"""`python -m examples.<name>`: the policy of an example, replayed on the example's rows."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml
from retrain_trainer.cli import main as trainer


def run(*, policy: Path, claim: str, load: Callable[[], Path], every: str, about: str | None) -> int:
    """Exit code of the back-test of `policy`, with the folder that `load` gives mounted as `claim`.

    Options that this command does not know go to `retrain-trainer backtest` as they are.
    """
    parser = argparse.ArgumentParser(description=about, epilog="All other options are those of the back-test.")
    parser.add_argument("--policy", type=Path, default=policy, help=f"default: {policy.name} beside this example")
    parser.add_argument("--metric", help="judge by another metric than the policy's, without its threshold")
    parser.add_argument("--every", default=every, help=f"time between two checks (default: {every})")
    chosen, others = parser.parse_known_args()
    try:
        folder = load()
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="retrain-example-") as scratch:
        used = chosen.policy
        if chosen.metric is not None:
            used = Path(scratch) / chosen.policy.name
            used.write_text(_with_metric(yaml.safe_load(chosen.policy.read_text()), chosen.metric))
        return trainer(["backtest", str(used), "--mount", f"{claim}={folder}", "--every", chosen.every, *others])


def _with_metric(policy: Mapping[str, Mapping[str, object]], metric: str) -> str:
    return yaml.safe_dump({**policy, "spec": {**policy["spec"], "evaluation": {"metric": metric}}})
