"""Levels MLflow with the registry at the end of a run. The registry is the truth; nothing is read back from MLflow.

Whatever made the champion (a gate, a person, a pin, a rollback), and whatever was missed while MLflow was away: what
should stand is compared with what stands.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Final

from retrain_trainer.contract import MirrorFacts
from retrain_trainer.errors import RunError
from retrain_trainer.mirror.order import Answer, Order
from retrain_trainer.mirror.versions import wanted_of
from retrain_trainer.registry.manifest import Manifest
from retrain_trainer.registry.registry import Champion, Registry
from retrain_trainer.spec import MLflowSpec

#: Entries of the promotion log that are mirrored, the newest ones; each costs two small reads of the registry.
MAX_PROMOTIONS: Final = 10

#: Seconds after which a run goes on, whatever MLflow is at.
BUDGET: Final = 60.0

#: Done again where another run has made another version the champion meanwhile.
_TIMES: Final = 2

Ask = Callable[[Order], Answer]


def in_a_process(order: Order) -> Answer:
    """The answer of a process of its own (see `__main__`), ended after BUDGET seconds."""
    command = [sys.executable, "-m", "retrain_trainer.mirror"]
    try:
        done = subprocess.run(
            command,
            input=order.to_json(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=BUDGET,
            check=False,
        )
        return Answer.from_json(done.stdout)
    except subprocess.TimeoutExpired:
        return Answer(
            reason="MLflowUnreachable",
            message=f"{order.spec.tracking_uri} is too slow: it took more than {BUDGET:g} s",
        )
    except (OSError, ValueError, TypeError, KeyError):
        return Answer(
            reason="MLflowRefused",
            message=f"MLflow's client ended without an answer: look at what answers at {order.spec.tracking_uri}",
        )


def mirrored(
    *,
    spec: MLflowSpec,
    policy: str,
    registry: Registry,
    source: Callable[[int], str],
    say: Callable[[str], None],
    ask: Ask = in_a_process,
) -> MirrorFacts:
    """Do what is missing and tell what came of it. Never raises: a run whose model is good is not lost to its mirror.

    `policy`: `namespace/name`. `source`: the URI of a version. Whoever makes another version the champion meanwhile may
    have looked at MLflow before this run was done with it, so the log is read again afterwards.
    """
    try:
        for _ in range(_TIMES):
            champion = registry.champion()
            if champion is None:
                return MirrorFacts(target=spec.target, version=None)
            version = champion.manifest.version
            answer = ask(_order(spec=spec, policy=policy, registry=registry, champion=champion, source=source))
            for line in answer.lines:
                say(f"mlflow: {line}")
            if answer.reason:
                say(f"mlflow: {answer.reason}: {answer.message}")
                return MirrorFacts(target=spec.target, version=None, reason=answer.reason, message=answer.message)
            if registry.log.last() == champion.promotion.number:
                break
    except RunError as error:
        say(f"mlflow: {error.reason}: {error.message}")
        return MirrorFacts(target=spec.target, version=None, reason=error.reason, message=error.message)
    return MirrorFacts(target=spec.target, version=version)


def _order(
    *, spec: MLflowSpec, policy: str, registry: Registry, champion: Champion, source: Callable[[int], str]
) -> Order:
    manifests = {champion.manifest.version: champion.manifest}
    for number in range(champion.promotion.number - 1, max(0, champion.promotion.number - MAX_PROMOTIONS), -1):
        if (manifest := _promoted(registry, number=number)) is not None:
            manifests.setdefault(manifest.version, manifest)
    version = champion.manifest.version
    wanted = wanted_of(
        policy=policy,
        manifests=list(manifests.values()),
        given_up=registry.given_up(),
        champion=version,
        source=source,
    )
    return Order(spec=spec, policy=policy, champion=version, wanted=wanted)


def _promoted(registry: Registry, *, number: int) -> Manifest | None:
    """An earlier champion; None where it cannot be read any more: that must not keep the present one back."""
    try:
        return registry.versions.find(version=registry.log.entry(number=number).version)
    except RunError:
        return None
