"""Compares what stands in MLflow with what should stand, and does what is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from retrain_trainer.mirror.mlflow import MirrorProblem, ModelRegistry, Registered
from retrain_trainer.mirror.order import Answer, Order
from retrain_trainer.mirror.versions import POLICY, Wanted, missing, number_of

#: How often a version is registered before the run gives up.
_TRIES: Final = 4


def answered(order: Order) -> Answer:
    """Do it, and tell what came of it. Never raises."""
    lines: list[str] = []
    try:
        level(order, say=lines.append)
    except MirrorProblem as problem:
        return Answer(reason=problem.reason, message=problem.message, lines=tuple(lines))
    except Exception as error:  # what answers at this URI may be no MLflow at all, and its client no proof against that
        kind = type(error).__name__
        message = (
            f"MLflow's client gives up ({kind}): look at what answers at {order.spec.tracking_uri}, and at the "
            "MLFLOW_… variables of spec.job.env"
        )
        return Answer(reason="MLflowRefused", message=message, lines=tuple(lines))
    return Answer(lines=tuple(lines))


def level(order: Order, *, say: Callable[[str], None]) -> None:
    """Raises MirrorProblem. In the ordinary case two requests and no write.

    The alias goes first where its version is there; then comes the history, of which one version that is refused does
    not keep back the others.
    """
    models = ModelRegistry(spec=order.spec, page=order.page)
    registered = _our_model(models, order=order)
    found = models.versions()
    champion = next(item for item in order.wanted if item.version == order.champion)
    number = number_of(champion, found=found)
    if number is not None:
        _alias(models, order=order, number=number, before=registered.aliased, say=say)
    problems = []
    for item in missing(wanted=order.wanted, found=found):
        try:
            made = _added(models, item)
        except MirrorProblem as problem:
            if item is champion or problem.reason != "MLflowRefused":
                raise
            problems.append(problem)
            continue
        say(f"version {item.version} is {order.spec.name}/{made}")
        if item is champion:
            _alias(models, order=order, number=made, before=registered.aliased, say=say)
    if problems:
        raise problems[0]


def _added(models: ModelRegistry, item: Wanted) -> int:
    """The number of a version that was missing. Where only the answer is lost, it is there.

    MLflow gives out the next number without a lock: of runs at once one may be told 500, and is in time the next time.
    """
    for _ in range(_TRIES - 1):
        try:
            return models.add(item)
        except MirrorProblem as problem:
            if problem.reason != "MLflowUnreachable":
                raise
        number = number_of(item, found=models.versions())
        if number is not None:
            return number
    return models.add(item)


def _alias(models: ModelRegistry, *, order: Order, number: int, before: int | None, say: Callable[[str], None]) -> None:
    if number != before:
        models.alias(number=number)
        say(f"{order.spec.name}@{order.spec.alias} is version {order.champion}")


def _our_model(models: ModelRegistry, *, order: Order) -> Registered:
    """A registered model of somebody else is left alone."""
    found = models.find()
    if found is None:
        tags = {POLICY: order.policy}
        models.create(tags=tags, description=f"The champions of RetrainPolicy {order.policy}, mirrored.")
        found = models.find()
    owner = None if found is None else found.tags.get(POLICY)
    if found is None or owner != order.policy:
        whose = "nobody's" if owner is None else "another's"
        raise MirrorProblem(
            reason="NameConflict",
            message=f"registered model {order.spec.name} was not made for this policy; by its tag {POLICY} it is "
            f"{whose}. Write another name, or set that tag to {order.policy}",
        )
    return found
