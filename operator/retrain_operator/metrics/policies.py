"""Metrics of policies, read from their status at the moment of a scrape.

Nothing is accumulated: a restart loses nothing, a deleted policy is gone from the next scrape, and what must outlive
the operator (counters) stands in the status itself. One table says what is shown; only names and numbers are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from retrain_operator.api import raw
from retrain_operator.api.policy import Policy
from retrain_operator.api.times import parse_time
from retrain_operator.api.vocabulary import ConditionType
from retrain_operator.metrics import words

Labels = tuple[str, ...]
Sample = tuple[Labels, float]

_CONDITIONS: Final[tuple[str, ...]] = get_args(ConditionType)
_TRUTH: Final = {"True": 1.0, "False": 0.0, "Unknown": -1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One metric: `read` gives the samples of a policy, each with the values of `labels` (after namespace, policy)."""

    name: str
    kind: Literal["gauge", "counter"]
    help: str
    read: Callable[[Policy], Iterable[Sample]]
    labels: Labels = ()


def _number(*path: str) -> Callable[[Policy], Iterable[Sample]]:
    def read(policy: Policy) -> Iterable[Sample]:
        value = raw.number(raw.at(policy.status, *path))
        return () if value is None else (((), value),)

    return read


def _time(name: str) -> Callable[[Policy], Iterable[Sample]]:
    def read(policy: Policy) -> Iterable[Sample]:
        time = parse_time(policy.status.get(name))
        return () if time is None else (((), time.timestamp()),)

    return read


def _length(name: str) -> Callable[[Policy], Iterable[Sample]]:
    return lambda policy: (((), float(len(raw.items(policy.status.get(name))))),)


def _conditions(policy: Policy) -> Iterator[Sample]:
    for item in raw.items(policy.status.get("conditions")):
        kind, truth = item.get("type"), _TRUTH.get(str(item.get("status")))
        if kind in _CONDITIONS and truth is not None:
            yield (str(kind),), truth


def _outcomes(policy: Policy) -> Iterator[Sample]:
    counted = raw.mapping(raw.at(policy.status, "counters", "outcomes"))
    for outcome in words.OUTCOMES:
        yield (outcome,), raw.number(counted.get(outcome)) or 0.0


def _training_seconds(policy: Policy) -> Iterator[Sample]:
    counted = raw.mapping(raw.at(policy.status, "counters", "trainingSeconds"))
    for outcome in (*words.TRAINED, "Failed"):
        yield (outcome,), raw.number(counted.get(outcome)) or 0.0


def _info(policy: Policy) -> Iterable[Sample]:
    return (((words.scorer(policy.status.get("metric")),), 1.0),)


def _newest(policy: Policy) -> Mapping[str, Any]:
    return next(iter(raw.items(policy.status.get("runs"))), raw.EMPTY)


def _last_run(policy: Policy) -> Iterable[Sample]:
    run = _newest(policy)
    if not run:
        return ()
    labels = (
        words.word(run.get("action"), words.ACTIONS),
        words.word(run.get("cause"), words.CAUSES),
        words.word(run.get("outcome"), words.OUTCOMES),
    )
    return ((labels, 1.0),)


def _last_run_seconds(policy: Policy) -> Iterable[Sample]:
    run = _newest(policy)
    begun, ended = parse_time(run.get("startTime")), parse_time(run.get("completionTime"))
    return () if begun is None or ended is None else (((), max(0.0, (ended - begun).total_seconds())),)


def _waiting(policy: Policy) -> Iterable[Sample]:
    return (((), float(sum(1 for run in raw.items(policy.status.get("active")) if run.get("waiting")))),)


def _gauge(name: str, text: str, read: Callable[[Policy], Iterable[Sample]], labels: Labels = ()) -> Family:
    return Family(name=f"retrain_policy_{name}", kind="gauge", help=text, read=read, labels=labels)


def _counter(name: str, text: str, read: Callable[[Policy], Iterable[Sample]], labels: Labels = ()) -> Family:
    return Family(name=f"retrain_policy_{name}", kind="counter", help=text, read=read, labels=labels)


FAMILIES: Final = (
    _gauge("info", "Always 1; the label names the metric that the champion is judged by.", _info, ("metric",)),
    _gauge("condition", "Conditions: 1 True, 0 False, -1 Unknown.", _conditions, ("type",)),
    _gauge("champion_score", "The champion's newest score, in the metric's own unit.", _number("score")),
    _gauge("champion_accuracy_ratio", "The champion's newest accuracy, 0 to 1.", _number("accuracy")),
    _gauge("threshold", "The threshold that the newest score was held against.", _number("threshold")),
    _gauge("champion_version", "The version in use.", _number("modelVersion")),
    _gauge(
        "champion_promotion_timestamp_seconds",
        "When the champion was promoted, in seconds since 1970.",
        _time("promotionTime"),
    ),
    _gauge("champion_trained_rows", "Rows that the champion was trained on.", _number("trainedRows")),
    _gauge("challenger_score", "Score of the newest version not promoted.", _number("challenger", "score")),
    _gauge("drifted_features_ratio", "Share of the features that have drifted, 0 to 1.", _number("drift", "share")),
    _gauge(
        "last_check_timestamp_seconds",
        "When the newest result was made, in seconds since 1970.",
        _time("lastCheckTime"),
    ),
    _gauge(
        "last_trained_timestamp_seconds",
        "When a version was last trained, in seconds since 1970.",
        _time("lastTrainedTime"),
    ),
    _gauge(
        "next_schedule_timestamp_seconds",
        "When the schedule comes next, in seconds since 1970; none while suspended.",
        _time("nextScheduleTime"),
    ),
    _gauge("active_runs", "Runs that have not ended.", _length("active")),
    _gauge("waiting_runs", "Runs whose pod has not started and whose cause is known.", _waiting),
    _gauge("pending_requests", "Runs that are called for and wait for the one under way.", _length("pending")),
    _gauge("consecutive_failures", "Runs in a row that reached no outcome.", _number("consecutiveFailures")),
    _gauge("last_run_info", "Always 1; the labels tell of the newest run.", _last_run, ("action", "cause", "outcome")),
    _gauge(
        "last_run_duration_seconds",
        "Seconds from the newest run's Job to its end, waiting included.",
        _last_run_seconds,
    ),
    _counter("checks", "Runs that began, as the registry counts them.", _number("counters", "checks")),
    _counter("trainings", "Versions trained, as the registry counts them.", _number("counters", "trainings")),
    _counter("promotions", "Promotions, as the registry counts them.", _number("counters", "promotions")),
    _counter("runs", "Runs recorded in the status, by what they came to.", _outcomes, ("outcome",)),
    _counter(
        "training_seconds",
        "Seconds from Job to end of runs that trained; NotPromoted and Failed are what was wasted.",
        _training_seconds,
        ("outcome",),
    ),
)


class PolicyCollector(Collector):
    """Reads what `policies` returns, in a thread of its own: it must return a copy, and policies never change."""

    def __init__(self, *, policies: Callable[[], Iterable[Policy]]) -> None:
        self._policies = policies

    def collect(self) -> Iterator[Metric]:
        """One family after the other, each with the samples of every policy."""
        policies = [(policy, (policy.key.namespace, policy.key.name)) for policy in self._policies()]
        for family in FAMILIES:
            metric = Metric(family.name, family.help, family.kind)
            sample = f"{family.name}_total" if family.kind == "counter" else family.name
            names = ("namespace", "policy", *family.labels)
            for policy, key in policies:
                for labels, value in family.read(policy):
                    metric.add_sample(sample, dict(zip(names, (*key, *labels), strict=True)), value)
            yield metric
