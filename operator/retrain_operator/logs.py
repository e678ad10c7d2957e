"""Log lines for people, or one JSON object a line that names what it is about in fields of their own."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final, Literal

from retrain_operator.api.policy import PolicyKey

LogFormat = Literal["json", "text"]

#: Fields that a line may have besides time, level, logger and message.
_FIELDS: Final = ("namespace", "policy", "run", "action")


def about(key: PolicyKey, *, run: str | None = None, action: str | None = None) -> dict[str, str]:
    """`extra=` of a log call: the policy, and the run (its Job) and action where the line speaks of one."""
    fields = {"namespace": key.namespace, "policy": key.name, "run": run, "action": action}
    return {name: value for name, value in fields.items() if value is not None}


class JsonLines(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, and what the line is about."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; a traceback is a field of it, so that no line stands alone."""
        line = {
            "time": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: str(getattr(record, name)) for name in _FIELDS if hasattr(record, name)}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure_logging(*, style: LogFormat, level: str) -> None:
    """Everything goes to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    if style == "json":
        handler.setFormatter(JsonLines())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # kopf names objects on every event; what it does here is our own to log.
    logging.getLogger("kopf").setLevel(logging.WARNING)
