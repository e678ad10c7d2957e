"""How far is each month of flights from January and February? `python -m bench.drift` (docs/decisions.md).

The rows of a month against the training rows of the demo's policy, by both statistics; and whether the defaults of
`spec.triggers.drift` would say Drifted.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from retrain_trainer.data.drift import count_shares, divergence, learn_shares
from retrain_trainer.data.matrix import learn_schema
from retrain_trainer.data.profile import profile_table
from retrain_trainer.data.source import open_source
from retrain_trainer.data.table import Table, open_table
from retrain_trainer.learned import FeatureShares
from retrain_trainer.spec import DataSpec, Drift, ModelSpec, PolicySpec, RegistrySpec

from bench.days import months
from examples.flights.months import TARGET, flights_by_month

SPEC = PolicySpec(
    data=DataSpec(uri="pvc://flights/*.csv", time_column="time_hour"),
    model=ModelSpec(target=TARGET),
    registry=RegistrySpec(uri="pvc://models"),
)
#: The defaults.
KINDS = (Drift(statistic="PSI"), Drift(statistic="JS"))
TRAINING = (1, 2)


def measured() -> dict[str, Any]:
    """By month and statistic: features above the threshold, all features, whether that is drift, every value."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "flights").mkdir()
        for month, text in flights_by_month().items():
            (root / f"flights/{month:02d}.csv").write_text(text)
        source = open_source(uri=SPEC.data.uri, claims={}, default=root)
        with open_table(
            source=source, memory_limit_bytes=None, threads=2, scratch=root, time_column="time_hour"
        ) as table:
            profile = profile_table(table=table, spec=SPEC, now=datetime(2014, 1, 2, tzinfo=UTC))
            training = months(first=TRAINING[0], last=TRAINING[1])
            schema = learn_schema(table=table, profile=profile, spec=SPEC, where=training)
            shares = learn_shares(table=table, schema=schema, where=training)
            return {str(month): _told(table=table, before=shares, month=month) for month in range(TRAINING[1] + 1, 13)}


def _told(*, table: Table, before: tuple[FeatureShares, ...], month: int) -> dict[str, Any]:
    now = count_shares(table=table, features=before, where=months(first=month, last=month))
    told: dict[str, Any] = {"rows": sum(now[0].counts)}
    for kind in KINDS:
        values = {
            old.name: divergence(before=old, now=new, statistic=kind.statistic)
            for old, new in zip(before, now, strict=True)
        }
        above = sum(value >= kind.bound for value in values.values())
        told[kind.statistic] = {
            "above": above,
            "of": len(values),
            "drifted": above / len(values) >= kind.share,
            "values": {name: round(value, 3) for name, value in values.items()},
        }
    return told


def main() -> None:
    """A line a month, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    found = measured()
    if parser.parse_args().output == "json":
        print(json.dumps(found, indent=2))
        return
    print(f"{'month':>5} {'rows':>7}  PSI 0.25 or more  JS 0.15 or more    the largest PSI")
    for month, told in found.items():
        words = [
            f"{told[name]['above']} of {told[name]['of']} {'Drifted' if told[name]['drifted'] else 'NoDrift'}"
            for name in ("PSI", "JS")
        ]
        largest = sorted(told["PSI"]["values"].items(), key=lambda item: -item[1])[:5]
        print(
            f"{month:>5} {told['rows']:>7,}  {words[0]:<17}  {words[1]:<17}  "
            + ", ".join(f"{name} {value:.2f}" for name, value in largest)
        )


if __name__ == "__main__":
    main()
