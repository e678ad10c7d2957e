"""Census answers of four years: a relation that does not decay, so that retraining should change nothing."""
