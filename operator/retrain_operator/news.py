"""Tells old news of one kind of object from new, by resourceVersions.

They are numbers that grow (Kubernetes 1.35 says so; older servers do it too).
"""

from __future__ import annotations

from enum import Enum

#: So many full lists in a row, each older than one before them, are taken for the truth: a backup was restored.
#: One or two may come from a server that is behind.
BELIEVED_BACK = 3


class Turn(Enum):
    """What to make of a full list."""

    ON = "as new as the one before, or newer"
    BEHIND = "older; to be left alone"
    BACK = "older again and again: what was held is from a time that never was"


class News:
    """What is known of the time of one kind: the last full list, and objects that ended since."""

    def __init__(self) -> None:
        self._as_of = ""
        self._ended: dict[str, str] = {}
        self._behind = 0

    def ended(self, *, uid: str, version: str) -> None:
        """The object is gone (or has left the watch) as of a resourceVersion."""
        self._ended[uid] = version

    def turn(self, *, as_of: str) -> Turn:
        """Is a full list to be taken? Call it once a list."""
        self._behind = self._behind + 1 if older(as_of, self._as_of) else 0
        if not self._behind:
            return Turn.ON
        if self._behind < BELIEVED_BACK:
            return Turn.BEHIND
        self._as_of, self._behind = "", 0
        self._ended.clear()
        return Turn.BACK

    def listed(self, *, as_of: str) -> None:
        """A full list was taken; it tells of every end before it."""
        self._as_of = as_of
        self._ended = {uid: version for uid, version in self._ended.items() if older(as_of, version)}

    def outlived(self, *, uid: str, version: str) -> bool:
        """Has the object ended since?"""
        return uid in self._ended and older(version, self._ended[uid])

    def left(self, *, uid: str, version: str) -> bool:
        """Has the object ended since, or left the watch as of this very version, since its label was changed?"""
        return self.outlived(uid=uid, version=version) or self._ended.get(uid) == version

    def outdated(self, *, uid: str, version: str) -> bool:
        """Is an event about an object that is not held no news at all?"""
        return self.outlived(uid=uid, version=version) or version == self._as_of or older(version, self._as_of)


def older(one: str, other: str) -> bool:
    """Is resourceVersion `one` older than `other`? False where one of them is no number."""
    return one.isdigit() and other.isdigit() and int(one) < int(other)
