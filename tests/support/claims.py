"""Files on claims, written and read through a pod, so that any cluster will do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.support.kubectl import Kubectl

_WRITE = (
    "import pathlib,sys; p=pathlib.Path(sys.argv[1]); p.parent.mkdir(parents=True, exist_ok=True); "
    "p.write_bytes(sys.stdin.buffer.read())"
)
_TREE = (
    "import json,pathlib,sys; r=pathlib.Path(sys.argv[1]); "
    "print(json.dumps(sorted(str(p.relative_to(r)) for p in r.rglob('*') if p.is_file())))"
)
_READ = "import pathlib,sys; sys.stdout.write(pathlib.Path(sys.argv[1]).read_text())"
_REMOVE = "import pathlib,sys; pathlib.Path(sys.argv[1]).unlink()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """PersistentVolumeClaims of one namespace, and the pod `files` that mounts them."""

    kubectl: Kubectl
    image: str

    def create(self, *names: str, size: str = "1Gi") -> None:
        """Makes the claims and starts the pod."""
        claims = [
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": name},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}},
            }
            for name in names
        ]
        self.kubectl.apply(*claims, self._pod(names))
        self.kubectl("wait", "--for=condition=Ready", "pod/files", "--timeout=90s", timeout=100)

    def _pod(self, names: tuple[str, ...]) -> dict[str, Any]:
        container = {
            "name": "files",
            "image": self.image,
            "imagePullPolicy": "IfNotPresent",
            "command": ["/opt/app/bin/python", "-c", "import signal; signal.sigwait([signal.SIGTERM])"],
            "volumeMounts": [{"name": name, "mountPath": f"/claims/{name}"} for name in names],
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
        spec = {
            "containers": [container],
            "terminationGracePeriodSeconds": 2,
            "securityContext": {
                "fsGroup": 65532,
                "runAsNonRoot": True,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "volumes": [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in names],
        }
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "files"}, "spec": spec}

    def write(self, path: str, text: str) -> None:
        """`claim/folder/file` gets `text`."""
        self._python(_WRITE, path, stdin=text)

    def read(self, path: str) -> str:
        """The text of `claim/folder/file`."""
        return self._python(_READ, path)

    def remove(self, path: str) -> None:
        """Removes one file."""
        self._python(_REMOVE, path)

    def tree(self, path: str) -> list[str]:
        """All files below `claim/folder`, relative to it."""
        found: list[str] = json.loads(self._python(_TREE, path))
        return found

    def _python(self, program: str, path: str, *, stdin: str = "") -> str:
        command = ["exec", "-i", "files", "--", "/opt/app/bin/python", "-c", program, f"/claims/{path}"]
        return self.kubectl(*command, stdin=stdin)
