"""What a back-test found, as JSON values (docs/backtest.schema.json) and as a table for people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from retrain_trainer.backtest.backtest import Choice, Found, Row
from retrain_trainer.backtest.settings import shown
from retrain_trainer.backtest.summary import Side, Summary
from retrain_trainer.model.intervals import Interval
from retrain_trainer.times import time_text

FORMAT = 1


def document(found: Found) -> dict[str, Any]:
    """JSON values only, finite numbers."""
    return {
        "format": FORMAT,
        "policy": found.name,
        "metric": found.metric,
        "greaterIsBetter": found.greater_is_better,
        "everySeconds": found.every.total_seconds(),
        "from": time_text(found.rows[0].period.start),
        "until": time_text(found.rows[-1].period.end),
        "checks": [_check(row) for row in found.rows],
        "summary": _summary(found.summary),
        "settings": None if found.choice is None else _choice(found.choice),
        "notes": list(found.notes),
    }


def text(found: Found) -> str:
    """A line a check, then the sums, then what to know of them."""
    lines = [f"{found.name}: {found.metric} on the rows after each check", ""]
    lines += _table(
        ("checked", "rows", "outcome", "trigger", "reason", "version", "next rows", "policy", "never", "always"),
        [_cells(row) for row in found.rows],
        left=(0, 2, 3, 4),
    )
    lines += ["", *_sides(found.summary, metric=found.metric), "", conclusion(found.summary)]
    if found.choice is not None:
        lines += ["", *_choice_lines(found.choice, metric=found.metric)]
    return "\n".join([*lines, "", *found.notes])


def conclusion(found: Summary) -> str:
    """One sentence: what the policy recovers of what there is to gain."""
    gain, cost = found.gain, f"{found.policy.trainings} trainings against {found.always.trainings}"
    if found.conclusion == "TooFewPeriods":
        periods = f"{found.periods} scored period{'' if found.periods == 1 else 's'}"
        return f"{periods}: too few to tell chance from gain; {cost}."
    if found.recovered is None:
        better = found.better
        return (
            f"No gain available: always is better than never by {gain.estimate:.4f} "
            f"({_bounds(gain, '.4f')}), which is not clearly above zero; the policy by {better.estimate:.4f} "
            f"({_bounds(better, '.4f')}), with {cost}."
        )
    share = found.recovered
    return (
        f"The policy recovers {share.estimate:.0%} ({_bounds(share, '.0%')}) of the {gain.estimate:.4f} "
        f"({_bounds(gain, '.4f')}) by which always is better than never, with {cost}."
    )


def cells(row: Row) -> tuple[str, ...]:
    """A check as texts: time, rows, outcome, trigger, reason, version, next rows, policy, never, always."""
    return _cells(row)


def length(span: timedelta) -> str:
    """7d, 12h."""
    seconds = int(span.total_seconds())
    unit, name = next(
        (size, name) for size, name in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")) if not seconds % size
    )
    return f"{seconds // unit}{name}"


def _bounds(interval: Interval, form: str) -> str:
    return f"between {interval.low:{form}} and {interval.high:{form}}, each bound at {interval.confidence:.0%}"


def _cells(row: Row) -> tuple[str, ...]:
    checked, marks = row.checked, row.marks
    clock = "%Y-%m-%d" if (checked.time.hour, checked.time.minute) == (0, 0) else "%Y-%m-%d %H:%M"
    return (
        f"{checked.time:{clock}}",
        "-" if checked.rows is None else f"{checked.rows:,}",
        checked.outcome,
        checked.trigger or "-",
        checked.reason,
        "-" if checked.champion is None else f"v{checked.champion.version}",
        f"{marks.rows:,}",
        *(score_text(value) for value in (marks.policy, marks.never, marks.always)),
    )


def score_text(value: float) -> str:
    """Four decimals, or a dash."""
    return f"{value:.4f}" if math.isfinite(value) else "-"


def _sides(found: Summary, *, metric: str) -> list[str]:
    return _table(
        ("", f"mean {metric}", "trainings", "not promoted", "seconds"),
        [
            (name, score_text(side.score), f"{side.trainings}", f"{side.wasted}", f"{side.seconds:.1f}")
            for name, side in (("never", found.never), ("policy", found.policy), ("always", found.always))
        ],
        left=(0,),
    )


def _choice_lines(choice: Choice, *, metric: str) -> list[str]:
    lines = [f"settings on the first half, up to {choice.half:%Y-%m-%d}:"]
    lines += _table(
        ("", f"mean {metric}", "trainings", "not promoted", "recovered"),
        [
            (
                shown(tried.values) or "as written",
                score_text(tried.summary.policy.score),
                f"{tried.summary.policy.trainings}",
                f"{tried.summary.policy.wasted}",
                "-" if tried.summary.recovered is None else f"{tried.summary.recovered.estimate:.0%}",
            )
            for tried in choice.tried
        ],
        left=(0,),
    )
    return [
        *lines,
        "",
        f"chosen: {shown(choice.chosen)}. On the second half:",
        f"  chosen      {score_text(choice.second.policy.score)}  {conclusion(choice.second)}",
        f"  as written  {score_text(choice.current.policy.score)}  {conclusion(choice.current)}",
    ]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], *, left: Sequence[int]) -> list[str]:
    widths = [max(len(line[place]) for line in (header, *rows)) for place in range(len(header))]
    return [
        "  ".join(
            cell.ljust(width) if place in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in (header, *rows)
    ]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _check(row: Row) -> dict[str, Any]:
    checked, marks = row.checked, row.marks
    return {
        "time": time_text(checked.time),
        "until": time_text(row.period.end),
        "rows": checked.rows,
        "outcome": checked.outcome,
        "reason": checked.reason,
        "message": checked.message,
        "trigger": checked.trigger,
        "version": None if checked.champion is None else checked.champion.version,
        "trained": None if checked.trained is None else checked.trained.version,
        "promoted": checked.promoted,
        "seconds": marks.seconds,
        "nextRows": marks.rows,
        "score": _finite(marks.policy),
        "never": _finite(marks.never),
        "always": _finite(marks.always),
    }


def _summary(found: Summary) -> dict[str, Any]:
    return {
        "periods": found.periods,
        "rows": found.rows,
        "never": _side(found.never),
        "policy": _side(found.policy),
        "always": _side(found.always),
        "gain": _interval(found.gain),
        "better": _interval(found.better),
        "recovered": None if found.recovered is None else _interval(found.recovered),
        "conclusion": found.conclusion,
    }


def _side(side: Side) -> dict[str, Any]:
    return {
        "score": _finite(side.score),
        "trainings": side.trainings,
        "notPromoted": side.wasted,
        "seconds": side.seconds,
    }


def _interval(interval: Interval) -> dict[str, Any]:
    return {
        "estimate": _finite(interval.estimate),
        "low": _finite(interval.low),
        "high": _finite(interval.high),
        "confidence": interval.confidence,
    }


def _choice(choice: Choice) -> dict[str, Any]:
    def values(pairs: Sequence[tuple[str, Any]]) -> Mapping[str, Any]:
        return dict(pairs)

    return {
        "half": time_text(choice.half),
        "tried": [{"values": values(each.values), "summary": _summary(each.summary)} for each in choice.tried],
        "chosen": values(choice.chosen),
        "second": _summary(choice.second),
        "current": _summary(choice.current),
    }
