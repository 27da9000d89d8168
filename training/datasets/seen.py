"""Seen: which contents came by, in little memory however many there are."""

from __future__ import annotations

from array import array

FIRST_SLOTS = 1024


class Seen:
    """A set of content hashes, kept as 8 bytes of each in a table that is at most half full.

    A set of Python's takes some 80 bytes for each. Among a million contents two would be taken for the same
    once in 37 million times.
    """

    def __init__(self) -> None:
        self.repeats = 0
        """How many were not new."""
        self._count = 0
        self._slots = _empty(FIRST_SLOTS)

    def is_new(self, content_hash: str) -> bool:
        """Whether a content comes by for the first time.

        Args:
            content_hash: 16 hex digits or more.
        """
        short = int(content_hash[:16], 16) or 1
        if not _put(self._slots, short):
            self.repeats += 1
            return False
        self._count += 1
        if 2 * self._count > len(self._slots):
            self._grow()
        return True

    def _grow(self) -> None:
        known, self._slots = self._slots, _empty(2 * len(self._slots))
        for short in known:
            if short:
                _put(self._slots, short)


def _empty(slots: int) -> array[int]:
    return array("Q", bytes(8 * slots))


def _put(slots: array[int], short: int) -> bool:
    """Put a number into its slot or the next that is free; False where it is there already."""
    place = short % len(slots)
    while slots[place]:
        if slots[place] == short:
            return False
        place = (place + 1) % len(slots)
    slots[place] = short
    return True
