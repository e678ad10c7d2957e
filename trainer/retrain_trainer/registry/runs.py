"""The runs of a registry: what each found when it began, what it found about its data, and what it came to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retrain_trainer.contract import STOPPED
from retrain_trainer.errors import RegistryDamaged
from retrain_trainer.registry.documents import sealed
from retrain_trainer.registry.layout import document, find_document, highest
from retrain_trainer.registry.store import Entry, Store

#: Results read to find the newest ones: their files' times only pre-sort them.
_RECENT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The head of the registry when a run key was first seen. `resumed`: it was seen before.

    handled: the run of another key that the same request of a person was handed to before; empty where none was.
    """

    key: str
    resumed: bool
    version: int
    promotion: int
    handled: str = ""


class Runs:
    """Runs by their key. What cannot be trusted raises RegistryDamaged, naming the file."""

    def __init__(self, *, store: Store) -> None:
        self._store = store
        self._results: dict[str, dict[str, Any]] = {}  # of other runs; they never change

    def start(self, *, key: str, generation: int = 0, edition: str = "", action: str = "check") -> Started:
        """Record that a run begins (of which generation and text of the policy, to do what), or that it began before.

        edition: of a policy in a file, whose generation is always 0, it alone tells an edit.
        """
        name = f"runs/{key}/started.json"
        head: dict[str, Any] = {
            "version": highest(self._store, folder="versions"),
            "promotion": highest(self._store, folder="promotions"),
            "generation": generation,
            "edition": edition,
            "action": action,
        }
        resumed = not self._store.create(key=name, data=sealed(head))
        body = document(self._store, name=name) if resumed else head
        return Started(key=key, resumed=resumed, version=int(body["version"]), promotion=int(body["promotion"]))

    def promotion_at_start(self, *, key: str) -> int:
        """The number of the newest promotion when a run was first seen; 0 where that cannot be read any more."""
        try:
            started = find_document(self._store, name=f"runs/{key}/started.json") or {}
        except RegistryDamaged:
            return 0
        return int(started.get("promotion", 0))

    def hand_over(self, *, action: str, request: str, key: str) -> str:
        """Write down that a person's request goes to the run `key`. The run of another key that had it before, or "".

        A cluster that is restored from a backup asks for what was done long ago, by runs of other keys.
        """
        digest = hashlib.sha256(f"{action}:{request}".encode()).hexdigest()
        name = f"requests/{digest}.json"
        body = {"action": action, "request": request, "run": key}
        if self._store.create(key=name, data=sealed(body)):
            return ""
        first = str(document(self._store, name=name)["run"])
        return "" if first == key else first

    def finish(self, *, key: str, result: Mapping[str, Any]) -> dict[str, Any]:
        """Write the result of a run; if it has one already, that one stands. Returns the one that stands."""
        name = f"runs/{key}/result.json"
        self._store.create(key=name, data=sealed(result))
        return document(self._store, name=name)

    def record_validation(self, *, key: str, report: Mapping[str, Any]) -> None:
        """Keep what a run found about its data; if it was begun before, the first report stands."""
        self._store.create(key=f"runs/{key}/validation.json", data=sealed(report))

    def find(self, *, key: str) -> dict[str, Any] | None:
        """The result of a run, or None as long as it has none."""
        return find_document(self._store, name=f"runs/{key}/result.json")

    def failures_in_a_row(self, *, generation: int, edition: str, limit: int, without: str = "") -> int:
        """How many of the newest runs began and have no result, `limit` at most, without the run of key `without`.

        Runs of another generation or edition of the policy, and those up to the newest `train`, do not count. A run
        that was held back by a whole row does not end it, nor does what a person said of a version.
        """
        runs = self._by_time()
        count, last = 0, len(runs)
        for place, entry in enumerate(runs):
            if count >= limit or place > last:
                break
            if entry.name == without:
                continue
            result = self._earlier_result(entry.name)
            body = None if result is None else result.get("body") or {}
            held_back = body is not None and body.get("reason") == STOPPED
            ends = body is not None and not held_back and body.get("action", "check") in ("check", "train")
            # So many runs began after this result was written; a clock that was ahead may have put it before them.
            since = 0 if result is None else len(runs) - (_begun(result) or len(runs))
            if place < min(since, _RECENT):
                last = min(last, since) if ends else last
                continue
            if ends:
                break
            started = find_document(self._store, name=f"runs/{entry.name}/started.json") or {}
            edited = started.get("generation") != generation or started.get("edition", edition) != edition
            if edited or started.get("action") == "train":
                break
            if held_back:
                return limit
            count += body is None
        return count

    def newest(self, *, limit: int, without: str = "") -> list[tuple[str, dict[str, Any]]]:
        """Key and result of the newest runs, newest first, without the run of key `without`.

        A result tells how many runs had begun when it was written, which orders results whatever the clocks of their
        nodes said; their `time` orders those that say the same. A result that is unreadable is left out: history must
        not stop a run.
        """
        found = []
        newest = self._by_time()
        for entry in newest[: max(limit, _RECENT)]:
            try:
                result = None if entry.name == without else self._earlier_result(entry.name)
            except RegistryDamaged:
                continue
            if result is not None:
                found.append((entry.name, result))

        # More than there are: somebody has taken runs away, and those that began since count from fewer on.
        counted = all(_begun(result) <= len(newest) for _, result in found)

        def place(item: tuple[str, dict[str, Any]]) -> tuple[int, str]:
            return _begun(item[1]) if counted else 0, str(item[1].get("time", ""))

        return sorted(found, key=place, reverse=True)[:limit]

    def count(self) -> int:
        """How many have begun."""
        return len(self._store.entries(folder="runs"))

    def _by_time(self) -> list[Entry]:
        """The newest first, by the clocks that wrote them."""
        return sorted(self._store.entries(folder="runs"), key=lambda entry: entry.modified, reverse=True)

    def _earlier_result(self, key: str) -> dict[str, Any] | None:
        if key not in self._results and (result := self.find(key=key)) is not None:
            self._results[key] = result
        return self._results.get(key)


def _begun(result: Mapping[str, Any]) -> int:
    """How many runs had begun when a result was written; 0 where it does not tell."""
    return ((result.get("body") or {}).get("counters") or {}).get("checks") or 0
