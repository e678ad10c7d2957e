"""Levels MLflow with the registry at the end of a run. The registry is the truth; nothing is read back from MLflow.

Whatever made the champion (a gate, a person, a pin, a rollback), and whatever was missed while MLflow was away: what
should stand is compared with what stands. In the ordinary case that is two requests and no write.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from retrain_trainer.contract import MirrorFacts
from retrain_trainer.errors import RunError
from retrain_trainer.mirror.mlflow import MirrorProblem, ModelRegistry
from retrain_trainer.mirror.versions import POLICY, REMOVED, Wanted, steps, wanted_of
from retrain_trainer.registry.registry import Registry
from retrain_trainer.spec import MLflowSpec

#: Entries of the promotion log that are mirrored, the newest ones.
MAX_PROMOTIONS: Final = 50

#: Seconds after which a run goes on, whatever MLflow is at.
BUDGET: Final = 60.0


def mirrored(
    *, spec: MLflowSpec, policy: str, registry: Registry, source: Callable[[int], str], say: Callable[[str], None]
) -> MirrorFacts:
    """Do what is missing and tell what came of it. Never raises: a run whose model is good is not lost to its mirror.

    `policy`: `namespace/name`. `source`: the URI of a version. Beside the run, since timeouts of the client count from
    byte to byte: an answer that trickles in would have no end. What is still under way then ends with the process.
    """
    told: list[MirrorFacts] = []

    def work() -> None:
        told.append(_told(spec=spec, policy=policy, registry=registry, source=source, say=say))

    beside = threading.Thread(target=work, name="mlflow", daemon=True)
    beside.start()
    beside.join(timeout=BUDGET)
    if told:
        return told[0]
    message = f"{spec.tracking_uri} is too slow: it took more than {BUDGET:g} s"
    say(f"mlflow: MLflowUnreachable: {message}")
    return MirrorFacts(target=spec.target, version=None, reason="MLflowUnreachable", message=message)


def _told(
    *, spec: MLflowSpec, policy: str, registry: Registry, source: Callable[[int], str], say: Callable[[str], None]
) -> MirrorFacts:
    try:
        version = _level(spec=spec, policy=policy, registry=registry, source=source, say=say)
    except (MirrorProblem, RunError) as problem:
        say(f"mlflow: {problem.reason}: {problem.message}")
        return MirrorFacts(target=spec.target, version=None, reason=problem.reason, message=problem.message)
    except Exception as error:  # what answers at this URI may be no MLflow at all, and its client no proof against that
        message = f"{spec.tracking_uri} gives no answer that MLflow's client understands ({type(error).__name__})"
        say(f"mlflow: MLflowRefused: {message}")
        return MirrorFacts(target=spec.target, version=None, reason="MLflowRefused", message=message)
    return MirrorFacts(target=spec.target, version=version)


def _level(
    *, spec: MLflowSpec, policy: str, registry: Registry, source: Callable[[int], str], say: Callable[[str], None]
) -> int | None:
    champion = registry.champion()
    if champion is None:
        return None
    version = champion.manifest.version
    wanted = _wanted(policy=policy, registry=registry, source=source)
    models = ModelRegistry(spec=spec)
    aliased = _our_model(models, spec=spec, policy=policy)
    todo = steps(wanted=wanted, champion=version, found=models.versions(), removed=registry.given_up())
    number = todo.alias
    for item in todo.create:
        made = models.add(item)
        say(f"mlflow: version {item.version} is {spec.name}/{made.number}")
        if item.version == version:
            number = made.number
    if number is not None and number != aliased:
        models.alias(number=number)
        say(f"mlflow: {spec.name}@{spec.alias} is version {version}")
    for gone in todo.mark_removed:
        models.mark(number=gone, tag=REMOVED)
    return version


def _our_model(models: ModelRegistry, *, spec: MLflowSpec, policy: str) -> str | None:
    """The number that bears the alias. A registered model of somebody else is left alone."""
    found = models.find()
    if found is None:
        models.create(tags={POLICY: policy}, description=f"The champions of RetrainPolicy {policy}, mirrored.")
        found = models.find()
    owner = None if found is None else found.tags.get(POLICY)
    if found is None or owner != policy:
        whose = "nobody's" if owner is None else f"that of {owner}"
        raise MirrorProblem(
            reason="NameConflict",
            message=f"registered model {spec.name} was not made for this policy; write another name, or set its tag "
            f"{POLICY} to {policy} (it is {whose})",
        )
    return found.aliased


def _wanted(*, policy: str, registry: Registry, source: Callable[[int], str]) -> tuple[Wanted, ...]:
    numbers = registry.log.numbers()[-MAX_PROMOTIONS:]
    versions = {registry.log.entry(number=number).version for number in numbers}
    manifests = [found for version in versions if (found := registry.versions.find(version=version)) is not None]
    return wanted_of(policy=policy, manifests=manifests, source=source)
