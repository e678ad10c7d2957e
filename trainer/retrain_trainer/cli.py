"""`retrain-trainer`. `run`: in a container from the environment, on a laptop from a policy file; the same code.

`backtest`: see `backtest.cli`. `registry`: see `registry.cli`.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, get_args

from retrain_trainer import __version__
from retrain_trainer.backtest import cli as backtest
from retrain_trainer.contract import Action, RunDescription, describe, read_environment
from retrain_trainer.errors import EXIT_OK, EXIT_TERMINATED, EXIT_UNTOLD, RunError
from retrain_trainer.message import encode
from retrain_trainer.policy_file import described, read_policy
from retrain_trainer.registry import cli as registry
from retrain_trainer.run import execute, failure


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code tells what reads it whether to try again: see `errors`."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _terminate)
    code: int = options.command(options)
    return code


def _run(options: argparse.Namespace) -> int:
    run = None
    try:
        now = options.now or datetime.now(UTC)
        with tempfile.TemporaryDirectory(prefix="retrain-") as scratch:
            run = read_environment(environ=os.environ) if options.policy is None else _from_file(options, Path(scratch))
            body = execute(run=run, now=now, say=_say)
        code = EXIT_OK
    except RunError as error:
        code = error.exit_code
        _say(f"{error.reason}: {error.message}")
        if run is None:
            return code
        body = failure(run=run, error=error, now=now, say=_say)
    message = encode(body=body)
    if run.message is not None:
        try:
            run.message.write_bytes(message)
        except OSError as error:
            # What was done stands in the registry: the next try finds it and tells it again.
            _say(f"MessageNotWritten: {run.message} cannot be written: {error.strerror}")
            code = EXIT_UNTOLD
    if options.output == "json":
        print(message.decode())
    else:
        for line in _verdict(body):
            print(line)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="retrain-trainer", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run", help="check the champion of a policy, and train and promote a better one if needed"
    )
    run.add_argument(
        "policy",
        nargs="?",
        type=Path,
        help="a RetrainPolicy in YAML or JSON; without it the run is described by the environment (docs/contract.md)",
    )
    run.add_argument("--registry", type=Path, metavar="DIR", help="keep models here, whatever spec.registry.uri says")
    run.add_argument(
        "--mount",
        action="append",
        default=[],
        type=_mount,
        metavar="CLAIM=DIR",
        help="where pvc://CLAIM points; may be repeated",
    )
    run.add_argument("--action", choices=get_args(Action), default="check", help="train: whatever the score is")
    run.add_argument(
        "--version",
        default="",
        metavar="N",
        help="what approve, reject, rollback and pin name; pin without it pins nothing any more",
    )
    run.add_argument("--now", type=_time, metavar="TIME", help="set the clock, for example 2013-03-01T00:00:00Z")
    run.add_argument("-o", "--output", choices=("text", "json"), default="text", help="json: print the result message")
    run.set_defaults(command=_run)
    backtest.add_command(commands, mount=_mount, time=_time)
    registry.add_command(commands, mount=_mount)
    return parser


def _mount(text: str) -> tuple[str, Path]:
    claim, separator, folder = text.partition("=")
    if not (claim and separator and folder):
        raise argparse.ArgumentTypeError(f"{text!r} must be CLAIM=DIR")
    return claim, Path(folder)


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 2013-03-01T00:00:00Z") from error
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _from_file(options: argparse.Namespace, scratch: Path) -> RunDescription:
    key = datetime.now(UTC).strftime("local.%Y%m%dt%H%M%S-%f")
    return describe(
        policy=described(read_policy(options.policy)),
        key=key,
        action=options.action,
        cause="Schedule" if options.action == "check" else "Request",
        request=options.version,
        job_uid="",
        job_name=key.partition(".")[2],
        memory_limit=None,
        cpu_limit=None,
        scratch=scratch,
        claims=Path("/mnt/claims"),
        message=None,
        mounts=dict(options.mount),
        registry=options.registry,
    )


def _verdict(body: Mapping[str, Any]) -> list[str]:
    champion, score = body["champion"], body["score"]
    lines = [f"{body['outcome']} ({body['reason']}): {body['message']}"]
    if score is not None:
        lines.append(f"score: {body['metric']} {score:.4g}")
    if champion is not None:
        lines.append(f"champion: version {champion['version']}, {champion['uri']}")
    return lines


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(EXIT_TERMINATED)
