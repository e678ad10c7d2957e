"""`registry.keepVersions`: the models of old versions go, with a recorded reason, and never one that is still needed.

First a tombstone is created, with reason and time; an hour later at the earliest the model is deleted, and then a mark
says that this is done. A run that dies between any two of these leaves what the next one finishes. The hour is for a
rollback that looked before the tombstone was there and promotes after: what has come to be needed is not deleted.
Manifests, runs and the promotion log stay for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from retrain_trainer.errors import RegistryDamaged
from retrain_trainer.registry.documents import MAX_DOCUMENT_BYTES, opened, sealed
from retrain_trainer.registry.layout import blob_name
from retrain_trainer.registry.store import Store
from retrain_trainer.times import parsed_time, time_text

GRACE = timedelta(hours=1)
FOLDER = "tombstones"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """Why and when a version's model was given up; `run` is the key of the run that did it."""

    version: int
    reason: str
    message: str
    time: datetime
    run: str
    model_digest: str
    model_bytes: int

    def to_bytes(self) -> bytes:
        """The document as stored."""
        return sealed({**asdict(self), "time": time_text(self.time)})

    @staticmethod
    def from_bytes(*, data: bytes, name: str) -> Tombstone:
        """RegistryDamaged `TombstoneDamaged` naming the file if it is none."""
        body = opened(data=data, name=name, reason="TombstoneDamaged")
        try:
            time = parsed_time(body["time"])
            if time is None:
                raise ValueError("a time is missing")
            return Tombstone(**{**body, "time": time})
        except (KeyError, TypeError, ValueError) as error:
            raise RegistryDamaged(
                reason="TombstoneDamaged",
                message=f"{name} does not hold what this release writes ({error}); restore it from a backup",
            ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A version whose model is there."""

    version: int
    digest: str
    size: int


def given_up(*, kept: Iterable[int], protected: Iterable[int], keep: int) -> list[int]:
    """Versions beyond the newest `keep` that nothing protects, lowest first."""
    newest_first = sorted(kept, reverse=True)
    return sorted(set(newest_first[keep:]) - set(protected))


def needed_versions(
    *,
    among: Collection[int],
    champion: int | None,
    previous: int | None,
    newest: int | None,
    unsettled: Callable[[int], bool],
) -> frozenset[int]:
    """Those of some versions that are in use or may come to be: the champion, the one before it, the newest (it may
    wait for a person), and later ones than the champion whose run has not come to its end.
    """
    named = {champion, previous, newest}
    return frozenset(
        version
        for version in among
        if version in named or ((champion is None or version > champion) and unsettled(version))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Graveyard:
    """Tombstones of one registry. needs: which of some versions retention must not touch, asked anew before every
    deletion: a rollback may have come between.
    """

    store: Store
    needs: Callable[[Collection[int]], frozenset[int]]
    read: Callable[[int], Kept | None]

    def tombstone(self, version: int) -> Tombstone | None:
        """Why a version has no model any more, or None."""
        return find_tombstone(self.store, version=version)

    def numbers(self) -> frozenset[int]:
        """Versions that have one."""
        names = (entry.name.removesuffix(".json") for entry in self.store.entries(folder=FOLDER))
        return frozenset(int(name) for name in names if name.isascii() and name.isdigit() and len(name) <= 20)

    def retain(self, *, versions: Sequence[int], keep: int, now: datetime, run: str) -> Sequence[str]:
        """Give up what is beyond `keep`, and delete what was given up long enough ago. Lines to show."""
        names = {entry.name for entry in self.store.entries(folder=FOLDER)}
        buried = {number for number in versions if f"{number}.json" in names}
        open_graves = {number for number in buried if f"{number}.done" not in names}
        living = {
            number: found for number in versions if number not in buried and (found := self.read(number)) is not None
        }
        told = []
        for number in sorted(open_graves):
            told += self._finish(number, open_graves=open_graves, living=living, now=now)
        for number in given_up(kept=living, protected=self.needs(living), keep=keep):
            told += self._bury(living[number], keep=keep, now=now, run=run)
        return told

    def _bury(self, version: Kept, *, keep: int, now: datetime, run: str) -> list[str]:
        tombstone = Tombstone(
            version=version.version,
            reason="KeepVersions",
            message=f"registry.keepVersions is {keep}, and newer versions are kept",
            time=now,
            run=run,
            model_digest=version.digest,
            model_bytes=version.size,
        )
        self.store.create(key=f"{FOLDER}/{version.version}.json", data=tombstone.to_bytes())
        return [f"retention: version {version.version} is given up ({tombstone.message}); its model goes in an hour"]

    def _finish(
        self, number: int, *, open_graves: Collection[int], living: Mapping[int, Kept], now: datetime
    ) -> list[str]:
        tombstone, needed = self.tombstone(number), self.needs(open_graves)
        if tombstone is None or now - tombstone.time < GRACE:
            return []
        if number in needed:
            return [f"retention: version {number} was given up and is needed again; its model stays"]
        again = [self.tombstone(other) for other in open_graves if other in needed]
        in_use = {other.digest for other in living.values()} | {other.model_digest for other in again if other}
        shared = tombstone.model_digest in in_use
        if not shared:
            self.store.delete(key=blob_name(tombstone.model_digest))
        self.store.create(key=f"{FOLDER}/{number}.done", data=_done(now=now, shared=shared))
        what = "its model is also that of a version that is kept" if shared else "its model is deleted"
        return [f"retention: version {number}: {what}"]


def find_tombstone(store: Store, *, version: int) -> Tombstone | None:
    """Why a version's model was given up, or None. What has a tombstone must not be promoted again."""
    name = f"{FOLDER}/{version}.json"
    data = store.read(key=name, limit=MAX_DOCUMENT_BYTES)
    return None if data is None else Tombstone.from_bytes(data=data, name=store.name_of(name))


def _done(*, now: datetime, shared: bool) -> bytes:
    content: dict[str, Any] = {"time": time_text(now), "shared": shared}
    return sealed(content)
