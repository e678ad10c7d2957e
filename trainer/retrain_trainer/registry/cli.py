"""`retrain-trainer registry list|verify LOCATION`: a registry as people see it, on a laptop or in a pod."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from retrain_trainer.errors import EXIT_OK, RegistryDamaged, RunError
from retrain_trainer.registry.address import store_at
from retrain_trainer.registry.inspect import inspect
from retrain_trainer.registry.registry import Registry


def add_command(commands: Any, *, mount: Callable[[str], tuple[str, Path]]) -> None:
    """Add `registry` to the subparsers of `retrain-trainer`."""
    registry = commands.add_parser("registry", help="show what a registry holds, or verify all of it")
    registry.add_argument("what", choices=("list", "verify"), help="verify: read every model too; 65 if any is damaged")
    registry.add_argument(
        "location", help="a policy's folder <registry>/<namespace>/<policy>, or its pvc:// or s3:// URI"
    )
    registry.add_argument(
        "--mount", action="append", default=[], type=mount, metavar="CLAIM=DIR", help="where pvc://CLAIM points"
    )
    registry.set_defaults(command=_registry)


def _registry(options: argparse.Namespace) -> int:
    try:
        store = store_at(text=options.location, claims=dict(options.mount))
        found = inspect(registry=Registry(store=store), place=options.location, models=options.what == "verify")
        leftovers = store.leftovers() if options.what == "verify" else []
    except RunError as error:
        print(f"{error.reason}: {error.message}", file=sys.stderr)
        return error.exit_code
    for line in found.lines:
        print(line)
    for left in leftovers:
        time = datetime.fromtimestamp(left.modified, UTC)
        print(
            f"left over   {left.name}, {left.size:,} bytes of {time:%Y-%m-%d %H:%M}: its writer was killed; remove it, "
            "unless a run is under way"
        )
    for line in found.damage:
        print(line, file=sys.stderr)
    if found.damage:
        return RegistryDamaged.exit_code
    if options.what == "verify":
        print("everything is whole")
    return EXIT_OK
