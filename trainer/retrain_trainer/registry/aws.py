"""The AWS_ variables that requests to a bucket are made from, looked at before their first use: obstore takes most
texts, and then panics where an endpoint has no host or a header would hold the end of a line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
#: They become part of a header.
_TOLD_IN_HEADERS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION")

_URL = re.compile(r"https?://[A-Za-z0-9._:\[\]-]+(/[A-Za-z0-9._~/-]*)?", re.IGNORECASE | re.ASCII)
_WORD = re.compile(r"[!-~]+")


def unusable(environ: Mapping[str, str]) -> str | None:
    """What is wrong with a variable and what to write instead, or None. A value that may be a secret is not told."""
    for name in _ENDPOINTS:
        if (value := environ.get(name)) and not _is_endpoint(value):
            shown = "this value" if "@" in value else repr(value[:60])
            return (
                f"{name}: {shown} is no endpoint; write https://<host>[:<port>], for instance "
                "https://minio.storage:9000, or leave it out for AWS"
            )
    endpoint = next((environ[name] for name in _ENDPOINTS if environ.get(name)), "")
    if endpoint.lower().startswith("http://") and not environ.get("AWS_ALLOW_HTTP"):
        return "the endpoint is plain http; write https, or set AWS_ALLOW_HTTP to true if that is meant"
    for name in _TOLD_IN_HEADERS:
        if (value := environ.get(name)) and not _WORD.fullmatch(value):
            return (
                f"{name} holds a space, the end of a line or a letter that is not ASCII; write it without (a Secret "
                "made from a file often ends with a line's end)"
            )
    return None


def _is_endpoint(value: str) -> bool:
    if not _URL.fullmatch(value):
        return False
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
        if host and (":" in host or host.rpartition(".")[2].isdigit()):
            ip_address(host)
    except ValueError:  # a port above 65535, an address that is none
        return False
    return bool(host) and not parts.netloc.endswith(":") and port != 0
