"""Forks operators: `python -m tests.faults.operator.nursery` has all imported, so that a start costs milliseconds.

Reads one JSON object a line: `{"command": [...], "kubeconfig": path, "log": path, "bug": name or null}`. Writes
`started <pid>` for each, and `ended <pid> <code>` when one ends (negative: the signal that ended it). The end of its
input ends it and all that it started.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from types import FrameType
from typing import Any, NoReturn

import retrain_operator.watch  # noqa: F401 - kopf, imported before the fork
from kubernetes.aio.config import kube_config
from retrain_operator.cli import main

from tests.faults.operator.seeded import plant

_children: set[int] = set()


def _tell(text: str) -> None:
    os.write(sys.stdout.fileno(), f"{text}\n".encode())


def _reap(_: int, __: FrameType | None) -> None:
    # May interrupt itself; each end is waited for once.
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _children.discard(pid)
        _tell(f"ended {pid} {os.waitstatus_to_exitcode(status)}")


def _run(order: dict[str, Any]) -> NoReturn:
    code = 70
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, place in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(number, place)
        # The client reads KUBECONFIG when it is imported, which was long ago.
        kube_config.KUBE_CONFIG_DEFAULT_LOCATION = order["kubeconfig"]
        if order["bug"] is not None:
            plant(order["bug"])
        code = main(order["command"])
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def serve() -> None:
    """Until the input ends."""
    signal.signal(signal.SIGCHLD, _reap)
    for line in sys.stdin:
        order = json.loads(line)
        # A child that ends at once must not be reaped before it is known.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        pid = os.fork()
        if pid == 0:
            _run(order)
        _children.add(pid)
        _tell(f"started {pid}")
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for pid in _children:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    serve()
