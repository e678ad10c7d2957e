"""What the gate's confidence is worth: `python -m bench.gate` (docs/gate.md shows its tables).

Simulated comparisons of a challenger with a champion, judged by the very code of a run (`model.measures` and
`model.intervals`). Rows of a day share the day's luck, and days resemble each other (first-order autoregression).
Without a gain every promotion is a false one; with a gain it is the power. Beside it: the same days judged otherwise.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from retrain_trainer.model.intervals import blocks_of, jackknife
from retrain_trainer.model.measures import auc_values
from scipy.stats import t as student

Floats = NDArray[np.float64]

CONFIDENCE = 0.95
DAYS = (5, 7, 14, 28, 60)
CORRELATIONS = (0.0, 0.3, 0.5)
#: Claimed: at most 5 % for these. The others are shown because they happen.
CLAIMED_CORRELATION = 0.3
#: Standard deviation of a day's difference, of which gains are multiples.
ROWS_A_DAY = {"mean": 40, "AUC": 60}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """`promoted` of `comparisons` with a true difference of `gain`; `claimed`: the level is promised here.

    `growth`: day by day the difference rises from gain - growth to gain + growth, as while a champion decays.
    """

    metric: str
    units: int
    unit: str
    correlation: float
    unequal: bool
    gain: float
    comparisons: int
    promoted: int
    claimed: bool
    growth: float = 0.0

    @property
    def rate(self) -> float:
        return self.promoted / self.comparisons

    @property
    def bound(self) -> float:
        """5 % and two standard errors of so many comparisons."""
        return 0.05 + 2 * float(np.sqrt(0.05 * 0.95 / self.comparisons))


def series(draw: np.random.Generator, days: int, correlation: float) -> Floats:
    """A first-order autoregression of variance 1."""
    values = draw.normal(size=days)
    for day in range(1, days):
        values[day] = correlation * values[day - 1] + (1 - correlation**2) ** 0.5 * values[day]
    return values


def day_of_rows(draw: np.random.Generator, days: int, rows: int, *, unequal: bool) -> NDArray[np.int64]:
    """Day of each row: all alike, or of three sizes as with weekends and holidays."""
    weight = draw.choice([0.3, 1.0, 1.5], days) if unequal else np.ones(days)
    return np.repeat(np.arange(days), np.maximum(1, (rows * weight / weight.mean()).astype(int)))


def by_mean(
    draw: np.random.Generator, *, days: int, correlation: float, unequal: bool, gain: float, growth: float = 0.0
) -> bool:
    """A loss per row: the day's difference, and each row's own luck (four times its variance).

    The difference of all rows is `gain` also where it grows and days are unequal.
    """
    day = day_of_rows(draw, days, ROWS_A_DAY["mean"], unequal=unequal)
    rise = growth * np.linspace(-1, 1, days)[day]
    loss = gain + rise - rise.mean() + series(draw, days, correlation)[day] + draw.normal(0, 2, len(day))
    sums = np.stack([np.bincount(day, weights=loss), np.bincount(day)], axis=1)
    both = np.vstack([sums.sum(axis=0), sums.sum(axis=0) - sums])
    values = both[:, 0] / both[:, 1]
    return jackknife(values=values, block=day, confidence=CONFIDENCE, in_time=True).low > 0


def by_auc(draw: np.random.Generator, *, days: int, correlation: float, unequal: bool, gain: float) -> bool:
    """Base rate, skill and level of the scores differ from day to day and from model to model."""
    day = day_of_rows(draw, days, ROWS_A_DAY["AUC"], unequal=unequal)
    positive = draw.random(len(day)) < 1 / (1 + np.exp(1 + 0.7 * series(draw, days, correlation)))[day]
    areas = []
    for better in (gain, 0.0):
        skill = 1 + better + 0.5 * series(draw, days, correlation)
        level = 0.5 * series(draw, days, correlation)
        score = skill[day] * positive + level[day] + draw.normal(0, 1, len(day))
        areas.append(auc_values(positive=positive, score=score, block=day, blocks=days))
    values = areas[0] - areas[1]
    return jackknife(values=values, block=day, confidence=CONFIDENCE, in_time=True).low > 0


def by_rows_auc(draw: np.random.Generator, *, rows: int, gain: float) -> bool:
    """AUC where rows are independent and have no time: fifty blocks of shuffled rows."""
    positive = draw.random(rows) < 0.3
    block, blocks = blocks_of(unit=np.arange(rows), mean=False)
    areas = [
        auc_values(
            positive=positive, score=(1 + better) * positive + draw.normal(0, 1, rows), block=block, blocks=blocks
        )
        for better in (gain, 0.0)
    ]
    return jackknife(values=areas[0] - areas[1], block=block, confidence=CONFIDENCE).low > 0


def cells(*, comparisons: int, seed: int) -> list[Cell]:
    """All of them; each has random numbers of its own, so that cells can be read one by one."""
    found: list[Cell] = []
    kinds: Mapping[str, tuple[Callable[..., bool], tuple[float, ...]]] = {
        "mean": (by_mean, (-0.25, 0.0, 0.5, 1.0)),
        "AUC": (by_auc, (0.0, 0.3, 0.6)),
    }
    for number, (metric, (compare, gains)) in enumerate(kinds.items()):
        for days in DAYS:
            for correlation in CORRELATIONS:
                for unequal in (False, True):
                    for gain in gains:
                        if gain and (unequal is False or correlation == CORRELATIONS[-1]):
                            continue
                        key = [seed, number, days, int(10 * correlation), unequal, int(100 * gain) + 1000]
                        draw = np.random.default_rng(key)
                        promoted = sum(
                            compare(draw, days=days, correlation=correlation, unequal=unequal, gain=gain)
                            for _ in range(comparisons)
                        )
                        found.append(
                            Cell(
                                metric=metric,
                                units=days,
                                unit="days",
                                correlation=correlation,
                                unequal=unequal,
                                gain=gain,
                                comparisons=comparisons,
                                promoted=promoted,
                                claimed=gain <= 0 and correlation <= CLAIMED_CORRELATION,
                            )
                        )
    found += growing(comparisons=comparisons, seed=seed)
    for rows in (500, 2000):
        for gain in (0.0, 0.3):
            draw = np.random.default_rng([seed, 9, rows, int(100 * gain)])
            promoted = sum(by_rows_auc(draw, rows=rows, gain=gain) for _ in range(comparisons))
            found.append(
                Cell(
                    metric="AUC",
                    units=rows,
                    unit="rows",
                    correlation=0.0,
                    unequal=False,
                    gain=gain,
                    comparisons=comparisons,
                    promoted=promoted,
                    claimed=gain == 0,
                )
            )
    return found


def growing(*, comparisons: int, seed: int) -> list[Cell]:
    """Differences that grow from day to day: around nothing, and from nothing to twice the gain."""
    found = []
    for days in DAYS:
        for correlation in (0.0, CLAIMED_CORRELATION):
            for gain, growth in ((0.0, 1.0), (0.5, 0.5), (1.0, 1.0)):
                draw = np.random.default_rng([seed, 5, days, int(10 * correlation), int(100 * gain)])
                promoted = sum(
                    by_mean(draw, days=days, correlation=correlation, unequal=True, gain=gain, growth=growth)
                    for _ in range(comparisons)
                )
                found.append(
                    Cell(
                        metric="mean",
                        units=days,
                        unit="days",
                        correlation=correlation,
                        unequal=True,
                        gain=gain,
                        comparisons=comparisons,
                        promoted=promoted,
                        claimed=gain == 0,
                        growth=growth,
                    )
                )
    return found


# --- the same days, judged in other ways ------------------------------------------------------------------------------


def plain(days: Floats) -> bool:
    """Days taken as independent."""
    n = len(days)
    return bool(days.mean() > student.ppf(CONFIDENCE, n - 1) * days.std(ddof=1) / n**0.5)


def batches(days: Floats) -> bool:
    """Three neighbouring days taken as one."""
    means = np.array([part.mean() for part in np.array_split(days, len(days) // 3)])
    return plain(means)


def cosines(days: Floats) -> bool:
    """Equal-weighted cosine test with 0.4 n^(2/3) terms (Lazarus, Lewis, Stock & Watson 2018)."""
    n = len(days)
    terms = max(2, round(0.4 * n ** (2 / 3)))
    places = (np.arange(n) + 0.5) / n
    parts = [(2 / n) ** 0.5 * np.sum(np.cos(np.pi * term * places) * days) for term in range(1, terms + 1)]
    return bool(days.mean() > student.ppf(CONFIDENCE, terms) * (np.mean(np.square(parts)) / n) ** 0.5)


def the_gate(days: Floats) -> bool:
    """What a run does."""
    n = len(days)
    values = np.concatenate([[days.mean()], (days.sum() - days) / (n - 1)])
    return jackknife(values=values, block=np.arange(n), confidence=CONFIDENCE, in_time=True).low > 0


WAYS = {"independent days": plain, "batches of 3 days": batches, "cosines": cosines, "the gate": the_gate}


def ways(*, comparisons: int, seed: int) -> list[dict[str, float | str | int]]:
    """False promotions and power of each way on the same series of daily differences (variance 1)."""
    found = []
    for days in (14, 28, 60):
        for correlation in CORRELATIONS:
            draw = np.random.default_rng([seed, 77, days, int(10 * correlation)])
            all_days = [series(draw, days, correlation) for _ in range(comparisons)]
            for name, way in WAYS.items():
                found.append(
                    {
                        "way": name,
                        "days": days,
                        "correlation": correlation,
                        "false": float(np.mean([way(each) for each in all_days])),
                        "power": float(np.mean([way(each + 3 / days**0.5) for each in all_days])),
                    }
                )
    return found


def tables(found: list[Cell], others: list[dict[str, float | str | int]]) -> str:
    """Markdown, as docs/gate.md shows it."""
    lines = ["### False promotions (true difference 0)", ""]
    lines += ["| metric, days | " + " | ".join(f"{days} days" for days in DAYS) + " |", "|---|" + "---|" * len(DAYS)]
    for metric in ("mean", "AUC"):
        for correlation in CORRELATIONS:
            for unequal in (False, True):
                row = [
                    f"{cell.rate:.1%}"
                    for days in DAYS
                    for cell in found
                    if (cell.metric, cell.units, cell.unit, cell.correlation, cell.unequal, cell.gain, cell.growth)
                    == (metric, days, "days", correlation, unequal, 0.0, 0.0)
                ]
                name = f"{metric}, {'unequal' if unequal else 'equal'} days, correlation {correlation:g}"
                lines.append(f"| {name} | " + " | ".join(row) + " |")
    for correlation in (0.0, CLAIMED_CORRELATION):
        row = [
            f"{cell.rate:.1%}" for cell in found if (cell.gain, cell.growth, cell.correlation) == (0, 1, correlation)
        ]
        lines.append(f"| mean, growing from -1 to 1, correlation {correlation:g} | " + " | ".join(row) + " |")
    lines += ["", "### Power (the challenger is better; unequal days)", ""]
    lines += ["| gain | " + " | ".join(f"{days} days" for days in DAYS) + " |", "|---|" + "---|" * len(DAYS)]
    for metric, growth, correlation, gain in sorted(
        {(c.metric, c.growth, c.correlation, c.gain) for c in found if c.gain > 0 and c.unit == "days"},
        key=lambda key: (key[0] != "mean", *key[1:]),
    ):
        row = [
            f"{cell.rate:.0%}"
            for days in DAYS
            for cell in found
            if (cell.metric, cell.units, cell.correlation, cell.gain, cell.growth)
            == (metric, days, correlation, gain, growth)
        ]
        size = f"growing from 0 to {2 * gain:g}" if growth else f"{gain:g}"
        name = f"{metric}, {size}, correlation {correlation:g}"
        lines.append(f"| {name} | " + " | ".join(row) + " |")
    lines += [
        "",
        "### Rows without time (AUC, fifty blocks of shuffled rows)",
        "",
        "| rows | false | power |",
        "|---|---|---|",
    ]
    for rows in (500, 2000):
        rates = [cell.rate for cell in found if (cell.unit, cell.units) == ("rows", rows)]
        lines.append(f"| {rows:,} | {rates[0]:.1%} | {rates[1]:.0%} |")
    lines += ["", "### Other ways to judge the same days", ""]
    lines += ["| days, correlation | " + " | ".join(WAYS) + " |", "|---|" + "---|" * len(WAYS)]
    for days in (14, 28, 60):
        for correlation in CORRELATIONS:
            row = [
                f"{each['false']:.1%} / {each['power']:.0%}"
                for each in others
                if (each["days"], each["correlation"]) == (days, correlation)
            ]
            lines.append(f"| {days}, {correlation:g} | " + " | ".join(row) + " |")
    return "\n".join(lines)


def main() -> int:
    """Prints the tables, writes bench/results/gate.json; 1 if a rate is above 5 % + 2 SE where the level is claimed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comparisons", type=int, default=2000, help="a cell; default 2,000")
    parser.add_argument("--seed", type=int, default=20260101)
    arguments = parser.parse_args()
    started = time.monotonic()
    found = cells(comparisons=arguments.comparisons, seed=arguments.seed)
    others = ways(comparisons=arguments.comparisons, seed=arguments.seed)
    print(tables(found, others))
    above = [cell for cell in found if cell.claimed and cell.rate > cell.bound]
    total = sum(cell.comparisons for cell in found if cell.claimed)
    false = sum(cell.promoted for cell in found if cell.claimed and cell.gain == 0)
    zero = sum(cell.comparisons for cell in found if cell.claimed and cell.gain == 0)
    print(
        f"\n{total:,} comparisons where the level is claimed; with a true difference of 0: {false / zero:.2%} promoted;"
    )
    print(f"cells above 5 % + 2 SE: {len(above)}; seed {arguments.seed}; {time.monotonic() - started:.0f} s")
    for cell in above:
        print(f"above: {cell.metric}, {cell.units} {cell.unit}, correlation {cell.correlation:g}: {cell.rate:.2%}")
    out = Path(__file__).parent / "results"
    out.mkdir(exist_ok=True)
    body = {"cells": [asdict(cell) for cell in found], "ways": others, "seed": arguments.seed}
    (out / "gate.json").write_text(json.dumps(body, indent=1) + "\n")
    return 1 if above else 0


if __name__ == "__main__":
    raise SystemExit(main())
