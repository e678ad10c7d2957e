"""Who trains and who judges where no time tells: each row draws a lot by what it holds, and keeps it for ever.

A version records what its lots were dealt by: the columns, and the form of their texts. The next version is dealt by
these same columns, whatever columns have come since. Where one of them is gone, or its text has another form, nobody
can tell any more which rows that version was trained on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from retrain_trainer.data.table import Table, Where, quoted

_HASH = "hash:"
#: Stands before what the lots were dealt by. Releases that do not know it take it for a group that is not there.
_DEALT = "//["

#: From here on a DOUBLE does not hold every whole number, so that two of them may have one text.
_EXACT = 2**53

#: The form of a column without any value: its text is empty, whatever comes into it later.
_EMPTY = "Empty"

#: Columns by name, each with the form of its text: `Integer` for all widths, `DECIMAL(*,2)` for all of one scale, else
#: the type as DuckDB calls it.
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
    except (TypeError, ValueError):
        return None


def deal(*, table: Table, target: str, fraction: float, group: str | None, before: Lots | None) -> Lots:
    """Today's lots: by the columns that dealt those of the champion (`before`), as long as they tell what they told.

    Dealt anew they are dealt by every column that holds anything but the target: a label that is corrected must not
    move its row to the other side. Where these make few rows different, whole kinds of rows would go to one side, so
    the target deals too.
    """
    forms = _forms(table)
    known = None if before is None or before.group != group else before.dealt
    if known is not None and _texts(table, dealt=known, forms=forms) is not None:
        return Lots(fraction=fraction, group=group, dealt=known)
    if group is not None:
        return Lots(fraction=fraction, group=group, dealt=((group, forms[group]),))
    filled = _filled(table)
    if before is not None and before.group is None and before.dealt is None:
        dealt = ((name, forms[name] if name in filled else _EMPTY) for name in sorted(table.columns))
        return Lots(fraction=fraction, dealt=tuple(dealt))
    names = [name for name in filled if name != target]
    if not names or 2 * _different(table, names=names) < table.rows:
        names = filled or list(table.columns)
    return Lots(fraction=fraction, dealt=tuple((name, forms[name]) for name in sorted(names)))


def _filled(table: Table) -> list[str]:
    """Columns that hold anything."""
    names = list(table.columns)
    [counts] = table.query(f"SELECT {', '.join(f'count({quoted(name)})' for name in names)} FROM data")  # noqa: S608
    return [name for name, count in zip(names, counts, strict=True) if count]


def _different(table: Table, *, names: Sequence[str]) -> int:
    """How many rows differ in these columns, about."""
    columns = ", ".join(map(quoted, names))
    [(count,)] = table.query(f"SELECT approx_count_distinct(hash({columns})) FROM data")  # noqa: S608 - quoted
    return int(count)


def held_back(*, table: Table, lots: Lots, salt: str, held: bool = True) -> Where | None:
    """Rows that the lots keep from training (or, not `held`, leave to it); None where nobody can tell any more."""
    forms = _forms(table)
    dealt = lots.dealt
    if dealt is None:
        names = sorted(table.columns) if lots.group is None else [lots.group]
        dealt = tuple((name, forms.get(name, "")) for name in names)
    texts = _texts(table, dealt=dealt, forms=forms)
    if texts is None:
        return None
    place = f"CAST('0x' || substr(md5(concat_ws(chr(31), ?, {', '.join(texts)})), 1, 8) AS UBIGINT) / 4294967296.0"
    return Where(sql=f"{place} {'<' if held else '>='} ?", parameters=(salt, lots.fraction))


def _forms(table: Table) -> dict[str, str]:
    described = {name: str(kind) for name, kind, *_ in table.query("DESCRIBE data")}
    return {
        name: "Integer"
        if table.columns[name] == "Integer"
        else re.sub(r"^DECIMAL\(\d+,(\d+)\)$", r"DECIMAL(*,\1)", kind)
        for name, kind in described.items()
    }


def _texts(table: Table, *, dealt: Dealt, forms: Mapping[str, str]) -> list[str] | None:
    """SQL of each column's text in the form in which it dealt; None where a column has no such text."""
    texts = []
    for name, form in dealt:
        value = _value(table, name=name, now=forms.get(name), form=form)
        if value is None:
            return None
        texts.append(f"coalesce(CAST({value} AS VARCHAR), '')")
    return texts


def _value(table: Table, *, name: str, now: str | None, form: str) -> str | None:
    """SQL of what dealt a row, from a column that is stored as `now`; None where it cannot be told any more."""
    column = quoted(name)
    if form == _EMPTY:
        return "''"
    if now is None or now == form:
        return None if now is None else column
    if not table.count(where=Where(sql=f"{column} IS NOT NULL")):
        return "''"
    kind = {"Integer": "HUGEINT"}.get(form, form.replace("(*", "(38"))
    if now == "VARCHAR":
        # What is no number now was none of theirs; all others read as they did.
        return f"coalesce(CAST(TRY_CAST({column} AS {kind}) AS VARCHAR), {column})"
    if _is_number(now) and _is_number(form) and (now != "DOUBLE" or _exact(table, column)):
        return f"TRY_CAST({column} AS {kind})"  # 3.0 is the 3 of before; 3.5 was not there then
    return None


def _is_number(form: str) -> bool:
    return form in ("Integer", "FLOAT", "DOUBLE") or form.startswith("DECIMAL(")


def _exact(table: Table, column: str) -> bool:
    largest = f"SELECT max(abs({column})) FILTER (isfinite({column})) FROM data"  # noqa: S608 - names are quoted
    [(found,)] = table.query(largest)
    return found is None or found < _EXACT
