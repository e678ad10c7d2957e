"""`python -m retrain_trainer.mirror`: an order on standard input, the answer on standard output.

A process of its own, started by each run (`mirror`): whatever a server does to MLflow's client, it can use no more
memory and time than this one has, and the run goes on.
"""

from __future__ import annotations

import os
import resource
import sys
from typing import Final

from retrain_trainer.mirror.level import answered
from retrain_trainer.mirror.order import Order

#: Bytes of data; MLflow's client itself needs 180 MiB.
_MEMORY: Final = 400 * 2**20


def main() -> int:
    """0 where there is an answer."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, hard))
    order = Order.from_json(sys.stdin.read())
    answer = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nobody else writes there
    text = answered(order).to_json()
    with os.fdopen(answer, "w", encoding="utf-8") as out:
        out.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
