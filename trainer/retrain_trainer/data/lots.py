"""Who trains and who judges where no time tells: each row draws a lot by what it holds, and keeps it for ever.

A version records what its lots were dealt by: the columns, and the form of their texts. The next version is dealt by
these same columns, whatever columns have come since. Where one of them is gone, or its text has another form, nobody
can tell any more which rows that version was trained on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from retrain_trainer.data.table import Table, Where, quoted

_HASH = "hash:"
#: Stands before what the lots were dealt by. Releases that do not know it take it for a group that is not there.
_DEALT = "//["

#: From here on a DOUBLE does not hold every whole number, so that two of them may have one text.
_EXACT = 2**53

#: Columns by name, each with the form of its text: `Integer` for all widths, else the type as DuckDB calls it.
Dealt = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lots:
    """fraction: of the lots that are held back. group: the column whose values draw them; None: each row draws its own.

    dealt: by which columns; None of a version of an earlier release, which did not record them: by all of them, as far
    as anybody knows.
    """

    fraction: float
    group: str | None = None
    dealt: Dealt | None = None

    @property
    def assignment(self) -> str:
        """As a version records it: `hash:0.2//[["a","Integer"],…]`, with a group `hash:0.2/customer//[…]`."""
        group = "" if self.group is None else f"/{self.group}"
        dealt = "" if self.dealt is None else f"//{json.dumps(self.dealt, ensure_ascii=False, separators=(',', ':'))}"
        return f"{_HASH}{self.fraction!r}{group}{dealt}"


def read_lots(assignment: str | None) -> Lots | None:
    """The lots that a version records; None where none were drawn."""
    if assignment is None or not assignment.startswith(_HASH):
        return None
    head, mark, tail = assignment.partition(_DEALT)
    dealt = _dealt(f"[{tail}") if mark else None
    fraction, slash, group = (assignment if dealt is None else head).removeprefix(_HASH).partition("/")
    return Lots(fraction=float(fraction), group=group if slash else None, dealt=dealt)


def _dealt(text: str) -> Dealt | None:
    try:
        return tuple((str(name), str(form)) for name, form in json.loads(text))
    except ValueError:
        return None


def deal(*, table: Table, target: str, fraction: float, group: str | None, before: Lots | None) -> Lots:
    """Today's lots: by the columns that dealt those of the champion (`before`), as long as they tell what they told.

    Dealt anew they are dealt by every column that holds anything but the target: a label that is corrected must not
    move its row to the other side.
    """
    forms = _forms(table)
    if before is not None and before.group == group:
        if before.dealt is not None and _texts(table, dealt=before.dealt, forms=forms) is not None:
            return Lots(fraction=fraction, group=group, dealt=before.dealt)
        if before.dealt is None:
            return Lots(fraction=fraction, group=group, dealt=_chosen(table, forms, group=group))
    names = [name for name in table.columns if name != target]
    if group is None and names:
        [counts] = table.query(f"SELECT {', '.join(f'count({quoted(name)})' for name in names)} FROM data")  # noqa: S608
        names = [name for name, count in zip(names, counts, strict=True) if count] or names
    return Lots(fraction=fraction, group=group, dealt=_chosen(table, forms, group=group, names=names))


def held_back(*, table: Table, lots: Lots, salt: str, held: bool = True) -> Where | None:
    """Rows that the lots keep from training (or, not `held`, leave to it); None where nobody can tell any more."""
    forms = _forms(table)
    if lots.dealt is None and lots.group is not None and lots.group not in forms:
        return None
    dealt = _chosen(table, forms, group=lots.group) if lots.dealt is None else lots.dealt
    texts = _texts(table, dealt=dealt, forms=forms)
    if texts is None:
        return None
    place = f"CAST('0x' || substr(md5(concat_ws(chr(31), ?, {', '.join(texts)})), 1, 8) AS UBIGINT) / 4294967296.0"
    return Where(sql=f"{place} {'<' if held else '>='} ?", parameters=(salt, lots.fraction))


def _chosen(table: Table, forms: Mapping[str, str], *, group: str | None, names: Sequence[str] | None = None) -> Dealt:
    chosen = sorted(table.columns if names is None else names) if group is None else [group]
    return tuple((name, forms[name]) for name in chosen)


def _forms(table: Table) -> dict[str, str]:
    return {
        name: "Integer" if table.columns[name] == "Integer" else str(kind)
        for name, kind, *_ in table.query("DESCRIBE data")
    }


def _texts(table: Table, *, dealt: Dealt, forms: Mapping[str, str]) -> list[str] | None:
    """SQL of each column's text in the form in which it dealt; None where a column has no such text."""
    texts = []
    for name, form in dealt:
        column, now = quoted(name), forms.get(name)
        if now == form:
            value = column
        elif (now, form) == ("Integer", "DOUBLE"):
            value = f"CAST({column} AS DOUBLE)"
        elif (now, form) == ("DOUBLE", "Integer") and _exact(table, column):
            value = f"TRY_CAST({column} AS HUGEINT)"  # 3.0 is the 3 of before; 3.5 was not there then
        else:
            return None
        texts.append(f"coalesce(CAST({value} AS VARCHAR), '')")
    return texts


def _exact(table: Table, column: str) -> bool:
    largest = f"SELECT max(abs({column})) FILTER (isfinite({column})) FROM data"  # noqa: S608 - names are quoted
    [(found,)] = table.query(largest)
    return found is None or found < _EXACT
