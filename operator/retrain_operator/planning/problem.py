"""What is wrong with a spec, in the words that go to the condition. Only an edit mends it."""

from __future__ import annotations


class SpecProblem(ValueError):
    """A spec that the API accepted and that cannot work: `reason` is a constant of api.reasons."""

    def __init__(self, *, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
