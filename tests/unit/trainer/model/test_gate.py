"""The gate's three answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from retrain_trainer.features import Samples
from retrain_trainer.model.compare import Comparison, Guard, compare, slices
from retrain_trainer.model.evaluate import constant_prediction
from retrain_trainer.model.gate import Verdict, judge
from retrain_trainer.model.intervals import Interval
from retrain_trainer.model.metrics import resolve_metric
from retrain_trainer.model.prediction import Prediction
from retrain_trainer.spec import GuardSpec, PromotionSpec

from tests.unit.trainer.model.builders import two_class


def interval(low: float, high: float, problem: str | None = None, units: int = 28) -> Interval:
    return Interval(
        estimate=(low + high) / 2,
        low=low,
        high=high,
        standard_error=(high - low) / 3.4,
        confidence=0.95,
        units=units,
        rows=1000,
        problem=problem,  # type: ignore[arg-type]
    )


SKILLED = interval(0.1, 0.3)
NONE = Interval(
    estimate=0.2, low=-np.inf, high=np.inf, standard_error=np.inf, confidence=0.95, units=3, rows=900, problem=None
)


def comparison(
    difference: Interval | None, skill: Interval = SKILLED, *, score: float = 0.7, greater: bool = True
) -> Comparison:
    return Comparison(
        metric="roc_auc" if greater else "mean_absolute_error",
        greater_is_better=greater,
        challenger=score,
        champion=None if difference is None else 0.65,
        constant=0.5,
        difference=difference,
        skill=skill,
        unit="day",
    )


def judged(found: Comparison, *, threshold: float | None = None, **promotion: Any) -> Verdict:
    """The verdict of a policy with this promotion."""
    return judge(comparison=found, promotion=PromotionSpec(**promotion), threshold=threshold, min_per_class=30)


@pytest.mark.parametrize(
    ("difference", "skill", "goal", "verdict", "reason", "part"),
    [
        pytest.param(
            interval(0.01, 0.09), SKILLED, 0, "Better", "ClearlyBetter", "at least 0.01 with 0.95", id="clear"
        ),
        pytest.param(
            interval(0.01, 0.09), SKILLED, 0.02, "Inconclusive", "NotSettled", "days would", id="not by enough"
        ),
        pytest.param(interval(-0.05, 0.0), SKILLED, 0, "NotBetter", "NotAboveMinImprovement", "at most 0", id="on it"),
        pytest.param(interval(-0.02, 0.05), SKILLED, 0, "Inconclusive", "NotSettled", "153 days", id="open"),
        pytest.param(interval(-0.05, 0.051), SKILLED, 0, "Inconclusive", "NotSettled", "no realistic", id="never"),
        pytest.param(interval(0.01, 0.09), interval(-0.3, 0.1), 0, "NotBetter", "NoSkill", "constant", id="no skill"),
        pytest.param(
            interval(0.01, 0.09), interval(np.nan, np.nan), 0, "NotBetter", "NoSkill", "constant", id="skill unknown"
        ),
        pytest.param(
            replace(NONE, problem="TooFewUnits"), SKILLED, 0, "Inconclusive", "TooFewUnits", "3 days", id="3 days"
        ),
        pytest.param(
            replace(NONE, problem="TooFewRows"), SKILLED, 0, "Inconclusive", "TooFewRows", "minRows", id="few rows"
        ),
        pytest.param(
            replace(NONE, problem="Undefined", estimate=np.nan),
            SKILLED,
            0,
            "Inconclusive",
            "Undefined",
            "900",
            id="nan",
        ),
    ],
)
def test_a_challenger_against_a_champion(
    difference: Interval, skill: Interval, goal: float, verdict: str, reason: str, part: str
) -> None:
    found = judged(comparison(difference, skill), min_improvement=goal)
    assert (found.verdict, found.reason, found.held) == (verdict, reason, False)
    assert part in found.message
    check_message(found)


@pytest.mark.parametrize(
    ("score", "greater", "skill", "min_score", "threshold", "verdict", "reason"),
    [
        pytest.param(0.7, True, SKILLED, None, None, "Better", "FirstModel", id="skill is enough without a threshold"),
        pytest.param(0.7, True, SKILLED, None, 0.7, "Better", "FirstModel", id="on the threshold"),
        pytest.param(0.7, True, SKILLED, None, 0.71, "NotBetter", "BelowMinScore", id="below the threshold"),
        pytest.param(0.7, True, SKILLED, 0.6, 0.71, "Better", "FirstModel", id="minScore goes before the threshold"),
        pytest.param(9.0, False, SKILLED, None, 10.0, "Better", "FirstModel", id="an error below its threshold"),
        pytest.param(11.0, False, SKILLED, None, 10.0, "NotBetter", "BelowMinScore", id="an error above it"),
        pytest.param(0.7, True, interval(-0.1, 0.3), None, 0.5, "NotBetter", "NoSkill", id="skill not shown"),
        pytest.param(0.7, True, interval(-0.3, -0.1), None, 0.9, "NotBetter", "NoSkill", id="worse than a constant"),
        pytest.param(
            0.7, True, replace(NONE, problem="TooFewUnits"), None, None, "Inconclusive", "TooFewUnits", id="3 days"
        ),
        pytest.param(float("nan"), True, SKILLED, None, 0.5, "NotBetter", "BelowMinScore", id="an undefined score"),
    ],
)
def test_a_first_model(
    score: float,
    greater: bool,
    skill: Interval,
    min_score: float | None,
    threshold: float | None,
    verdict: str,
    reason: str,
) -> None:
    found = judged(comparison(None, skill, score=score, greater=greater), min_score=min_score, threshold=threshold)
    assert (found.verdict, found.reason, found.held) == (verdict, reason, False)
    check_message(found)


def check_message(found: Verdict) -> None:
    """Fits the status (256 characters), and no number in it is infinite or missing."""
    assert 0 < len(found.message) <= 256
    for number in (found.difference, found.low, found.high):
        assert number is None or np.isfinite(number)


def scored(seed: int, skill: float, y: np.ndarray[tuple[int], np.dtype[np.object_]]) -> Prediction:
    noise = np.random.default_rng(seed).normal(size=len(y))
    return two_class(positive=1 / (1 + np.exp(-skill * (y == "yes") - noise)))


@pytest.mark.parametrize(
    ("challenger", "champion", "verdict"),
    [
        pytest.param(3.0, 1.0, "Better", id="much better"),
        pytest.param(1.0, 3.0, "NotBetter", id="much worse"),
        pytest.param(1.0, 1.0, "Inconclusive", id="alike"),
    ],
)
@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "balanced_accuracy", "f1"])
def test_real_predictions_are_compared_in_the_right_direction(
    metric: str, challenger: float, champion: float, verdict: str
) -> None:
    y = np.random.default_rng(1).choice(np.array(["no", "yes"], dtype=object), 1200)
    resolved = resolve_metric(name=metric, task="Classification", positive_class=None, classes=("no", "yes"))
    compared = compare(
        metric=resolved,
        samples=Samples(X=np.zeros((1200, 1)), y=y, unit=np.arange(1200) // 60, kind="day"),
        challenger=scored(2, challenger, y),
        champion=scored(5, champion, y),
        constant=constant_prediction(metric=resolved, training_y=y, rows=1200),
        confidence=0.95,
        min_rows=500,
    )
    found = judged(compared)
    assert found.verdict == verdict, found.message
    assert "1,200 rows of 20 days" in found.message


def answering(*, seed: int, share: float, skill: float, positives: float = 0.2) -> tuple[Samples, Prediction]:
    """Fourteen days, and a model that says yes to a share of the rows: by chance, or with `skill` by what is true."""
    draw = np.random.default_rng(seed)
    yes = draw.random(1400) < positives
    score = draw.normal(size=1400) + skill * yes
    said = score >= np.quantile(score, 1 - share)
    samples = Samples(X=np.zeros((1400, 1)), y=_named(yes), unit=np.arange(1400) // 100, kind="day")
    return samples, Prediction(labels=_named(said).astype(str), classes=("no", "yes"))


def _named(yes: Any) -> Any:
    return np.where(yes, "yes", "no").astype(object)


def first_model(metric: str, samples: Samples, prediction: Prediction) -> Verdict:
    resolved = resolve_metric(name=metric, task="Classification", positive_class="yes", classes=("no", "yes"))
    constant = constant_prediction(metric=resolved, training_y=samples.y, rows=samples.rows)
    compared = compare(
        metric=resolved,
        samples=samples,
        challenger=prediction,
        champion=None,
        constant=constant,
        confidence=0.95,
        min_rows=500,
    )
    return judged(compared)


LABEL_METRICS = [
    "f1", "precision", "recall", "jaccard", "f1_macro", "f1_weighted", "precision_macro", "precision_weighted",
    "recall_macro", "jaccard_macro", "jaccard_weighted", "balanced_accuracy", "matthews_corrcoef", "accuracy",
]  # fmt: skip


@pytest.mark.parametrize("positives", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("share", [0.1, 0.6])
@pytest.mark.parametrize("metric", LABEL_METRICS)
def test_answers_by_chance_are_no_skill_whatever_they_favour(metric: str, share: float, positives: float) -> None:
    found = [
        first_model(metric, *answering(seed=seed, share=share, skill=0.0, positives=positives)) for seed in range(40)
    ]
    passed = [verdict.message for verdict in found if verdict.verdict == "Better"]
    assert len(passed) <= 5, passed  # 5 % of 40 are 2; 6 or more come once in 70 times


@pytest.mark.parametrize("metric", LABEL_METRICS)
def test_skill_is_seen_by_every_metric_of_labels(metric: str) -> None:
    verdict = first_model(metric, *answering(seed=1, share=0.2, skill=3.0))
    assert (verdict.verdict, verdict.reason) == ("Better", "FirstModel"), verdict.message


@pytest.mark.parametrize(
    ("metric", "share", "told"),
    [
        pytest.param("recall", 0.5, "its own answers dealt out at random has 0.5;", id="recall: what share says yes"),
        pytest.param("precision", 0.2, "a constant model has 0.1871;", id="precision: the share of yes"),
        pytest.param("f1", 0.2, "a constant model has 0.3153;", id="f1: yes to every row"),
    ],
)
def test_the_floor_is_told(metric: str, share: float, told: str) -> None:
    assert told in first_model(metric, *answering(seed=1, share=share, skill=3.0)).message


@pytest.mark.parametrize("rule", [{}, {"rule": "NonInferior", "tolerance": 0.1}], ids=["superior", "not inferior"])
def test_a_model_that_repeats_the_champion_is_not_better(rule: dict[str, Any]) -> None:
    y = np.random.default_rng(1).choice(np.array(["no", "yes"], dtype=object), 600)
    resolved = resolve_metric(name="roc_auc", task="Classification", positive_class=None, classes=("no", "yes"))
    same = scored(2, 2.0, y)
    compared = compare(
        metric=resolved,
        samples=Samples(X=np.zeros((600, 1)), y=y, unit=np.arange(600)),
        challenger=same,
        champion=same,
        constant=constant_prediction(metric=resolved, training_y=y, rows=600),
        confidence=0.95,
        min_rows=500,
    )
    found = judged(compared, **rule)
    assert (found.verdict, found.reason) == ("NotBetter", "SameModel")


@pytest.mark.parametrize(
    ("changes", "promotion", "verdict", "reason", "held"),
    [
        pytest.param({"rarest": ("yes", 29)}, {}, "Inconclusive", "TooFewPerClass", False, id="29 rows of a class"),
        pytest.param({"rarest": ("yes", 30)}, {}, "Better", "ClearlyBetter", False, id="30 rows of it"),
        pytest.param({"same": True}, {}, "NotBetter", "SameModel", False, id="the champion itself"),
        pytest.param({"suspicion": "too good"}, {}, "Better", "LeakSuspected", True, id="a leak"),
        pytest.param(
            {"difference": interval(-0.02, 0.05)},
            {"rule": "NonInferior", "tolerance": 0.03},
            "Better",
            "NotInferior",
            False,
            id="a little worse at most",
        ),
        pytest.param(
            {"difference": interval(-0.04, 0.05)},
            {"rule": "NonInferior", "tolerance": 0.03},
            "Inconclusive",
            "NotSettled",
            False,
            id="perhaps worse than tolerated",
        ),
        pytest.param(
            {"difference": interval(-0.09, -0.03)},
            {"rule": "NonInferior", "tolerance": 0.03},
            "NotBetter",
            "WorseThanTolerance",
            False,
            id="worse than tolerated",
        ),
        pytest.param(
            {"difference": None, "champion": None, "incomparable": "the target changed"},
            {},
            "Better",
            "Incomparable",
            True,
            id="incomparable, and a person decides",
        ),
        pytest.param(
            {"difference": None, "champion": None, "incomparable": "the target changed"},
            {"on_incomparable": "Promote"},
            "Better",
            "ReplacesIncomparable",
            False,
            id="incomparable, and the policy decides",
        ),
        pytest.param(
            {"difference": None, "champion": None, "incomparable": "x", "suspicion": "too good"},
            {"on_incomparable": "Promote"},
            "Better",
            "LeakSuspected",
            True,
            id="incomparable, and too good",
        ),
    ],
)
def test_the_other_parts(
    changes: dict[str, Any], promotion: dict[str, Any], verdict: str, reason: str, held: bool
) -> None:
    found = judged(replace(comparison(interval(0.01, 0.09)), **changes), **promotion)
    assert (found.verdict, found.reason, found.held) == (verdict, reason, held)
    check_message(found)


GUARD = Guard(name="f1", bound=0.5, at_least=True, score=0.4, rows=900, min_rows=100, difference=None, of_slice=False)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        pytest.param({"score": 0.5}, "Kept", id="on its bound"),
        pytest.param({}, "Broken", id="below it, and nothing to compare with"),
        pytest.param({"difference": interval(-0.3, 0.01)}, "Kept", id="below it like the champion"),
        pytest.param({"difference": interval(-0.3, -0.01)}, "Broken", id="below it and clearly worse"),
        pytest.param({"difference": replace(NONE, problem="TooFewUnits")}, "Broken", id="below it, and too few days"),
        pytest.param({"at_least": False}, "Kept", id="an error below its bound"),
        pytest.param({"at_least": False, "score": 0.6}, "Broken", id="an error above it"),
        pytest.param({"score": 0.9, "rows": 99}, "Open", id="too few rows"),
        pytest.param({"score": float("nan")}, "Open", id="undefined"),
    ],
)
def test_a_bound(changes: dict[str, Any], state: str) -> None:
    guard = replace(GUARD, **changes)
    assert guard.state == state
    assert len(guard.text) <= 256


def test_slices_are_the_values_with_enough_rows_largest_first() -> None:
    draw = np.random.default_rng(3)
    values = np.array(["a"] * 300 + ["b"] * 200 + ["c"] * 20 + [None] * 120, dtype=object)
    y = draw.choice(np.array(["no", "yes"], dtype=object), 640)
    accuracy = resolve_metric(name="accuracy", task="Classification", positive_class=None, classes=("no", "yes"))
    right = np.where(y == "yes", 0.9, 0.1)
    right[:300] = 0.9  # wrong for every "no" of a
    found = slices(
        guard=GuardSpec(path="spec.evaluation.slices[0]", column="site", min=0.7),
        metric=accuracy,
        values=values,
        samples=Samples(X=np.zeros((640, 1)), y=y, unit=np.arange(640) % 7, kind="day"),
        challenger=two_class(positive=right),
        champion=None,
        confidence=0.95,
    )
    assert [(guard.name, guard.rows, guard.state) for guard in found] == [
        ("accuracy where site is 'a':", 300, "Broken"),
        ("accuracy where site is 'b':", 200, "Kept"),
        ("accuracy where site is '(missing)':", 120, "Kept"),
    ]


@pytest.mark.parametrize("show", [True, False])
def test_values_of_the_data_are_quoted_only_where_the_policy_allows_it(show: bool) -> None:
    y = np.array(["secret-a"] * 10 + ["secret-b"] * 400, dtype=object)
    metric = resolve_metric(
        name="accuracy", task="Classification", positive_class=None, classes=("secret-a", "secret-b")
    )
    samples = Samples(X=np.zeros((410, 1)), y=y, unit=np.arange(410) % 8, kind="day")
    wrong = Prediction(labels=np.where(y == "secret-a", "secret-b", "secret-a"), classes=("secret-a", "secret-b"))
    found = slices(
        guard=GuardSpec(path="spec.evaluation.slices[0]", column="site", min=0.7),
        metric=metric,
        values=np.array(["secret-c"] * 410, dtype=object),
        samples=samples,
        challenger=wrong,
        champion=None,
        confidence=0.95,
        show_values=show,
    )
    compared = compare(
        metric=metric,
        samples=samples,
        challenger=wrong,
        champion=None,
        constant=wrong,
        confidence=0.95,
        min_rows=1,
        show_values=show,
    )
    few = judged(compared)
    assert (few.reason, found[0].state) == ("TooFewPerClass", "Broken")
    for text, secret in ((found[0].text, "secret-c"), (few.message, "secret-a")):
        assert (secret in text) == show
        assert ("secret" in text) == show
