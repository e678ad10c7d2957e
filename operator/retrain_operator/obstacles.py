"""An error of one write: is it in the way of all, or of this child alone, and for how long?"""

from __future__ import annotations

import re
from typing import Final

from retrain_operator.api import reasons
from retrain_operator.kube.client import ApiError
from retrain_operator.planning.observed import Cause, CreateCronJob, CreateJob, MarkRecorded, ReplaceCronJob, Write

#: So many looks in a row must have ended in an error before a child that cannot be written is told of: fifteen seconds
#: with the backoff of the defaults, so that a pause of the API server is not.
TOLD_AFTER: Final = 4


def is_aside(*, write: Write, error: Exception, failures: int) -> bool:
    """May all else go on without this write? `failures`: looks in a row that have ended in an error.

    A webhook that is down must not hide what runs have told; nor must one that lets no Job be marked keep a champion
    from being published.
    """
    if failures < TOLD_AFTER:
        return False
    if isinstance(write, MarkRecorded):
        return not isinstance(error, ApiError) or error.status != 429
    down = not isinstance(error, ApiError) or error.status >= 500
    return down and isinstance(write, CreateCronJob | ReplaceCronJob | CreateJob)


def obstacle(*, write: Write, error: Exception) -> Cause:
    """What people are told of it."""
    return Cause(reason=reasons.RETRYING, message=f"{_what(write)}: {_words(error)}")


def _what(write: Write) -> str:
    match write:
        case ReplaceCronJob(seen=seen):
            return f"CronJob {seen.name}"
        case CreateCronJob(body=body) | CreateJob(body=body):
            return f"{body['kind']} {body['metadata']['name']}"
        case _:
            return type(write).__name__


def _words(error: Exception) -> str:
    if not isinstance(error, ApiError):
        return f"no answer ({type(error).__name__})"
    # The port on our side is another one each time, and what is told anew each time is an Event each time.
    return re.sub(r"\S+->(?=\S)", "", error.message)
