"""What validation found: a list of checks, as JSON for the registry, as a table for people, as one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from retrain_trainer.spec import Severity
from retrain_trainer.times import time_text

#: Longest sentence about a first failure: with what stands around it, it fits into 256 characters.
_LONGEST = 190
#: Lines of the table; the rest is counted.
_LINES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check of one thing.

    name: a reason constant. message: what is wrong if it fails, without any value of the data. count: rows that fail,
    and `fraction` of all rows; bound: what is allowed. examples: up to three values of such rows.
    """

    name: str
    passed: bool
    message: str = ""
    column: str | None = None
    severity: Severity = "Error"
    count: int = 0
    fraction: float | None = None
    bound: float | str | None = None
    examples: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """The message, with the examples."""
        return f"{self.message} (e.g. {', '.join(self.examples)})" if self.examples else self.message


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationReport:
    """All checks in the order of urgency: what is missing, what is of another kind, what holds bad values."""

    rows: int
    checks: tuple[Check, ...]

    @property
    def failures(self) -> tuple[Check, ...]:
        """Errors: any of them rejects the data."""
        return tuple(check for check in self.checks if not check.passed and check.severity == "Error")

    @property
    def warnings(self) -> tuple[Check, ...]:
        """Told and counted; they reject nothing."""
        return tuple(check for check in self.checks if not check.passed and check.severity == "Warning")

    @property
    def passed(self) -> bool:
        """May these rows train and judge?"""
        return not self.failures

    @property
    def first_failure(self) -> Check | None:
        """The check that gives the rejection its reason."""
        return next(iter(self.failures), None)

    @property
    def message(self) -> str:
        """The first failure and how many more there are; of sound data the warnings, or nothing."""
        if self.failures:
            return _first(self.failures, kind="failed check")
        if self.warnings:
            count = len(self.warnings)
            return (
                f"{self.rows:,} rows passed every check; {count} warning{'s' if count > 1 else ''}: "
                f"{_cut(self.warnings[0].told)}"
            )
        return ""

    def lines(self) -> list[str]:
        """A table of what failed and what warned; one line if nothing did."""
        odd = [*self.failures, *self.warnings]
        counted = f"{len(self.checks)} checks, {len(self.failures)} failed, {len(self.warnings)} warned"
        if not odd:
            return [f"validation: {counted}"]
        rows = [("severity", "check", "column", "rows", "share", "bound", "what")]
        rows += [
            (
                check.severity,
                check.name,
                (check.column or "-")[:40],
                f"{check.count:,}" if check.count else "-",
                "-" if check.fraction is None else f"{check.fraction:.2%}",
                "-" if check.bound is None else f"{check.bound}"[:40],
                check.told,
            )
            for check in odd[:_LINES]
        ]
        widths = [max(len(row[place]) for row in rows) for place in range(6)]
        table = ["  ".join([*map(str.ljust, row[:6], widths), row[6]]) for row in rows]
        more = [f"… and {len(odd) - _LINES} more"] if len(odd) > _LINES else []
        # Values and names come from the data: a line break in one must not forge a line of the log.
        lines = ["".join(sign if sign.isprintable() else " " for sign in line) for line in [*table, *more]]
        return [f"validation: {counted}", *(f"  {line}" for line in lines)]

    def to_json(self, *, now: datetime) -> dict[str, Any]:
        """JSON values only; of checks that passed no sentence."""
        return {
            "time": time_text(now),
            "rows": self.rows,
            "passed": self.passed,
            "failed": len(self.failures),
            "warned": len(self.warnings),
            "checks": [
                {
                    **asdict(check),
                    "examples": list(check.examples),
                    "message": "" if check.passed else check.message,
                }
                for check in self.checks
            ],
        }


def _first(checks: Sequence[Check], *, kind: str) -> str:
    more = len(checks) - 1
    rest = f"; and {more} more {kind}{'s' if more > 1 else ''}" if more else ""
    return _cut(checks[0].told) + rest


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
