"""How much may be read, found out before reading: files are small, what they hold may not be.

A Parquet file of 2 MB can hold 4 GB, a gzip a thousand times its size. What cannot fit is refused with the numbers,
before minutes of reading end in a killed container.
"""

from __future__ import annotations

import gzip
import os
import shutil
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from retrain_trainer.data.names import exact
from retrain_trainer.data.trouble import too_large, unreadable

#: Deflate packs at most 1,032 bytes into one: an upper bound that needs no reading (RFC 1951; zlib's technical notes).
MAX_DEFLATE = 1032
_CHUNK = 2**20
_MIB = 2**20

#: Bytes of one value in DuckDB's vectors; a text has 16 bytes of its own, and its characters besides.
_WIDTHS = {
    **dict.fromkeys(("BOOLEAN", "TINYINT", "UTINYINT"), 1),
    **dict.fromkeys(("SMALLINT", "USMALLINT"), 2),
    **dict.fromkeys(("INTEGER", "UINTEGER", "FLOAT", "DATE"), 4),
    **dict.fromkeys(("BIGINT", "UBIGINT", "DOUBLE", "TIME"), 8),
}
_WIDTH_OF_TIMES = 8
_WIDTH_OF_OTHERS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Bytes that rows may take: of memory (half of the process's limit, the rest is the model's) and of scratch."""

    memory: int
    scratch: int

    def __str__(self) -> str:
        return f"{shown(self.memory)} of memory and {shown(self.scratch)} of scratch"

    @property
    def total(self) -> int:
        """Rows that do not fit into memory are kept in scratch."""
        return self.memory + self.scratch


def room_for(*, memory_limit_bytes: int | None, scratch: Path, scratch_limit_bytes: int | None) -> Room:
    """The room of a process with these limits; without a limit of its own it has that of the machine."""
    memory = memory_limit_bytes or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    free = shutil.disk_usage(scratch).free
    return Room(
        memory=max(64 * _MIB, memory // 2),
        scratch=free if scratch_limit_bytes is None else min(free, scratch_limit_bytes),
    )


def shown(size: float) -> str:
    """`1.5 GiB`."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} bytes" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def check_rows(*, rows: int, width: float, room: Room) -> None:
    """DataTooLarge if `rows` of `width` bytes have no room."""
    if rows * width > room.total:
        raise too_large(
            f"{rows:,} rows of about {width:,.0f} bytes need {shown(rows * width)} and there are {room}",
        )


def check_parquet(connection: duckdb.DuckDBPyConnection, *, files: Sequence[Path], relation: str, room: Room) -> None:
    """Adds up the footers of the files: rows by the width of their types, and their texts as they are stored.
    `relation` reads the files.

    Repeated texts are stored once: what they take is known only when they were read, and `check_rows` is asked again.
    """
    names = [exact(path) for path in files]
    [(rows,)] = connection.execute("SELECT sum(num_rows) FROM parquet_file_metadata(?)", [names]).fetchall()
    described = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()  # noqa: S608 - our own text
    [(texts,)] = connection.execute(
        "SELECT coalesce(sum(total_uncompressed_size), 0) FROM parquet_metadata(?) WHERE type = 'BYTE_ARRAY'", [names]
    ).fetchall()
    width = sum(width_of(kind) for _, kind, *_ in described)
    check_rows(rows=int(rows or 0), width=width + int(texts) / max(1, int(rows or 0)), room=room)


def width_of(kind: str) -> int:
    """Bytes of a value of a DuckDB type, without the characters of a text."""
    return _WIDTHS.get(kind, _WIDTH_OF_TIMES if kind.startswith("TIMESTAMP") else _WIDTH_OF_OTHERS)


def check_texts(*, files: Sequence[Path], room: Room) -> None:
    """DataTooLarge if CSV files hold more text than there is room. A gzip is unpacked, and thrown away, to be counted,
    unless even one packed as tightly as can be would fit; not beyond the room that is left.
    """
    sizes = {path: path.stat().st_size for path in files}
    most = {path: size * (MAX_DEFLATE if path.name.lower().endswith(".gz") else 1) for path, size in sizes.items()}
    if sum(most.values()) <= room.total:
        return
    total = 0
    for path, size in sizes.items():
        total += _unpacked(path, limit=room.total - total) if path.name.lower().endswith(".gz") else size
        if total > room.total:
            packed = f" ({shown(size)} packed)" if path.name.lower().endswith(".gz") else ""
            raise too_large(
                f"file {path.name[:60]!r}{packed} brings the text above {shown(room.total)}, and there are {room}"
            )


def _unpacked(path: Path, *, limit: int) -> int:
    """Bytes that a gzip holds, counted no further than just above `limit`."""
    total = 0
    try:
        with gzip.open(path, "rb") as file:
            while total <= limit and (chunk := file.read(_CHUNK)):
                total += len(chunk)
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, f"cannot be unpacked: {error}") from None
    return total
