"""kubectl as a user calls it, with JSON answers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support.polling import eventually


class KubectlError(AssertionError):
    """kubectl ended with an error; the text is what a user sees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubectl:
    """kubectl against one server and namespace (empty: as the kubeconfig says); `user` impersonates."""

    binary: str
    kubeconfig: Path
    namespace: str = ""
    user: str | None = None

    def __call__(self, *arguments: str, stdin: str | None = None, timeout: float = 60) -> str:
        """Runs kubectl; returns what it printed, stripped."""
        command = [self.binary, f"--kubeconfig={self.kubeconfig}"]
        if self.namespace:
            command.append(f"--namespace={self.namespace}")
        if self.user is not None:
            command.append(f"--as={self.user}")
        done = subprocess.run(
            [*command, *arguments], input=stdin, capture_output=True, text=True, timeout=timeout, check=False
        )
        if done.returncode:
            raise KubectlError(f"kubectl {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout.strip()

    def apply(self, *bodies: Mapping[str, Any], arguments: tuple[str, ...] = ()) -> str:
        """`kubectl apply -f -`."""
        return self("apply", "-f", "-", *arguments, stdin=yaml.safe_dump_all(bodies))

    def create(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """`kubectl create -f -`."""
        answer: dict[str, Any] = json.loads(self("create", "-f", "-", "-o", "json", stdin=yaml.safe_dump(body)))
        return answer

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """The object, or None."""
        text = self("get", kind, name, "--ignore-not-found", "-o", "json")
        return json.loads(text) if text else None

    def list(self, kind: str, *, selector: str = "") -> list[dict[str, Any]]:
        """All objects of a kind in the namespace."""
        items: list[dict[str, Any]] = json.loads(self("get", kind, f"--selector={selector}", "-o", "json"))["items"]
        return items

    def await_kind(self, kind: str) -> None:
        """Waits until a kind is served: what defines it was applied a moment ago, and its storage is initializing."""

        def served() -> bool:
            try:
                self("get", kind, "--all-namespaces")
            except KubectlError:
                return False
            return True

        eventually(f"{kind} is served", served)

    def patch(self, kind: str, name: str, body: Mapping[str, Any], *, sub: str | None = None) -> None:
        """A merge patch, of a subresource if `sub` names one."""
        extra = [f"--subresource={sub}"] if sub else []
        self("patch", kind, name, "--type=merge", "-p", json.dumps(body), *extra)
