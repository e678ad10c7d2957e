"""Promise P4: the champion pointer always names a complete model with its digest. `python -m tests.faults.registry`."""
