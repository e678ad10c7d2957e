"""The demo: real flights of 2013, month by month, on a real cluster (`make demo`)."""
