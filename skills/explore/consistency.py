"""Self-consistency: what was equal in every success, such as the receipt's price and the cart's total."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from practicum.skills.explore.states import is_by_id

LONGEST_LIST = 3
"""Items of a list that have paths of their own; those of longer lists are not compared."""

Scalar = str | int | float


class SelfConsistency:
    """Equalities between JSON paths that held in every successful session.

    A session is given as one JSON object: its opening, say, and the last arguments and result of each tool
    by name. A pair of paths is taken up in the first success that shows one of them, and dropped for
    ever where a success shows both and they differ. It is trusted once it held for two different values, so
    that what merely is the same each time equals nothing.
    """

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._values: dict[tuple[str, str], list[Scalar]] = {}

    def observe(self, session: Mapping[str, Any]) -> None:
        """A successful session has ended."""
        values = scalars(session)
        for pair in [pair for pair in self._values if differs(values, pair)]:
            del self._values[pair]
        for pair in _equal_pairs(values):
            known = self._values.get(pair)
            if known is None and not (self._seen.issuperset(pair)):
                self._values[pair] = [values[pair[0]]]
            elif known is not None and len(known) < 2 and values[pair[0]] not in known:
                known.append(values[pair[0]])
        self._seen.update(values)

    @property
    def equalities(self) -> tuple[tuple[str, str], ...]:
        """The trusted pairs of paths, in alphabetical order."""
        return tuple(sorted(pair for pair, values in self._values.items() if len(values) == 2))

    def broken(self, session: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        """The trusted equalities that a session, finished or not, shows both sides of and breaks."""
        values = scalars(session)
        return tuple(pair for pair in self.equalities if differs(values, pair))

    def score(self, session: Mapping[str, Any]) -> float:
        """Share that holds of the trusted equalities that a session shows both sides of; 1 of none."""
        values = scalars(session)
        shown = [pair for pair in self.equalities if pair[0] in values and pair[1] in values]
        held = sum(not differs(values, pair) for pair in shown)
        return held / len(shown) if shown else 1.0

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        pairs = [[*pair, list(values)] for pair, values in sorted(self._values.items())]
        return {"seen": sorted(self._seen), "pairs": pairs}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> SelfConsistency:
        """Read what `as_json` wrote."""
        found = cls()
        found._seen = set(record["seen"])
        found._values = {(one, other): list(values) for one, other, values in record["pairs"]}
        return found


def scalars(value: Any, path: str = "") -> dict[str, Scalar]:
    """The texts and numbers of plain JSON by path, but those that say nothing: true, null, "", 0 and 1."""
    return dict(_scalars(value, path))


def _scalars(value: Any, path: str) -> Iterator[tuple[str, Scalar]]:
    if isinstance(value, Mapping):
        if not is_by_id(value):
            for key, part in value.items():
                yield from _scalars(part, f"{path}.{key}" if path else key)
    elif isinstance(value, list | tuple):
        for place, part in enumerate(value if len(value) <= LONGEST_LIST else ()):
            yield from _scalars(part, f"{path}[{place}]")
    elif isinstance(value, str | int | float) and not isinstance(value, bool) and value not in ("", 0, 1):
        yield path, value


def differs(values: Mapping[str, Scalar], pair: tuple[str, str]) -> bool:
    """Whether both paths are there and their values are not equal."""
    one, other = pair
    return one in values and other in values and values[one] != values[other]


def _equal_pairs(values: Mapping[str, Scalar]) -> Iterator[tuple[str, str]]:
    paths: dict[Scalar, list[str]] = {}
    for path, value in values.items():
        paths.setdefault(value, []).append(path)
    for same in paths.values():
        yield from combinations(sorted(same), 2)
