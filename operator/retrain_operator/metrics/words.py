"""Label values are words of closed sets: an image, an annotation or a label on a Job can make no new time series."""

from __future__ import annotations

import re
from typing import Final, get_args

from retrain_operator.api.vocabulary import Action, Cause, Outcome, Trigger, Verdict

#: Stands for a word that is missing or not one of the set.
UNKNOWN: Final = "unknown"

ACTIONS: Final[tuple[str, ...]] = get_args(Action)
CAUSES: Final[tuple[str, ...]] = get_args(Cause)
OUTCOMES: Final[tuple[str, ...]] = get_args(Outcome)
TRIGGERS: Final[tuple[str, ...]] = get_args(Trigger)
VERDICTS: Final[tuple[str, ...]] = get_args(Verdict)

#: Outcomes of runs that trained a version.
TRAINED: Final = ("Promoted", "AwaitingApproval", "Observed", "NotPromoted")

_SCORER = re.compile(r"[a-z][a-z0-9_]{0,63}")


def word(value: object, known: tuple[str, ...]) -> str:
    """`value` if it is one of `known`, else `unknown`."""
    return value if isinstance(value, str) and value in known else UNKNOWN


def scorer(value: object) -> str:
    """The name of a metric as scikit-learn writes them, else `unknown`."""
    return value if isinstance(value, str) and _SCORER.fullmatch(value) else UNKNOWN
