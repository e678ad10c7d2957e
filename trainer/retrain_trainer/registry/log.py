"""The promotion log of a registry: what has been the champion, in order, and by whose word."""

from __future__ import annotations

from collections.abc import Sequence

from retrain_trainer.errors import RegistryDamaged
from retrain_trainer.registry.documents import MAX_DOCUMENT_BYTES
from retrain_trainer.registry.layout import highest, numbers_in, promotion_name
from retrain_trainer.registry.manifest import Promotion
from retrain_trainer.registry.store import Store


class PromotionLog:
    """Entries by their number, from 1 without a gap; the last one names the champion."""

    def __init__(self, *, store: Store) -> None:
        self._store = store

    def append(self, *, promotion: Promotion) -> bool:
        """Add an entry under its number. False: another run was first, so what was decided is out of date."""
        return self._store.create(key=promotion_name(promotion.number), data=promotion.to_bytes())

    def entries(self) -> Sequence[Promotion]:
        """The whole log, oldest first: what has ever been the champion, and by whose word."""
        return tuple(self.entry(number=number) for number in range(1, highest(self._store, folder="promotions") + 1))

    def of_run(self, *, key: str, after: int) -> Promotion | None:
        """The promotion a run has made, among those of a number above `after`."""
        for number in range(highest(self._store, folder="promotions"), after, -1):
            if (promotion := self.entry(number=number)).run == key:
                return promotion
        return None

    def entry(self, *, number: int) -> Promotion:
        """One entry. RegistryDamaged `PromotionDamaged`."""
        name = promotion_name(number)
        data = self._store.read(key=name, limit=MAX_DOCUMENT_BYTES)
        if data is None:
            raise RegistryDamaged(
                reason="PromotionDamaged",
                message=f"{self._store.name_of(name)} is missing; restore it from a backup",
            )
        promotion = Promotion.from_bytes(data=data, name=self._store.name_of(name))
        if promotion.number != number:
            raise RegistryDamaged(
                reason="PromotionDamaged",
                message=f"{self._store.name_of(name)} is entry {promotion.number} of the log; restore it from a backup",
            )
        return promotion

    def numbers(self) -> list[int]:
        """Numbers of the entries, rising."""
        return numbers_in(self._store, folder="promotions")

    def gaps(self) -> list[str]:
        """What is missing below the highest number, a line each; entries are never taken away."""
        lines, before = [], 0
        for number in self.numbers():
            first = self._store.name_of(promotion_name(before + 1))
            if number == before + 2:
                lines.append(f"{first} is missing; restore it from a backup")
            elif number > before + 2:
                lines.append(f"{first} and every entry up to {number - 1} are missing; restore them from a backup")
            before = number
        return lines

    def last(self) -> int:
        """The highest number of the log. RegistryDamaged if the entry before it is missing: none of ours can be so.

        A listing is no snapshot: one that begins before two promotions may show the second alone, so it looks again.
        """
        for _ in range(3):
            numbers = numbers_in(self._store, folder="promotions")
            if len(numbers) < 2 or numbers[-1] - 1 == numbers[-2]:
                break
        if numbers and numbers[-1] > 1 and numbers[-1] - 1 not in numbers:
            last, before = (self._store.name_of(promotion_name(number)) for number in (numbers[-1], numbers[-1] - 1))
            raise RegistryDamaged(
                reason="PromotionDamaged",
                message=f"{last} exists, and {before} before it does not; restore that one, or remove the other if it "
                "is not of a run",
            )
        return numbers[-1] if numbers else 0
