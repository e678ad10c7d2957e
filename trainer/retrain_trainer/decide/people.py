"""What a person's approve, reject, rollback or pin comes to: pure, from what the registry tells of that version."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from retrain_trainer.contract import Action, Outcome

Kind = Literal["Promotion", "Approval", "Overrule", "Rollback", "Pin", "Probation"]

_REQUEST = re.compile(r"([0-9]{1,9})(@.*)?", flags=re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The registry as a request finds it, and the version it names.

    champion, waiting, pinned: versions, None where there is none; pinned is what the spec says. Of the version named:
    known: it is published. passed: the gate let it pass, against the champion in force. served: it was the champion
    before. rejected: by a person. lacking: why its model cannot be served, empty where it can. handled: the run
    that this very request was handed to before, empty where none was.
    """

    champion: int | None
    waiting: int | None
    pinned: int | None
    known: bool
    passed: bool
    served: bool
    rejected: bool
    lacking: str = ""
    handled: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`promotes`: the kind of the entry that makes the version named the champion. `rejects`: it waits no more."""

    outcome: Outcome
    reason: str
    message: str
    promotes: Kind | None = None
    rejects: bool = False


def named_version(request: str) -> int | None:
    """The version in `3` or `3@token`; None for anything else."""
    match = _REQUEST.fullmatch(request.strip())
    return int(match[1]) if match and int(match[1]) > 0 else None


def answer(*, action: Action, request: str, standing: Standing) -> Answer:
    """Pinned goes before rollback, rollback before approve; what cannot be is refused, with the reason."""
    version = named_version(request)
    if action == "pin" and not request:
        return Answer(
            outcome="Pinned", reason="Unpinned", message=f"no version is pinned any more; {_champion(standing)}"
        )
    if version is None:
        return _refused(
            "InvalidRequest",
            f"{request[:40]!r} names no version; write its number, such as 3, or 3@again to ask once more",
        )
    if not standing.known:
        return _refused(
            "UnknownVersion", f"version {version} is not in the registry; `versions/` there has a folder each"
        )
    if action == "pin" and version == standing.champion:
        return Answer(outcome="Pinned", reason="PinnedBySpec", message=f"version {version} is the champion, and pinned")
    if action != "reject" and version == standing.champion:
        return _refused("AlreadyChampion", f"version {version} is the champion already")
    if action != "reject" and standing.lacking:
        return _refused("VersionUnusable", f"{standing.lacking}; name a version whose model is there")
    if action != "pin" and standing.handled:
        return _refused(
            "AlreadyHandled",
            f"{request[:40]!r} was handed to run {standing.handled} before; to ask once more, write {version}@ and "
            "any word not used before",
        )
    if action != "pin" and standing.pinned is not None:
        return _refused(
            "PinnedBySpec", f"version {standing.pinned} is pinned; remove spec.promotion.pinnedVersion first"
        )
    if action == "pin":
        return Answer(
            outcome="Pinned", reason="PinnedBySpec", message=f"version {version} is pinned by the spec", promotes="Pin"
        )
    if action == "rollback":
        return _rollback(version, standing)
    return _approve(version, standing) if action == "approve" else _reject(version, standing)


def trained_before(*, request: str, run: str) -> Answer:
    """The answer to a `train` that another run was given before."""
    return _refused(
        "AlreadyHandled",
        f"{request[:40]!r} was handed to run {run} before; to train once more, write a text not used before, such as "
        "today's date",
    )


def _rollback(version: int, standing: Standing) -> Answer:
    if not standing.served:
        return _refused(
            "NeverChampion", f"version {version} has never been the champion; to overrule the gate, approve it by name"
        )
    return Answer(
        outcome="RolledBack",
        reason="RolledBackByRequest",
        message=f"version {version} is the champion again, instead of version {standing.champion}",
        promotes="Rollback",
    )


def _approve(version: int, standing: Standing) -> Answer:
    if version == standing.waiting:
        return Answer(
            outcome="Approved",
            reason="ApprovedByRequest",
            message=f"version {version} was waiting, and is the champion now",
            promotes="Approval",
        )
    why = (
        "it had been rejected, or taken back on probation"
        if standing.rejected
        else "it had not passed the gate against this champion"
    )
    overruled = standing.rejected or not standing.passed
    return Answer(
        outcome="Approved",
        reason="Overruled" if overruled else "ApprovedByRequest",
        message=f"version {version} is the champion now" + (f", by a person's word: {why}" if overruled else ""),
        promotes="Overrule" if overruled else "Approval",
    )


def _reject(version: int, standing: Standing) -> Answer:
    if version != standing.waiting:
        what = "no version waits" if standing.waiting is None else f"version {standing.waiting} waits"
        return _refused("NothingWaiting", f"version {version} does not wait for approval; {what}")
    return Answer(
        outcome="NotPromoted",
        reason="Rejected",
        message=f"version {version} was rejected and waits no more; {_champion(standing)}",
        rejects=True,
    )


def _champion(standing: Standing) -> str:
    return "there is no champion" if standing.champion is None else f"version {standing.champion} stays the champion"


def _refused(reason: str, message: str) -> Answer:
    return Answer(outcome="Refused", reason=reason, message=message)
