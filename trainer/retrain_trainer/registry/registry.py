"""The registry of one policy: its runs, its versions and its promotion log, and what follows from all three."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from retrain_trainer.errors import EXIT_PASSING, RegistryDamaged
from retrain_trainer.registry.documents import MAX_DOCUMENT_BYTES, sealed
from retrain_trainer.registry.layout import document, find_document, manifest_name, promotion_name
from retrain_trainer.registry.log import PromotionLog
from retrain_trainer.registry.manifest import Manifest, Promotion
from retrain_trainer.registry.retention import Graveyard, Kept, Tombstone, find_tombstone, needed_versions
from retrain_trainer.registry.runs import Runs
from retrain_trainer.registry.store import Store
from retrain_trainer.registry.versions import Versions
from retrain_trainer.times import time_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """The version in use: the newest promotion and the manifest it names."""

    promotion: Promotion
    manifest: Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """Totals over the registry's life."""

    checks: int
    trainings: int
    promotions: int


class Registry:
    """Reads and writes one policy's registry. What cannot be trusted raises RegistryDamaged, naming the file."""

    def __init__(self, *, store: Store) -> None:
        self._store = store
        self.runs = Runs(store=store)
        self.versions = Versions(store=store)
        self.log = PromotionLog(store=store)

    def champion(self) -> Champion | None:
        """What the newest promotion names; None before the first promotion. RegistryDamaged names file and remedy."""
        number = self.log.last()
        if number == 0:
            return None
        promotion = self.log.entry(number=number)
        try:
            return Champion(promotion=promotion, manifest=self.versions.manifest(version=promotion.version))
        except RegistryDamaged as error:
            raise RegistryDamaged(
                reason=error.reason,
                message=f"{error.message} ({self._store.name_of(promotion_name(number))} names version "
                f"{promotion.version} as champion)",
                passing=error.exit_code == EXIT_PASSING,
            ) from error

    def enter(
        self, *, manifest: Manifest, after: Champion | None, run: str, request: str, time: datetime, kind: str
    ) -> bool:
        """Make a version the champion in place of `after`. False: another run was first, so read and decide again."""
        return self.log.append(
            promotion=Promotion(
                number=1 if after is None else after.promotion.number + 1,
                version=manifest.version,
                previous_version=None if after is None else after.manifest.version,
                run=run,
                trigger=manifest.trigger,
                request=request,
                time=time,
                kind=kind,
            )
        )

    def counters(self) -> Counters:
        """Counted from names alone: a check is a run that began, a training is a version."""
        return Counters(
            checks=len(self._store.entries(folder="runs")),
            trainings=len(self._store.entries(folder="versions")),
            promotions=len(self._store.entries(folder="promotions")),
        )

    # --- a person's word --------------------

    def reject(self, *, version: int, run: str, request: str, time: datetime) -> None:
        """Write down that a person rejected a version; who said so first stands."""
        body = {"version": version, "run": run, "request": request, "time": time_text(time)}
        self._store.create(key=f"rejections/{version}.json", data=sealed(body))

    def is_rejected(self, *, version: int) -> bool:
        """Has a person rejected it?"""
        return self._store.read(key=f"rejections/{version}.json", limit=MAX_DOCUMENT_BYTES) is not None

    def rejected_by(self, *, version: int) -> str:
        """The key of the run that wrote it down; empty where none did."""
        return str((find_document(self._store, name=f"rejections/{version}.json") or {}).get("run", ""))

    def waiting_version(self, *, champion: Champion | None, newest: Manifest | None) -> int | None:
        """The version that waits for a person: the newest one, if it passed the gate against this very champion.

        One that was the champion before waits no more: somebody has decided about it, and then went back.
        """
        number = None if champion is None else champion.manifest.version
        if newest is None or not newest.gate.held or newest.version == number or newest.gate.champion != number:
            return None
        if self.is_rejected(version=newest.version) or (champion is not None and self._served(newest, until=champion)):
            return None
        return newest.version

    def _served(self, manifest: Manifest, *, until: Champion) -> bool:
        """Was it the champion before this one? No entry from before its run can name it."""
        first = self.runs.promotion_at_start(key=manifest.run) + 1
        entries = (self.log.entry(number=number) for number in range(first, until.promotion.number))
        return any(entry.version == manifest.version for entry in entries)

    # --- retention --------------------

    def retain(self, *, keep: int, now: datetime, run: str) -> Sequence[str]:
        """Keep the models of the newest `keep` versions and of those that are needed (`retention`). Lines to show."""
        return self._graveyard().retain(versions=self.versions.numbers(), keep=keep, now=now, run=run)

    def tombstone(self, *, version: int) -> Tombstone | None:
        """Why a version's model was given up, or None. What has a tombstone must not be promoted again."""
        return find_tombstone(self._store, version=version)

    def given_up(self) -> frozenset[int]:
        """Versions that have a tombstone: one listing."""
        return self._graveyard().numbers()

    def _graveyard(self) -> Graveyard:
        return Graveyard(store=self._store, needs=self._needed, read=self._kept)

    def _needed(self, among: Collection[int]) -> frozenset[int]:
        champion, newest = self.champion(), self.versions.newest()
        return needed_versions(
            among=among,
            champion=None if champion is None else champion.manifest.version,
            previous=None if champion is None else champion.promotion.previous_version,
            newest=None if newest is None else newest.version,
            unsettled=self._unsettled,
        )

    def _unsettled(self, version: int) -> bool:
        published = self.versions.find(version=version)
        return published is not None and self.runs.find(key=published.run) is None

    def _kept(self, version: int) -> Kept | None:
        """None for a number that was burnt. RegistryDamaged: what cannot be read might need any model."""
        if self._store.read(key=manifest_name(version), limit=MAX_DOCUMENT_BYTES) is None:
            return None
        manifest = self.versions.manifest(version=version)
        return Kept(version=version, digest=manifest.model_digest, size=manifest.model_bytes)

    # --- the split's salt --------------------

    def salt(self) -> str:
        """Random, made once: the same rows stay in the holdout as long as the registry lives."""
        found = find_document(self._store, name="salt.json")
        if found is None:
            self._store.create(key="salt.json", data=sealed({"salt": secrets.token_hex(16)}))
            found = document(self._store, name="salt.json")
        return str(found["salt"])
