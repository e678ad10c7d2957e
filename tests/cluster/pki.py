"""Keys, certificates and tokens of the embedded cluster, from openssl; `down` removes them."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.cluster.command import run
from tests.cluster.settings import API_SERVICE_ADDRESS, CLUSTER_NAME, NODE_ADDRESS, NODE_NAME

_DAYS: Final = "3650"
_NAMES: Final = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)

# The components sign in with tokens, under the names that the built-in roles of Kubernetes are bound to.
_USERS: Final = {
    "admin": ("admin", "system:masters"),
    "controller-manager": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
    "kubelet": (f"system:node:{NODE_NAME}", "system:nodes"),
    "proxy": ("system:kube-proxy", ""),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pki:
    """The files of one cluster."""

    folder: Path

    @property
    def ca(self) -> Path:
        return self.folder / "ca.crt"

    @property
    def ca_key(self) -> Path:
        return self.folder / "ca.key"

    @property
    def tokens(self) -> Path:
        """A static token file: token,user,uid,"groups"."""
        return self.folder / "tokens.csv"

    def certificate(self, *, name: str) -> Path:
        return self.folder / f"{name}.crt"

    def key(self, *, name: str) -> Path:
        return self.folder / f"{name}.key"

    def kubeconfig(self, *, user: str) -> Path:
        return self.folder / f"{user}.kubeconfig"

    def token(self, *, user: str) -> str:
        for line in self.tokens.read_text().splitlines():
            token, name, *_ = line.split(",")
            if name == _USERS[user][0]:
                return token
        raise KeyError(user)


def ensure_pki(*, pki: Pki, addresses: Sequence[str] = (NODE_ADDRESS, API_SERVICE_ADDRESS)) -> None:
    """Make what is missing. The token file is written last: where it stands, all else does."""
    if pki.tokens.exists():
        return
    pki.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                _DAYS,
                "-subj",
                "/CN=retrain-operator-ca",
            ),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),  # Python 3.13 insists on it
            *("-keyout", pki.ca_key, "-out", pki.ca),
        ]
    )
    names = [*(f"DNS:{name}" for name in _NAMES), *(f"IP:{address}" for address in ("127.0.0.1", *addresses))]
    _sign(pki=pki, name="apiserver", subject="/CN=kube-apiserver", usage="serverAuth", names=names)
    _sign(pki=pki, name="kubelet-client", subject="/CN=kube-apiserver", usage="clientAuth", names=[])
    run(["openssl", "genrsa", "-out", pki.key(name="service-account"), "2048"])
    public = pki.folder / "service-account.pub"
    run(["openssl", "rsa", "-in", pki.key(name="service-account"), "-pubout", "-out", public])
    rows = [f'{secrets.token_hex(24)},{name},{user},"{groups}"' for user, (name, groups) in _USERS.items()]
    for key in pki.folder.glob("*.key"):
        key.chmod(0o600)
    unfinished = pki.tokens.with_suffix(".unfinished")
    unfinished.touch(mode=0o600)
    unfinished.write_text("\n".join(rows) + "\n")
    unfinished.rename(pki.tokens)


def write_kubeconfigs(*, pki: Pki, server: str) -> None:
    """A kubeconfig for each user, with everything embedded so that it can be copied."""
    for user in _USERS:
        path = pki.kubeconfig(user=user)
        path.touch(mode=0o600)
        path.write_text(kubeconfig(server=server, ca=pki.ca.read_bytes(), token=pki.token(user=user), user=user))


def kubeconfig(*, server: str, ca: bytes, token: str, user: str) -> str:
    """A kubeconfig with one context, as JSON (which is YAML)."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": CLUSTER_NAME,
            "clusters": [
                {
                    "name": CLUSTER_NAME,
                    "cluster": {"server": server, "certificate-authority-data": base64.b64encode(ca).decode()},
                }
            ],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": CLUSTER_NAME, "context": {"cluster": CLUSTER_NAME, "user": user}}],
        },
        indent=2,
    )


def _sign(*, pki: Pki, name: str, subject: str, usage: str, names: Sequence[str]) -> None:
    request = pki.folder / f"{name}.csr"
    extensions = pki.folder / f"{name}.ext"
    lines = [
        f"extendedKeyUsage={usage}",
        "keyUsage=critical,digitalSignature",
        "authorityKeyIdentifier=keyid",
        "subjectKeyIdentifier=hash",
    ]
    if names:
        lines.append(f"subjectAltName={','.join(names)}")
    extensions.write_text("\n".join(lines) + "\n")
    run(
        [
            *("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", subject),
            *("-keyout", pki.key(name=name), "-out", request),
        ]
    )
    run(
        [
            *("openssl", "x509", "-req", "-in", request, "-CA", pki.ca, "-CAkey", pki.ca_key, "-CAcreateserial"),
            *("-days", _DAYS, "-extfile", extensions, "-out", pki.certificate(name=name)),
        ]
    )
    request.unlink()
    extensions.unlink()
