"""`python -m retrain_trainer`."""

import sys

from retrain_trainer.cli import main

sys.exit(main())
