"""Why a run could not reach an outcome: one class per exit code, one reason constant per cause.

A run that *reached* an outcome exits 0, also when the outcome is NotPromoted or DataRejected. The exit codes below
are read by the Job's `podFailurePolicy`, which does not retry them; any other non-zero code is retried.
"""

from __future__ import annotations

from typing import ClassVar


class RunError(Exception):
    """Ends a run as `Failed`. `reason` is a documented CamelCase constant, `message` says what, where, what to do."""

    exit_code: ClassVar[int] = 1

    def __init__(self, *, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


class SpecError(RunError):
    """The spec cannot work, whatever the data (unknown estimator, metric or parameter)."""

    exit_code = 64


class RegistryDamaged(RunError):
    """The champion or the registry cannot be trusted any more (digest differs, manifest unreadable)."""

    exit_code = 65


class DataUnavailable(RunError):
    """Data, table, claim or Secret is missing or unreadable; the message names it."""

    exit_code = 66


EXIT_OK = 0
#: The answer could not be written where it is read: worth another try.
EXIT_UNTOLD = 1
EXIT_TERMINATED = 143
