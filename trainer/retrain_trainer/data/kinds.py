"""DuckDB's types, as what they mean to a policy."""

from __future__ import annotations

from typing import Literal

StoredType = Literal["Integer", "Number", "String", "Boolean", "Timestamp", "Other"]

_KINDS: dict[str, StoredType] = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), "Integer"),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"), "Integer"),
    **dict.fromkeys(("FLOAT", "DOUBLE"), "Number"),
    **dict.fromkeys(("VARCHAR", "UUID"), "String"),
    "BOOLEAN": "Boolean",
    **dict.fromkeys(("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), "Timestamp"),
    "TIMESTAMP WITH TIME ZONE": "Timestamp",
}


def kind_of(name: str) -> StoredType:
    """What a type of DuckDB means."""
    return "Number" if name.startswith("DECIMAL(") and name.endswith(")") else _KINDS.get(name, "Other")
