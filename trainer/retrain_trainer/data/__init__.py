"""Rows: found, read, profiled, validated, split and coded. No scikit-learn here: bad data must fail fast."""
