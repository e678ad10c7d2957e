"""The back-test itself: through time once, all replays side by side, each model scored on the rows that come next."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from retrain_trainer.backtest.baselines import Always, InForce
from retrain_trainer.backtest.cuts import Cuts, History, open_history
from retrain_trainer.backtest.periods import Period, periods
from retrain_trainer.backtest.progress import Progress
from retrain_trainer.backtest.replay import Checked, Replay
from retrain_trainer.backtest.scoring import Scorer
from retrain_trainer.backtest.settings import Tried, Values, chosen, with_values
from retrain_trainer.backtest.summary import Marks, Summary, summary
from retrain_trainer.contract import RunDescription
from retrain_trainer.errors import DataUnavailable
from retrain_trainer.registry.manifest import Manifest
from retrain_trainer.spec import PolicySpec, parse_spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a back-test is to do. `settings`: combinations to choose from on the first half; none: nothing to choose."""

    every: timedelta
    begin: datetime | None = None
    until: datetime | None = None
    settings: tuple[Values, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One check, and how the model in force after it did on the next period."""

    period: Period
    checked: Checked
    marks: Marks


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the settings came to. `tried`: all of them on the first half, which ends at `half`, the policy as written
    first. `second` and `current`: the chosen one and the policy as written, on the second half.
    """

    half: datetime
    tried: tuple[Tried, ...]
    chosen: Values
    second: Summary
    current: Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a back-test found. `notes`: what a reader must know of these rows."""

    name: str
    metric: str
    greater_is_better: bool
    threshold: float | None
    every: timedelta
    rows: tuple[Row, ...]
    summary: Summary
    choice: Choice | None
    notes: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class _Line:
    """One replay under way."""

    replay: Replay
    values: Values = ()
    checks: list[Checked] = field(default_factory=list)
    marks: list[Marks] = field(default_factory=list)


def back_test(*, run: RunDescription, asked: Asked, now: datetime, begun: Callable[[int], Progress]) -> Found:
    """Replays the policy of `run` along its time column.

    Args:
        run: names, spec, mounts and limits; `scratch` is an empty folder for rows and registries.
        now: the real time, aware; later rows do not exist yet.
        begun: called with the number of checks once the data are read; what it returns is told of each one.

    Raises:
        RunError: what reading the data raises, and what every single check failed with.
        SpecError: InvalidBacktest, InvalidSetting.
        DataUnavailable: TooFewRows; NoFirstModel, no check came to a model.
    """
    spec = parse_spec(run.spec)
    variants = [with_values(run.spec, values) for values in asked.settings]
    threads = run.cpu_limit or len(os.sched_getaffinity(0))
    with open_history(run=run, spec=spec, now=now, threads=threads) as history:
        steps = periods(
            time_min=history.time_min,
            time_max=history.time_max,
            every=asked.every,
            begin=asked.begin,
            until=asked.until,
            halves=bool(variants),
        )
        folder, half = run.scratch / "rows", len(steps) // 2
        policy = _Line(replay=Replay(base=run, spec=run.spec, name="policy", rows=folder))
        others = [
            _Line(replay=Replay(base=run, spec=variant, name=f"set-{number}", rows=folder), values=values)
            for number, (variant, values) in enumerate(zip(variants, asked.settings, strict=True), start=1)
        ]
        course = _Course(
            policy=policy,
            others=others,
            always=Always(base=run, spec=run.spec, policy=policy.replay, rows=folder),
            scorer=Scorer(history=history, until=steps[-1].end),
            cuts=Cuts(history=history, folder=folder),
            progress=begun(len(steps) + (len(others) * half + len(steps) - half if others else 0)),
        )
        for period in steps[:half]:
            course.check(period)
        tried = course.choose()
        for period in steps[half:]:
            course.check(period)
        first = _first_model(policy)
        greater = first.greater_is_better
        choice = None
        if tried:
            [line] = course.others
            choice = Choice(
                half=steps[half].start,
                tried=tried,
                chosen=line.values,
                second=summary(line.marks[half:], greater_is_better=greater),
                current=summary(policy.marks[half:], greater_is_better=greater),
            )
        return Found(
            name=run.name,
            metric=first.metric,
            greater_is_better=greater,
            threshold=spec.evaluation.threshold,
            every=asked.every,
            rows=tuple(
                Row(period=period, checked=checked, marks=marks)
                for period, checked, marks in zip(steps, policy.checks, policy.marks, strict=True)
            ),
            summary=summary(policy.marks, greater_is_better=greater),
            choice=choice,
            notes=_notes(history=history, asked=asked, steps=steps, spec=spec),
        )


@dataclass(slots=True, kw_only=True)
class _Course:
    """All replays at one moment, and what they are held against."""

    policy: _Line
    others: list[_Line]
    always: Always
    scorer: Scorer
    cuts: Cuts
    progress: Progress
    never: InForce | None = None

    def check(self, period: Period) -> None:
        """One check of each replay at the period's start; then marks on its rows."""
        self.cuts.advance(now=period.start)
        for line in (self.policy, *self.others):
            checked = line.replay.check(now=period.start)
            line.checks.append(checked)
            self.progress.step(f"{period.start:%Y-%m-%d} {checked.outcome}")
        held = self.policy.checks[-1]
        if self.never is None and held.champion is not None:
            self.never = InForce(registry=self.policy.replay.registry, manifest=held.champion)
        trainings, seconds = self.always.trainings, self.always.seconds
        self.always.check(now=period.start, checked=held)
        rows, never = self._score(self.never, period)
        _, always = self._score(self.always.in_force, period)
        for line in (self.policy, *self.others):
            checked = line.checks[-1]
            model = None
            if checked.champion is not None:
                model = InForce(registry=line.replay.registry, manifest=checked.champion)
            line.marks.append(
                Marks(
                    rows=rows,
                    never=never,
                    policy=self._score(model, period)[1],
                    always=always,
                    trained=checked.trained is not None,
                    promoted=checked.promoted,
                    seconds=checked.trained.seconds if checked.trained is not None else 0.0,
                    always_trained=self.always.trainings > trainings,
                    always_seconds=self.always.seconds - seconds,
                )
            )

    def choose(self) -> tuple[Tried, ...]:
        """Ends the first half: only the chosen setting goes on. All that were tried, the policy as written first."""
        if not self.others:
            return ()
        greater = _first_model(self.policy).greater_is_better
        tried = [
            Tried(values=line.values, summary=summary(line.marks, greater_is_better=greater))
            for line in (self.policy, *self.others)
        ]
        best = chosen(tried[1:], greater_is_better=greater)
        self.others = [line for line in self.others if line.values == best.values]
        return tuple(tried)

    def _score(self, model: InForce | None, period: Period) -> tuple[int, float]:
        return (0, math.nan) if model is None else self.scorer.score(model=model, period=period)


def _first_model(line: _Line) -> Manifest:
    """The first version that came into force."""
    for checked in line.checks:
        if checked.champion is not None:
            return checked.champion
    if line.replay.error is not None and all(checked.outcome == "Failed" for checked in line.checks):
        raise line.replay.error
    last = line.checks[-1]
    raise DataUnavailable(
        reason="NoFirstModel",
        message=f"none of {len(line.checks)} checks up to {last.time:%Y-%m-%d} came to a first model; the last one: "
        f"{last.outcome} ({last.reason}), {last.message[:200]}",
    )


def _notes(*, history: History, asked: Asked, steps: Sequence[Period], spec: PolicySpec) -> tuple[str, ...]:
    notes = []
    if asked.begin is None:
        notes.append(
            f"The first check is on {steps[0].start:%Y-%m-%d}, after a fifth of the rows' time; --from chooses another."
        )
    if spec.promotion.mode != "Automatic" or spec.promotion.pinned_version is not None:
        notes.append(
            "What passed the gate was promoted at once, though the policy waits for a person, promotes none or pins a "
            "version: a replay has nobody to ask."
        )
    if history.timeless:
        notes.append(f"{history.timeless:,} rows without a time were left out.")
    if history.profile.future_rows:
        notes.append(f"{history.profile.future_rows:,} rows of the future were left out.")
    return (
        *notes,
        "A replay takes every row to be there from its own time on, as it stands today: it cannot know of late "
        "arrivals, or of rows that were corrected or deleted since.",
    )
