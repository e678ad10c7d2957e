"""Checks that count rows: each is an aggregate for the one pass over the data, with the sentence for when it fails.

`profile` asks all of them in one SELECT; only probes that fail are asked again, for examples.
"""
