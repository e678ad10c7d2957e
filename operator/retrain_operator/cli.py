"""The command `retrain-operator`."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
from pathlib import Path

from retrain_operator import __version__
from retrain_operator.app import WatchEnded, run
from retrain_operator.kube.client import ApiError, load_configuration
from retrain_operator.logs import configure_logging
from retrain_operator.settings import Settings, SettingsError
from retrain_operator.settings_reader import load_settings


def parser() -> argparse.ArgumentParser:
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
    start.add_argument(
        "--selector", metavar="LABELS", help="watch policies with these labels only, such as team=sales; default all"
    )
    start.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting, instead of the one in the file; may be given several times",
    )
    start.add_argument("--context", metavar="NAME", help="context of the kubeconfig, outside a cluster")
    start.add_argument("--log-format", choices=["json", "text"], help="default: as the settings say, else text")
    start.add_argument(
        "--log-level", choices=["debug", "info", "warning", "error"], default="info", help="default info"
    )
    check = commands.add_parser("check-settings", help="say what is wrong with a file of settings")
    check.add_argument("file", type=Path, metavar="FILE", help="YAML file (docs/settings.md)")
    check.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as for run")
    return parser


def run_settings(chosen: argparse.Namespace) -> Settings:
    """The settings of `run`: its options are settings too, checked as such, and go on top.

    Raises:
        SettingsError: a line for each that cannot be.
    """
    flags = list(chosen.set)
    # JSON is YAML that needs no other quotes.
    if chosen.namespace:
        flags.append(f"namespaces={json.dumps(chosen.namespace)}")
    if chosen.selector is not None:
        flags.append(f"selector={json.dumps(chosen.selector)}")
    return load_settings(chosen.settings, flags=flags)


def _check(chosen: argparse.Namespace) -> int:
    try:
        load_settings(chosen.file, flags=chosen.set)
    except SettingsError as error:
        print(*(f"{chosen.file}: {line}" for line in str(error).splitlines()), sep="\n", file=sys.stderr)
        return 2
    print(f"{chosen.file}: every setting is valid")
    return 0


async def _run(*, settings: Settings, context: str | None) -> None:
    await run(configuration=await load_configuration(context=context), settings=settings)


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 stopped by a signal, 1 ended by an error (start it again), 2 wrong arguments or settings."""
    chosen = parser().parse_args(arguments)
    if chosen.command == "check-settings":
        return _check(chosen)
    configure_logging(style=chosen.log_format or "text", level=chosen.log_level)
    log = logging.getLogger("retrain_operator")
    try:
        settings = run_settings(chosen)
    except SettingsError as error:
        for line in str(error).splitlines():
            log.error("settings: %s", line)
        return 2
    configure_logging(style=chosen.log_format or settings.log_format, level=chosen.log_level)
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
