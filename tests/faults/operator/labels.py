"""What a request or a watch frame is about, in words that are the same in every run of a scenario.

UIDs, resourceVersions and digests in names differ from run to run. A Job is told by what it is for (`check:Initial@1`),
an Event by its reason, everything else by kind and name; the how-many-eth makes the label unique.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from retrain_operator.api import names, raw

KINDS = {
    names.PLURAL: "policy",
    "cronjobs": "cronjob",
    "jobs": "job",
    "pods": "pod",
    "events": "event",
    "configmaps": "configmap",
}
#: Times differ from run to run.
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
WRITES = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """`nth` counts from 1, per verb and object, since the scenario was armed."""

    verb: str
    what: str
    nth: int

    def __str__(self) -> str:
        return f"{self.verb} {self.what} #{self.nth}"

    @property
    def writes(self) -> bool:
        """Does it change something on the server?"""
        return self.verb in WRITES


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What the path of a request names; `kind` is empty for discovery and the like."""

    kind: str = ""
    namespace: str = ""
    name: str = ""
    sub: str = ""


def place_of(path: str) -> Place:
    """`/apis/batch/v1/namespaces/n/jobs/j` → job j of n."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    parts = parts[2:] if parts[:1] == ["api"] else parts[3:]
    namespace = ""
    if parts[:1] == ["namespaces"] and len(parts) > 2:
        namespace, parts = parts[1], parts[2:]
    if not parts or parts[0] not in KINDS:
        return Place()
    name, sub = (*parts[1:], "", "")[:2]
    return Place(kind=KINDS[parts[0]], namespace=namespace, name=name, sub=sub)


def job_role(body: Mapping[str, Any]) -> str:
    """What a Job is for: action, cause, the generation it was built from, and the request it answers (no times)."""
    labels, annotations = raw.at(body, "metadata", "labels"), raw.at(body, "metadata", "annotations")
    action, cause = raw.at(labels, names.LABEL_ACTION), raw.at(annotations, names.ANNOTATION_CAUSE)
    role = f"{action}:{cause}@{raw.at(annotations, names.ANNOTATION_GENERATION)}"
    request = raw.at(annotations, names.ANNOTATION_REQUEST)
    return f"{role}:{TIME.sub('<time>', str(request))}" if request is not None else role


@dataclass(slots=True)
class Labeller:
    """Counts, and remembers what the names of Jobs stand for."""

    _roles: dict[str, str] = field(default_factory=dict)
    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def restart(self) -> None:
        """Counts from 1 again; names stay known."""
        self._counts.clear()

    def what(self, *, place: Place, body: Mapping[str, Any]) -> str:
        """The object of a request or frame; `body` is what it carries, where it carries the object."""
        if not place.kind:
            return "discovery"
        name = place.name or str(raw.at(body, "metadata", "name") or "")
        if place.kind == "job" and name:
            if raw.at(body, "metadata", "annotations", names.ANNOTATION_CAUSE) is not None:
                self._roles.setdefault(name, job_role(body))
            name = self._roles.get(name, name)
        if place.kind == "event" and body:
            name = str(body.get("reason", ""))
        return " ".join(part for part in (place.kind, name, place.sub) if part)

    def label(self, *, verb: str, what: str) -> Label:
        """The next label of this verb and object."""
        self._counts[verb, what] += 1
        return Label(verb=verb, what=what, nth=self._counts[verb, what])


def parsed(content: bytes) -> Mapping[str, Any]:
    """A JSON object, or an empty mapping where it is none."""
    try:
        return raw.mapping(json.loads(content))
    except ValueError:
        return {}
