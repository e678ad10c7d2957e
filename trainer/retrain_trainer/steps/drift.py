"""Step 5, beside the score: are the newest rows like those that the champion was trained on?"""

from __future__ import annotations

from dataclasses import replace

from retrain_trainer.contract import DriftFacts
from retrain_trainer.data.drift import count_shares, divergence
from retrain_trainer.data.profile import Profile
from retrain_trainer.data.table import Table, Where, naive, quoted
from retrain_trainer.registry.manifest import Manifest
from retrain_trainer.steps.context import Context

#: The features told by name.
_WORST = 3


def measured_drift(this: Context, table: Table, profile: Profile) -> DriftFacts | None:
    """Of rows newer than the champion's data, labelled or not. None: no champion with counts, no time, too few rows."""
    champion, newest = this.head.champion, this.head.newest
    if champion is None or profile.time_max is None:
        return None
    found = _against(this, table, champion.manifest)
    if found is None or newest is None or not found.drifted:
        return found
    if newest.trigger != "Drift" or newest.version == champion.manifest.version:
        return found
    later = _against(this, table, newest)
    return replace(found, calls=later is not None and later.drifted)


def _against(this: Context, table: Table, manifest: Manifest) -> DriftFacts | None:
    drift, time = this.spec.triggers.drift, this.spec.data.time_column
    features = () if manifest.learned is None else manifest.learned.features
    if time is None or manifest.holdout_end is None or not features:
        return None
    where = Where(
        sql=f"{quoted(time)} > ? AND {quoted(time)} <= ?",
        parameters=(naive(manifest.holdout_end), naive(this.now)),
    )
    rows = table.count(where=where)
    if rows < drift.min_rows:
        return None
    before = {feature.name: feature for feature in features}
    values = {
        now.name: divergence(before=before[now.name], now=now, statistic=drift.statistic)
        for now in count_shares(table=table, features=features, where=where)
    }
    if not values:
        return None
    over = sum(value >= drift.bound for value in values.values())
    worst = sorted(values.items(), key=lambda item: -item[1])[:_WORST]
    drifted = over / len(values) >= drift.share
    return DriftFacts(
        drifted=drifted,
        calls=drifted,
        share=over / len(values),
        features=len(values),
        rows=rows,
        rule=drift.rule,
        worst=", ".join(f"{name[:30]} ({drift.statistic} {value:.2f})" for name, value in worst),
    )
