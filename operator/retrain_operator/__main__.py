"""`python -m retrain_operator` is the command `retrain-operator`."""

import sys

from retrain_operator.cli import main

sys.exit(main())
