"""`python -m retrain_trainer`."""

import signal
import sys

# In a container this is process 1, which the kernel protects from signals that nobody handles: until the program below
# has its own handler, a SIGTERM would be lost. 143 is tried again (docs/contract.md).
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

from retrain_trainer.cli import main  # noqa: E402

sys.exit(main())
