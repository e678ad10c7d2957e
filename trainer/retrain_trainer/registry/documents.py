"""JSON documents that carry their own checksum: a torn or edited one is found out, named, and never half believed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from retrain_trainer.errors import RegistryDamaged

FORMAT = 1
MAX_DOCUMENT_BYTES = 8 * 1024**2
_CHECKSUM = "checksum"


def sha256(data: bytes) -> str:
    """`sha256:<hex>` of some bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def sealed(body: Mapping[str, Any]) -> bytes:
    """The document as stored: sorted keys, with `format` and a checksum over all other fields. ValueError for NaN."""
    content = {**body, "format": FORMAT}
    return _text({**content, _CHECKSUM: sha256(_text(content))})


def opened(*, data: bytes, name: str, reason: str = "RegistryDamaged") -> dict[str, Any]:
    """The body of a document. RegistryDamaged with `reason`, naming the file, if it is not what was written."""
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _damaged(name=name, what="is no JSON document", reason=reason) from error
    if not isinstance(content, dict) or _CHECKSUM not in content:
        raise _damaged(name=name, what="lacks its checksum", reason=reason)
    checksum = content.pop(_CHECKSUM)
    if checksum != sha256(_text(content)):
        raise _damaged(name=name, what="does not match its checksum", reason=reason)
    if content.pop("format", None) != FORMAT:
        raise _damaged(name=name, what="was written by another release", reason=reason)
    return content


def _damaged(*, name: str, what: str, reason: str) -> RegistryDamaged:
    return RegistryDamaged(
        reason=reason,
        message=f"{name} {what}; restore this file from a backup, or move the policy's folder away to start anew",
    )


def _text(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, allow_nan=False, indent=1).encode()
