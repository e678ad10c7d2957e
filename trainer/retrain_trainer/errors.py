"""Why a run could not reach an outcome: one class per exit code, one reason constant per cause.

A run that *reached* an outcome exits 0, also when the outcome is NotPromoted or DataRejected. The exit codes of the
classes below are read by the Job's `podFailurePolicy`, which does not retry them; any other non-zero code is retried,
and so is a failure that may pass.
"""

from __future__ import annotations

#: Worth another try: the registry's store did not answer now. The same run key goes on where it was.
EXIT_PASSING = 75


class RunError(Exception):
    """Ends a run as `Failed`. `reason` is a documented CamelCase constant, `message` says what, where, what to do.

    passing: nobody has to mend anything, as far as can be told; another try may do.
    """

    exit_code: int = 1

    def __init__(self, *, reason: str, message: str, passing: bool = False) -> None:
        super().__init__(f"{reason}: {message}")
        if passing:
            self.exit_code = EXIT_PASSING
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
