"""Rows whose truth is known: a relation that holds until it turns."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

HEADER = "happened,distance,hour,carrier,noise,late"


def rows(
    *,
    start: datetime,
    days: int,
    per_day: int = 60,
    turned: bool = False,
    seed: int = 1,
    bad: bool = False,
    moved: bool = False,
) -> list[str]:
    """CSV lines: `late` follows from distance, hour and carrier; where `turned`, from their opposite.

    `bad` puts one distance of -1 into every tenth row. `moved`: the distances are 3,000 longer and the hours are those
    of one night, while labels follow from what they would have been.
    """
    source = random.Random(f"{seed} {start} {days} {turned}")
    lines = []
    for day in range(days):
        for number in range(per_day):
            moment = start + timedelta(days=day, seconds=number * 86400 // per_day)
            distance, hour = source.uniform(0, 1000), source.randrange(24)
            carrier = source.choice(["AA", "BB", "CC", "DD"])
            strength = (distance - 500) / 250 + (hour - 12) / 8 + (1 if carrier == "AA" else -0.3)
            if turned:
                strength = -strength
            late = "yes" if strength + source.gauss(0, 0.8) > 0 else "no"
            shown = -1.0 if bad and number % 10 == 0 else distance
            if moved:
                shown, hour = distance + 3000, hour % 3
            lines.append(f"{moment:%Y-%m-%d %H:%M:%S},{shown:.1f},{hour},{carrier},{source.random():.4f},{late}")
    return lines


def csv(lines: list[str]) -> str:
    """A CSV file."""
    return "\n".join([HEADER, *lines]) + "\n"


def days_ago(days: int) -> datetime:
    """Midnight UTC so many days ago: runs in pods use the real clock."""
    today = datetime.now(tz=UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=days)
