"""The command `retrain-operator`."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from retrain_operator import __version__
from retrain_operator.app import WatchEnded, run
from retrain_operator.kube.client import ApiError, load_configuration
from retrain_operator.settings import Settings, SettingsError, load_settings


class _JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="retrain-operator", description="Keeps machine-learning models good on Kubernetes."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("run", help="watch policies and act, until SIGTERM")
    start.add_argument("--settings", type=Path, metavar="FILE", help="YAML file with settings (docs/settings.md)")
    start.add_argument(
        "--namespace",
        action="append",
        default=[],
        metavar="NAME",
        help="watch this namespace only; may be given several times; default all",
    )
    start.add_argument("--context", metavar="NAME", help="context of the kubeconfig, outside a cluster")
    start.add_argument("--log-format", choices=["json", "plain"], default="plain", help="default plain")
    start.add_argument(
        "--log-level", choices=["debug", "info", "warning", "error"], default="info", help="default info"
    )
    return parser


def _configure_logging(*, style: str, level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    if style == "json":
        handler.setFormatter(_JsonLines())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    # kopf names objects on every event; what it does here is our own to log.
    logging.getLogger("kopf").setLevel(logging.WARNING)


async def _run(*, settings: Settings, context: str | None) -> None:
    await run(configuration=await load_configuration(context=context), settings=settings)


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 stopped by a signal, 1 ended by an error (start it again), 2 wrong arguments or settings."""
    chosen = _parser().parse_args(arguments)
    _configure_logging(style=chosen.log_format, level=chosen.log_level)
    log = logging.getLogger("retrain_operator")
    try:
        settings = load_settings(chosen.settings)
    except SettingsError as error:
        log.error("settings: %s", error)
        return 2
    if chosen.namespace:
        settings = replace(settings, namespaces=tuple(chosen.namespace))
    try:
        asyncio.run(_run(settings=settings, context=chosen.context))
    except ApiError as error:
        log.error("the API server refuses the first lists: %s", error)
        return 1
    except WatchEnded as error:
        log.error("%s: %s", error, error.__cause__)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
