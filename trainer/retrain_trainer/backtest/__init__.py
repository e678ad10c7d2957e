"""Tries a policy on the past before it is trusted: the checks of months, replayed by the code that will make them.

`cli` reads the options, `periods` lays out the checks, `cuts` shows each of them the rows of its time, `replay` makes
it, `baselines` are what it is held against, `scoring` gives the models marks, `summary` says what the policy was worth,
`settings` compares values of fields, `document` and `report` tell it.
"""
