"""The operator under test: a process of its own, started anew whenever it ends, as Kubernetes does."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.support.operator import QUICK

REPOSITORY = Path(__file__).parents[3]
#: Seconds after which an operator that ended is started again.
_RESTART = 0.1


class Nursery:
    """The process that forks operators. `async with` runs it."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._started: asyncio.Queue[int] = asyncio.Queue()
        self._ends: dict[int, asyncio.Future[int]] = {}

    async def __aenter__(self) -> Nursery:
        paths = [str(REPOSITORY / "operator"), str(REPOSITORY)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KUBE")}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.faults.operator.nursery",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**environment, "PYTHONPATH": os.pathsep.join(paths)},
        )
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._reader is not None
        self._process.stdin.close()
        await self._process.wait()
        await self._reader

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            word, pid, *code = line.decode().split()
            if word == "started":
                self._ends[int(pid)] = asyncio.get_running_loop().create_future()
                self._started.put_nowait(int(pid))
            else:
                self._ends[int(pid)].set_result(int(code[0]))

    async def start(self, order: dict[str, Any]) -> tuple[int, asyncio.Future[int]]:
        """Forks one; its pid, and its exit code when it ends."""
        assert self._process is not None
        assert self._process.stdin is not None
        async with self._lock:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            pid = await self._started.get()
        return pid, self._ends[pid]


class Operator:
    """One operator on the namespaces given, at the API server (or proxy) of the kubeconfig; `bug` is planted in it.

    `settings` go on top of QUICK. `kept_up`: somebody starts it again when it ends.
    """

    def __init__(
        self,
        *,
        nursery: Nursery,
        server: str,
        token: str,
        namespaces: tuple[str, ...],
        folder: Path,
        bug: str | None = None,
        settings: dict[str, Any] | None = None,
    ) -> None:
        self._nursery = nursery
        self._folder = folder
        self._bug = bug
        self._namespaces = namespaces
        self._pid: int | None = None
        self._end: asyncio.Future[int] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()
        #: Exit codes of the processes that ended, negative for a signal.
        self.ends: list[int] = []
        folder.mkdir(parents=True, exist_ok=True)
        chosen = {**QUICK, "healthPort": 0, **(settings or {})}
        (folder / "settings.yaml").write_text(yaml.safe_dump(chosen))
        (folder / "kubeconfig").write_text(yaml.safe_dump(_kubeconfig(server=server, token=token)))

    @property
    def log(self) -> str:
        """Everything it printed, over all its starts."""
        path = self._folder / "operator.log"
        return path.read_text() if path.exists() else ""

    async def start(self) -> None:
        """Starts it, and again whenever it ends, until `stop`."""
        self._wanted.set()
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        order = {
            "command": [
                "run",
                f"--settings={self._folder / 'settings.yaml'}",
                *(f"--namespace={namespace}" for namespace in self._namespaces),
            ],
            "kubeconfig": str(self._folder / "kubeconfig"),
            "log": str(self._folder / "operator.log"),
            "bug": self._bug,
        }
        while True:
            await self._wanted.wait()
            self._pid, self._end = await self._nursery.start(order)
            self.ends.append(await asyncio.shield(self._end))
            self._pid = None
            await asyncio.sleep(_RESTART)

    def kill(self) -> None:
        """SIGKILL, now; it is started again if it is wanted."""
        if self._pid is not None and self._end is not None and not self._end.done():
            os.kill(self._pid, signal.SIGKILL)

    async def down(self) -> None:
        """SIGKILL, and it stays down until `start`."""
        self._wanted.clear()
        self.kill()
        if self._end is not None:
            await asyncio.shield(self._end)

    async def stop(self) -> int | None:
        """SIGTERM, as a rollout does, and no new start. The exit code, if it ran."""
        self._wanted.clear()
        code = None
        if self._pid is not None and self._end is not None and not self._end.done():
            os.kill(self._pid, signal.SIGTERM)
            try:
                code = await asyncio.wait_for(asyncio.shield(self._end), timeout=10)
            except TimeoutError:
                self.kill()
                code = await self._end
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None
        return code


def _kubeconfig(*, server: str, token: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
