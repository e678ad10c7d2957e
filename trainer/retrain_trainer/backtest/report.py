"""A page for people: score lines of policy, never and always, with the trainings marked, and the table below.

One HTML file without any other: the picture is an SVG written here, since a plotting library would weigh more than the
trainer.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from datetime import datetime

from retrain_trainer.backtest.backtest import Found, Row
from retrain_trainer.backtest.document import cells, conclusion, length, score_text
from retrain_trainer.backtest.settings import shown

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 960, 360, 64, 16, 16, 40
#: Told apart by people who see few colours, and by dashes on paper (Okabe & Ito's palette).
_LINES = (("never", "#d55e00", "2 4"), ("always", "#009e73", "8 4"), ("policy", "#0072b2", ""))

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1b1f24; background: #fff; margin: 2rem auto; max-width: 68rem;
  padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0; } p.sub { color: #57606a; margin: .2rem 0 1rem; }
p.said { font-size: 1.05rem; border-left: 4px solid #0072b2; padding: .3rem .8rem; background: #f3f7fb; }
svg { width: 100%; height: auto; } svg text { font-size: 12px; fill: #57606a; }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .45rem; border-bottom: 1px solid #d8dee4; text-align: right; white-space: nowrap; }
th { color: #57606a; font-weight: 600; } .text { text-align: left; }
tr.Promoted td { background: #e9f6f1; } tr.NotPromoted td { background: #fdf3e7; }
tr.DataRejected td, tr.Failed td { background: #fdecec; }
ul { color: #57606a; padding-left: 1.2rem; }
@media print { body { margin: 0; max-width: none; font-size: 11px; } }
"""


def report(found: Found) -> str:
    """The whole page."""
    title = f"Back-test of {found.name}"
    first, last = found.rows[0].period.start, found.rows[-1].period.end
    better = "larger is better" if found.greater_is_better else "smaller is better"
    parts = [
        f"<h1>{_(title)}</h1>",
        f'<p class="sub">{_(found.metric)} ({better}) of the model in force on the rows after each check, every '
        f"{length(found.every)} from {first:%Y-%m-%d} to {last:%Y-%m-%d}</p>",
        f'<p class="said">{_(conclusion(found.summary))}</p>',
        _picture(found),
        _sums(found),
        _settings(found),
        _checks(found.rows),
        "<ul>" + "".join(f"<li>{_(note)}</li>" for note in found.notes) + "</ul>",
    ]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{_(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>\n'
        f"<body>\n{chr(10).join(parts)}\n</body></html>\n"
    )


def _(text: str) -> str:
    return html.escape(text)


def _table(header: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]], *, texts: Sequence[int]) -> str:
    """Rows are (class, cells)."""

    def line(cell: str, values: Sequence[str], kind: str) -> str:
        made = "".join(
            f"<{cell}{' class=text' if place in texts else ''}>{_(value)}</{cell}>"
            for place, value in enumerate(values)
        )
        return f"<tr{f' class={_(kind)}' if kind else ''}>{made}</tr>"

    body = "\n".join(line("td", values, kind) for kind, values in rows)
    return f'<div class="wide"><table><thead>{line("th", header, "")}</thead>\n<tbody>{body}</tbody></table></div>'


def _sums(found: Found) -> str:
    sides = (("never", found.summary.never), ("policy", found.summary.policy), ("always", found.summary.always))
    rows = [
        ("", (name, score_text(side.score), f"{side.trainings}", f"{side.wasted}", f"{side.seconds:.1f}"))
        for name, side in sides
    ]
    return _table(("", f"mean {found.metric}", "trainings", "not promoted", "seconds of training"), rows, texts=(0,))


def _settings(found: Found) -> str:
    choice = found.choice
    if choice is None:
        return ""
    rows = [
        (
            "Promoted" if tried.values == choice.chosen and tried.values else "",
            (
                shown(tried.values) or "as written",
                score_text(tried.summary.policy.score),
                f"{tried.summary.policy.trainings}",
                "-" if tried.summary.recovered is None else f"{tried.summary.recovered.estimate:.0%}",
            ),
        )
        for tried in choice.tried
    ]
    return (
        f"<h2>Settings, chosen on the first half (up to {choice.half:%Y-%m-%d})</h2>"
        + _table(("", f"mean {found.metric}", "trainings", "recovered"), rows, texts=(0,))
        + f"<p>Second half, {_(shown(choice.chosen))}: {_(conclusion(choice.second))}</p>"
        + f"<p>Second half, as written: {_(conclusion(choice.current))}</p>"
    )


def _checks(rows: Sequence[Row]) -> str:
    header = ("checked", "rows", "outcome", "trigger", "reason", "version", "next rows", "policy", "never", "always")
    return _table(header, [(row.checked.outcome, cells(row)) for row in rows], texts=(0, 2, 3, 4))


