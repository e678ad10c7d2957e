"""What stands on the server in the end, with everything taken out that differs from run to run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from retrain_operator.api import names, raw

from tests.faults.operator.labels import TIME
from tests.faults.operator.server import GROUPS
from tests.faults.operator.world import World

_OF_THE_SERVER = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "namespace", "generation")
#: The API server puts the Job's UID into its pods' labels and selector.
_DIGESTS = (names.ANNOTATION_DESIRED,)


def end_state(world: World) -> dict[str, Any]:
    """Objects by kind and role. Names and UIDs of Jobs and policies are replaced by what they stand for."""
    found: dict[str, Any] = {}
    for plural in GROUPS:
        for body in world.present(plural):
            seen = world.kept[body["metadata"]["uid"]]
            found[seen.what] = _plain(body)
    text = json.dumps(found, sort_keys=True)
    for body in world.present("retrainpolicies"):
        if (asked := raw.text(raw.at(body, "spec", "triggers", "prometheus", "query"))) is not None:
            text = text.replace(names.short_digest(asked), "<digest of the query>")
    for uid, seen in world.kept.items():
        text = text.replace(uid, f"<{seen.what}>").replace(seen.body["metadata"]["name"], _name(seen.what))
    text = TIME.sub("<time>", text).replace(world.namespace, "<namespace>")
    answer: dict[str, Any] = json.loads(text)
    return answer


def _name(what: str) -> str:
    return what.partition(" ")[2]


def _plain(body: dict[str, Any]) -> dict[str, Any]:
    metadata = {name: value for name, value in body["metadata"].items() if name not in _OF_THE_SERVER}
    if "annotations" in metadata:
        metadata["annotations"] = {
            name: "<digest>" if name in _DIGESTS else value for name, value in metadata["annotations"].items()
        }
    return {"metadata": metadata, **{name: body[name] for name in ("spec", "status", "data") if name in body}}


def differences(one: Any, other: Any, *, at: str = "") -> Iterable[str]:
    """Where two states differ, in words: the path, what stands there, and what stood there in the reference."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted(one.keys() | other.keys()):
            yield from differences(one.get(name), other.get(name), at=f"{at}/{name}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from differences(left, right, at=f"{at}/{number}")
    elif one != other:
        yield f"{at}: {_short(one)} instead of {_short(other)}"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 120 else text[:119] + "…"
