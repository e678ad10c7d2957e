"""Runs that do what a person says: approve, reject, roll back, pin. They read no data and import no scikit-learn.

The promotion log takes the answer as one more entry; who comes second reads again and decides again, so a request never
undoes a promotion that it has not seen. A request that was handed to another run is not carried out again: a cluster
restored from a backup asks for what was done long ago.
"""

from __future__ import annotations

from dataclasses import replace

from retrain_trainer.contract import Action, DataFacts
from retrain_trainer.decide.people import Answer, Kind, Standing, answer, named_version, trained_before
from retrain_trainer.errors import EXIT_PASSING, DataUnavailable, RegistryDamaged
from retrain_trainer.registry.manifest import Manifest
from retrain_trainer.registry.registry import Champion, Registry
from retrain_trainer.steps.answers import Reached
from retrain_trainer.steps.context import Context
from retrain_trainer.steps.deciding import called
from retrain_trainer.steps.memory import Memory

#: What each kind of entry comes to, for a run that died between its entry and its result.
_DONE: dict[str, tuple[str, str]] = {
    "Approval": ("Approved", "ApprovedByRequest"),
    "Overrule": ("Approved", "Overruled"),
    "Rollback": ("RolledBack", "RolledBackByRequest"),
    "Pin": ("Pinned", "PinnedBySpec"),
    "Probation": ("RolledBack", "ProbationFailed"),
}


def requested(this: Context) -> tuple[Reached | None, str]:
    """The answer to a person, or to a pin or an approval in the spec; None where this run is a check or a training.

    Beside it: what of the spec cannot be followed, or an empty text. The run goes on then: monitoring never stops.
    """
    action, request = this.run.action, this.run.request
    if action not in ("check", "train"):
        return _carry_out(this, action=action, request=request), ""
    if this.started.handled:
        return _reached(this, trained_before(request=request, run=this.started.handled), manifest=None), ""
    made = this.registry.log.of_run(key=this.run.key, after=this.started.promotion) if this.started.resumed else None
    if made is not None and made.kind in _DONE:
        return _carry_out(this, action=action, request=request), ""
    promotion, champion = this.spec.promotion, this.head.champion
    if promotion.pinned_version is not None:
        if champion is None or champion.manifest.version != promotion.pinned_version:
            return _followed(this, action="pin", field="pinnedVersion", version=promotion.pinned_version)
    elif promotion.approved_version is not None and this.head.waiting == promotion.approved_version:
        return _followed(this, action="approve", field="approvedVersion", version=promotion.approved_version)
    return None, ""


def _followed(this: Context, *, action: Action, field: str, version: int) -> tuple[Reached | None, str]:
    reached = _carry_out(this, action=action, request=str(version))
    if reached.reason not in ("UnknownVersion", "VersionUnusable"):
        return reached, ""
    wish = f"promotion.{field} {version} cannot be followed"
    this.say(f"{wish}: {reached.message}")
    return None, f"{wish} ({reached.reason})"


def _carry_out(this: Context, *, action: Action, request: str) -> Reached:
    registry = this.registry
    made = registry.log.of_run(key=this.run.key, after=this.started.promotion)
    if made is not None:
        outcome, reason = _DONE.get(made.kind, ("Approved", "ApprovedByRequest"))
        manifest = registry.versions.manifest(version=made.version)
        if made.kind == "Probation" and made.previous_version is not None:  # perhaps it died before it said so
            registry.reject(version=made.previous_version, run=this.run.key, request=made.request, time=made.time)
        told = Answer(outcome=outcome, reason=reason, message=f"version {made.version} is the champion")  # type: ignore[arg-type]
        return _reached(this, told, manifest=manifest)
    while True:
        champion = registry.champion()
        version = named_version(request)
        named = None if version is None else registry.versions.find(version=version)
        standing = _standing(this, champion=champion, named=named)
        if action == "reject" and standing.rejected and registry.rejected_by(version=version or 0) == this.run.key:
            standing = replace(standing, waiting=version)  # it did until this run, which died before it said so
        found = answer(action=action, request=request, standing=standing)
        if named is None or found.outcome == "Refused":
            return _reached(this, found, manifest=None)
        if found.rejects:
            registry.reject(version=named.version, run=this.run.key, request=request, time=this.now)
            return _reached(this, found, manifest=None)
        if found.promotes is None or _entered(this, named, champion, kind=found.promotes, request=request):
            return _reached(this, found, manifest=named if found.promotes else None)


def _standing(this: Context, *, champion: Champion | None, named: Manifest | None) -> Standing:
    registry, number = this.registry, None if champion is None else champion.manifest.version
    log = () if named is None else registry.log.entries()
    return Standing(
        champion=number,
        waiting=registry.waiting_version(champion=champion, newest=registry.versions.newest()),
        pinned=this.spec.promotion.pinned_version,
        known=named is not None,
        passed=named is not None and named.gate.verdict == "Better" and named.gate.champion == number,
        served=named is not None and named.version in {entry.version for entry in log},
        rejected=named is not None and registry.is_rejected(version=named.version),
        lacking="" if named is None or named.version == number else _lacking(registry, named),
        handled=this.started.handled,
    )


def _lacking(registry: Registry, manifest: Manifest) -> str:
    """Why a version cannot serve. What retention gave up must not come back: its model may go at any time."""
    grave = registry.tombstone(version=manifest.version)
    if grave is not None:
        return f"version {manifest.version} was given up on {grave.time:%Y-%m-%d %H:%M} UTC: {grave.message}"
    try:
        registry.versions.model(manifest=manifest)
    except (RegistryDamaged, DataUnavailable) as error:
        if error.exit_code == EXIT_PASSING:
            raise
        return error.message
    return ""


def _entered(this: Context, manifest: Manifest, champion: Champion | None, *, kind: Kind, request: str) -> bool:
    return this.registry.enter(
        manifest=manifest, after=champion, run=this.run.key, request=request, time=this.now, kind=kind
    )


def _reached(this: Context, found: Answer, *, manifest: Manifest | None) -> Reached:
    """A call that waits goes on waiting, whichever version is the champion now: nothing was trained."""
    memory, waiting = this.head.memory, called(this)
    if manifest is not None:
        memory = Memory.of_version(manifest=manifest, called=waiting)
    elif memory is not None:
        memory = replace(memory, called=waiting)
    return Reached(
        outcome=found.outcome,
        reason=found.reason,
        message=found.message,
        data=DataFacts(),
        memory=memory,
    )
