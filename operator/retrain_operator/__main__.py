"""`python -m retrain_operator` is the command `retrain-operator`."""

import signal
import sys

# In a container this is process 1, which the kernel protects from signals that nobody handles: until the program below
# has its own handlers, a SIGTERM would be lost and the pod would wait for its whole grace period.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

from retrain_operator.cli import main  # noqa: E402

sys.exit(main())
