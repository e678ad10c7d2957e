"""What must hold in every case, whatever the fault: the same end, no more writes, one effect of each cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from retrain_operator.api import names, raw

from tests.faults.operator.labels import Label
from tests.faults.operator.world import World


def changes(world: World) -> Counter[str]:
    """How often each object came into being, changed or went, whoever did it, by its role."""
    counts: Counter[str] = Counter()
    for seen in world.kept.values():
        counts[seen.what] += seen.changes
    return counts


def too_many(*, changes: Mapping[str, int], expected: Mapping[str, int], demanded: int = 0) -> list[str]:
    """No object may come into being, or change, more often than without the fault.

    Only the status may be written more often (and Events told), and only where the fault is something people are told.
    Fewer are fine: two writes may become one, and Events are lost in a crash.
    """
    found = []
    for what, count in changes.items():
        told = what.startswith(("retrainpolicies ", "events "))
        most = expected.get(what, 0) + (demanded if told else 0)
        if count > most:
            found.append(f"{what} changed {count} times instead of {most}")
    return found


def effects(world: World) -> Counter[str]:
    """Jobs that the operator made, by what they answer: never two for the same policy, action, cause and request."""
    counts: Counter[str] = Counter()
    for seen in world.kept.values():
        metadata = seen.body["metadata"]
        owners = [owner["uid"] for owner in metadata.get("ownerReferences", []) if owner["kind"] == names.KIND]
        if not seen.what.startswith("jobs ") or not owners:
            continue
        told = metadata.get("annotations", {})
        asked = [names.ANNOTATION_CAUSE, names.ANNOTATION_REQUEST]
        if raw.at(told, names.ANNOTATION_REQUEST) is None:
            asked += [names.ANNOTATION_SPEC_DIGEST, names.ANNOTATION_THRESHOLD]
        action = metadata["labels"].get(names.LABEL_ACTION)
        counts[" ".join([owners[0], str(action), *(str(told.get(name)) for name in asked)])] += 1
    return counts


def early_events(writes: Sequence[tuple[Label, int]]) -> list[str]:
    """Events that were sent though the write before them was no status that the server took (of one policy).

    Those before any write speak of the state that a scenario begins with.
    """
    found = []
    before: tuple[Label, int] | None = None
    for label, code in writes:
        is_event = label.what.startswith("event ")
        told = before is None or (before[0].what.endswith(" status") and before[1] == 200)
        if is_event and not told:
            found.append(f"{label} was sent before the status of which it speaks")
        if not is_event:
            before = (label, code)
    return found
