"""How many labelled rows have come since: what `triggers.newRows` and a trigger that lost before look at."""

from __future__ import annotations

from datetime import datetime

from retrain_trainer.data.profile import Profile
from retrain_trainer.data.table import Table, Where, naive, quoted
from retrain_trainer.spec import PolicySpec


def labelled_since(
    *, table: Table, profile: Profile, spec: PolicySpec, moments: tuple[datetime | None, ...]
) -> tuple[int, ...]:
    """Labelled rows later than each moment (aware), old enough to have a trustworthy label; all of them for None.

    Without a time column nobody can tell which rows are new: the number of all labelled rows, for each moment.
    """
    labelled = Where(sql=f"{quoted(spec.model.target)} IS NOT NULL")
    time = spec.data.time_column
    if time is None or profile.time_max is None:
        return (table.count(where=labelled),) * len(moments)
    counted, parameters = [], []
    for moment in moments:
        if moment is None:
            counted.append("count(*)")
        else:
            counted.append(f"count_if({quoted(time)} > ?)")
            parameters.append(naive(moment))
    until = naive(profile.time_max - spec.data.label_delay)
    [row] = table.query(
        f"SELECT {', '.join(counted)} FROM data WHERE {labelled.sql} AND {quoted(time)} <= ?",  # noqa: S608
        [*parameters, until],
    )
    return tuple(int(count) for count in row)
