"""The table of docs/backtest.md: `python -m examples.table` replays every example by two metrics.

Defaults are not tuned to the examples; `--set` shows what another setting would have given on the second half.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: Module, metric and other options.
ROWS = (
    ("examples.flights.backtest", "roc_auc", "--every 14d"),
    ("examples.ratings", "roc_auc", "--every 180d --set data.holdout.window=90d --set triggers.newRows.share=0.2"),
    ("examples.census", "roc_auc", "--every 90d"),
    ("examples.flights.backtest", "log_loss", "--every 14d --set triggers.newRows.share=0.2,0.3"),
    ("examples.ratings", "log_loss", "--every 180d --set data.holdout.window=90d --set triggers.newRows.share=0.2"),
    ("examples.census", "log_loss", "--every 90d"),
)


def main() -> int:
    """Exit code 0 when all rows were made."""
    parser = argparse.ArgumentParser(prog="python -m examples.table", description=__doc__)
    parser.add_argument("--only", default="", metavar="TEXT", help="rows whose command holds this text")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write the whole result of each row here, as JSON")
    chosen = parser.parse_args()
    print("| command | never | policy | always | trainings | recovered | with `--set`, second half |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for module, metric, options in ROWS:
        command = f"python -m {module} --metric {metric} {options}"
        if chosen.only not in command:
            continue
        arguments = [sys.executable, *shlex.split(command)[1:], "-o", "json"]
        ended = subprocess.run(arguments, stdout=subprocess.PIPE, text=True, check=False)
        if ended.returncode:
            return ended.returncode
        if chosen.keep is not None:
            name = f"{module.split('.')[1]}-{metric}.json"
            (chosen.keep / name).write_text(ended.stdout)
        print(row(command, json.loads(ended.stdout)), flush=True)
    return 0


def row(command: str, found: Mapping[str, Any]) -> str:
    """One line of the table."""
    whole, settings = found["summary"], found["settings"]
    scores = " | ".join(_score(whole[side]["score"]) for side in ("never", "policy", "always"))
    second = ""
    if settings is not None:
        values = " ".join(f"{field}={value}" for field, value in settings["chosen"].items())
        second = f"`{values}`: {_recovered(settings['second'])}, {_trainings(settings['second'])}"
    return f"| `{command}` | {scores} | {_trainings(whole)} | {_recovered(whole)} | {second} |"


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _trainings(summary: Mapping[str, Any]) -> str:
    return f"{summary['policy']['trainings']} of {summary['always']['trainings']}"


def _recovered(summary: Mapping[str, Any]) -> str:
    share = summary["recovered"]
    if share is None:
        gain = summary["gain"]
        if gain["low"] is None:
            return "too few periods"
        return f"no gain available ({gain['estimate']:.4f}, from {gain['low']:.4f} to {gain['high']:.4f})"
    return f"{share['estimate']:.0%} ({share['low']:.0%} to {share['high']:.0%})"


if __name__ == "__main__":
    sys.exit(main())