def _picture(found: Found) -> str:
    """Each period as a level line at its score; a filled mark is a promotion, an open one a training in vain."""
    values = [
        value
        for row in found.rows
        for value in (row.marks.never, row.marks.policy, row.marks.always)
        if math.isfinite(value)
    ]
    if not values:
        return ""
    threshold = [] if found.threshold is None else [found.threshold]
    values += threshold
    ticks = _ticks(min(values), max(values))
    low, high = min(ticks[0], *values), max(ticks[-1], *values)
    start, end = found.rows[0].period.start, found.rows[-1].period.end
    inner_width, inner_height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def x(time: datetime) -> float:
        return _LEFT + inner_width * ((time - start) / (end - start))

    def y(value: float) -> float:
        return _TOP + inner_height * (1 - (value - low) / ((high - low) or 1.0))

    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="Scores of policy, never and always over time">'
    ]
    for tick in ticks:
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" stroke="#e3e7eb"/>'
        )
        parts.append(f'<text x="{_LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for share in (0, 0.25, 0.5, 0.75, 1):
        time = start + share * (end - start)
        anchor = "start" if share == 0 else "end" if share == 1 else "middle"
        parts.append(
            f'<text x="{x(time):.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="{anchor}">{time:%Y-%m-%d}</text>'
        )
    parts += [
        f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(bound):.1f}" y2="{y(bound):.1f}" stroke="#8c959f" '
        f'stroke-dasharray="1 3"/><text x="{_WIDTH - _RIGHT}" y="{y(bound) - 5:.1f}" text-anchor="end">threshold '
        f"{bound:g}</text>"
        for bound in threshold
    ]
    for name, colour, dashes in _LINES:
        parts.append(_line(found.rows, name=name, colour=colour, dashes=dashes, x=x, y=y))
    parts += _marks(found.rows, x=x, y=y)
    parts += _legend()
    return "\n".join([*parts, "</svg>"])


def _line(
    rows: Sequence[Row],
    *,
    name: str,
    colour: str,
    dashes: str,
    x: Callable[[datetime], float],
    y: Callable[[float], float],
) -> str:
    path, pen = [], "M"
    for row in rows:
        value = getattr(row.marks, name)
        if not math.isfinite(value):
            pen = "M"
            continue
        path.append(f"{pen}{x(row.period.start):.1f},{y(value):.1f} H{x(row.period.end):.1f}")
        pen = "L"
    return (
        f'<path d="{" ".join(path)}" fill="none" stroke="{colour}" stroke-width="{2.5 if name == "policy" else 1.8}" '
        f'stroke-dasharray="{dashes}" stroke-linejoin="round"/>'
    )


def _marks(rows: Sequence[Row], *, x: Callable[[datetime], float], y: Callable[[float], float]) -> list[str]:
    made = []
    for row in rows:
        trained, value = row.checked.trained, row.marks.policy
        if trained is None or not math.isfinite(value):
            continue
        fill = "#0072b2" if row.checked.promoted else "#fff"
        told = f"{row.checked.time:%Y-%m-%d} {row.checked.outcome} ({row.checked.reason}): version {trained.version}"
        made.append(
            f'<circle cx="{x(row.period.start):.1f}" cy="{y(value):.1f}" r="4.5" fill="{fill}" stroke="#0072b2" '
            f'stroke-width="1.8"><title>{_(told)}</title></circle>'
        )
    return made


def _legend() -> list[str]:
    y, made = _HEIGHT - 8, []
    for place, (name, colour, dashes) in enumerate(reversed(_LINES)):
        left = _LEFT + 110 * place
        made.append(
            f'<line x1="{left}" x2="{left + 30}" y1="{y - 4}" y2="{y - 4}" stroke="{colour}" stroke-width="2.5" '
            f'stroke-dasharray="{dashes}"/><text x="{left + 36}" y="{y}">{name}</text>'
        )
    for place, (fill, told) in enumerate((("#0072b2", "promoted"), ("#fff", "trained, not promoted"))):
        left = _LEFT + 350 + 110 * place
        made.append(
            f'<circle cx="{left}" cy="{y - 4}" r="4.5" fill="{fill}" stroke="#0072b2" stroke-width="1.8"/>'
            f'<text x="{left + 10}" y="{y}">{told}</text>'
        )
    return made


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from just below `low` to just above `high`, some five of them."""
    span = (high - low) or abs(high) or 1.0
    size = 10 ** math.floor(math.log10(span / 4))
    step = next(size * factor for factor in (1, 2, 5, 10) if span / (size * factor) <= 5)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(step * number, 10) for number in range(first, last + 1)]
