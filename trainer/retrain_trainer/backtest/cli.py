"""`retrain-trainer backtest`: its options, and what it prints."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any


def add_command(commands: Any, *, mount: Callable[[str], Any], time: Callable[[str], Any]) -> None:
    """Adds the subcommand to those of `retrain-trainer`. `mount` and `time` read the values of these options."""
    parser = commands.add_parser("backtest", help="replay a policy along its time column, before it is trusted")
    parser.add_argument("policy", type=Path, help="a RetrainPolicy in YAML or JSON")
    parser.add_argument(
        "--mount",
        action="append",
        default=[],
        type=mount,
        metavar="CLAIM=DIR",
        help="where pvc://CLAIM points; may be repeated",
    )
    parser.add_argument(
        "--every", default="7d", metavar="DURATION", help="time between two checks, for example 7d or 12h (default: 7d)"
    )
    parser.add_argument(
        "--from", dest="begin", type=time, metavar="TIME", help="first check (default: after a fifth of the rows' time)"
    )
    parser.add_argument("--until", type=time, metavar="TIME", help="end of the last period (default: the newest row)")
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="FIELD=VALUE,…",
        help="try these values of a field of the spec, choose on the first half, report the second; may be repeated",
    )
    parser.add_argument(
        "-o", "--output", choices=("text", "json"), default="text", help="json: docs/backtest.schema.json"
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="write a page with the score lines (HTML)")
    parser.set_defaults(command=main)


def main(options: argparse.Namespace) -> int:
    """The exit code, as that of a run."""
    import json
    import sys
    import tempfile
    from datetime import UTC, datetime

    from retrain_trainer.backtest.backtest import Asked, back_test
    from retrain_trainer.backtest.document import document, text
    from retrain_trainer.backtest.progress import Shown
    from retrain_trainer.backtest.report import report
    from retrain_trainer.backtest.settings import combinations, read_settings
    from retrain_trainer.contract import describe
    from retrain_trainer.errors import EXIT_OK, DataUnavailable, RunError
    from retrain_trainer.policy_file import described, read_policy
    from retrain_trainer.spec import parse_duration

    try:
        if options.report is not None and not options.report.parent.is_dir():
            raise DataUnavailable(
                reason="FolderMissing", message=f"--report: there is no folder {options.report.parent}"
            )
        asked = Asked(
            every=parse_duration(text=options.every, path="--every"),
            begin=options.begin,
            until=options.until,
            settings=combinations(read_settings(options.settings)),
        )
        with tempfile.TemporaryDirectory(prefix="retrain-backtest-") as scratch:
            run = describe(
                policy=described(read_policy(options.policy)),
                key="backtest",
                action="check",
                cause="Schedule",
                request="",
                job_uid="",
                job_name="backtest",
                memory_limit=None,
                cpu_limit=None,
                scratch=Path(scratch),
                claims=Path("/mnt/claims"),
                message=None,
                mounts=dict(options.mount),
            )
            with Shown() as shown:
                found = back_test(run=run, asked=asked, now=datetime.now(UTC), begun=shown.of)
    except RunError as error:
        print(f"{error.reason}: {error.message}", file=sys.stderr, flush=True)
        return error.exit_code
    if options.report is not None:
        options.report.write_text(report(found), encoding="utf-8")
    if options.output == "json":
        print(json.dumps(document(found), indent=1, allow_nan=False))
    else:
        print(text(found))
        if options.report is not None:
            print(f"\nreport: {options.report}")
    return EXIT_OK
