"""Background processes without pid files: a process is ours when its command line names our state folder.

A pid file can be stale, and the number in it someone else's by now; the kernel's list of command lines cannot. Where a
command line holds the digest of its configuration, a changed configuration is seen as well.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.command import environment
from tests.cluster.console import ClusterError


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """One background process: how it is started, how it is known, and whether it is well."""

    name: str
    argv: tuple[str, ...]
    log: Path
    healthy: Callable[[], bool]
    env: Mapping[str, str] = field(default_factory=dict)  # besides ours, which loses its proxies
    seconds: float = 60  # until it must be healthy

    def pids(self) -> list[int]:
        """The processes of ours with this program, also those started with an older configuration."""
        return [pid for pid, argv in processes() if self._is_ours(argv)]

    def runs(self) -> bool:
        """Whether it is there, with today's configuration, and well."""
        found = [argv for _, argv in processes() if self._is_ours(argv)]
        return found == [self.argv] and _settles(self.healthy)

    def replace(self) -> None:
        """Start it, after ending one that is not well or has another configuration."""
        self.stop()
        self.start()

    def start(self) -> None:
        """Start it in a session of its own, so that it outlives us, and wait until it is well."""
        if self.healthy():
            raise ClusterError(
                f"{self.name}: a process that is not of {self.log.parent.parent} answers at its port already; "
                "is another embedded cluster up (with another RETRAIN_CACHE)?"
            )
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.old"))
        with self.log.open("w") as file:
            process = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=_without_proxies(environment()) | dict(self.env),
                start_new_session=True,
            )
        deadline = time.monotonic() + self.seconds
        while not self.healthy():
            if process.poll() is not None:
                raise ClusterError(f"{self.name} ended with exit code {process.returncode}", log=self.log)
            if time.monotonic() > deadline:
                raise ClusterError(f"{self.name} is not healthy after {self.seconds:.0f} s", log=self.log)
            time.sleep(0.1)
        process.returncode = 0  # it is meant to stay: no warning that we leave it behind

    def stop(self) -> None:
        """End it, also one that was started with an older configuration."""
        stop_processes(self.pids())

    def _is_ours(self, argv: tuple[str, ...]) -> bool:
        """The same program, working in the same state folder (which the log's path names)."""
        folder = str(self.log.parent.parent)
        same_program = Path(argv[0]).name == Path(self.argv[0]).name
        return same_program and any(f"{folder}/" in word for word in argv[1:])


def processes() -> Iterator[tuple[int, tuple[str, ...]]]:
    """Every process of the machine with its command line; kernel threads and the dead have none."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                words = (entry / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
                if words != [b""]:
                    yield int(entry.name), tuple(os.fsdecode(word) for word in words)


def children(pids: Sequence[int]) -> list[int]:
    """All descendants of some processes."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                # the name in brackets may hold spaces; the parent is the second word after it
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                parents.setdefault(parent, []).append(int(entry.name))
    found: list[int] = []
    waiting = list(pids)
    while waiting:
        below = parents.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def stop_processes(pids: Sequence[int], *, seconds: float = 10, first: signal.Signals = signal.SIGTERM) -> None:
    """Ask them to end, then make them."""
    for number, patience in ((first, seconds), (signal.SIGKILL, 5.0)):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + patience
        while pids and time.monotonic() < deadline:
            pids = [pid for pid in pids if _lives(pid)]
            time.sleep(0.02)
        if not pids:
            return
    raise ClusterError(f"processes {', '.join(map(str, pids))} do not end")


def memory(pid: int) -> int:
    """Resident memory in MiB; 0 when the process has gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) // 1024
    return 0


def _without_proxies(env: Mapping[str, str]) -> dict[str, str]:
    """The components talk to this machine only; a proxy would carry that outside."""
    return {name: value for name, value in env.items() if not name.lower().endswith("_proxy")}


def _lives(pid: int) -> bool:
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # one that we started ourselves would stay a zombie
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def _settles(healthy: Callable[[], bool]) -> bool:
    """Well now or within a moment: a process that is busy or was just started is not to be killed."""
    deadline = time.monotonic() + 10
    while not healthy():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
