"""Flow: what is called next, learned as a tree of guards over what a program can see.

Every decision of every session is an example. A guard must be told in all examples of its branch, so that at
run time an untold value, or one never seen, stops the program. Of the guards that part the next calls the one
is taken that saves most bits, control fields before others; branches that do alike are merged where one tree
describes them in fewer bits than two, which is how what was learned in one place holds in another (minimum
description length: Quinlan and Rivest 1989, "Inferring decision trees using the minimum description length
principle").
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from practicum.skills.values import MISSING

DEEPEST_TREE = 12
MOST_BRANCHES = 16
LEAF_BITS = 2.0
"""What a leaf costs: the name of a call."""
BRANCH_BITS = 1.5
"""What every branch of a guard costs beyond two."""
LEAST_SAVED = 1.0
LEAST_ALIKE = 1
"""Examples from a like place that are followed where there are none from the place itself."""
LEAST_SURE, PURE, NEARLY_ALL = 2, 0.95, 0.7
"""Examples that a sure guard needs, their share with one call, and their share of that call's examples."""

Codes = np.ndarray[Any, np.dtype[np.signedinteger[Any]]]
Bits = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Feature:
    """Something a guard may look at."""

    on: Mapping[str, Any]
    """An expression or predicate."""
    bits: float
    """What looking at it costs."""
    needs: tuple[str, ...] = ()
    """Selections that must be made before."""
    general: bool = False
    """Whether it tells how the world stands, wherever in a program that is asked."""
    binding: tuple[bool, ...] = ()
    """What a last call needs it to be where it was so in all examples."""


@dataclass(frozen=True)
class Example:
    """A moment at which an agent decided."""

    values: Sequence[Any]
    """Of every feature; MISSING where it cannot be told."""
    next: str
    """What was called, by its statement's name."""
    session: int


@dataclass(frozen=True)
class Leaf:
    """What is called where a branch ends."""

    next: str
    examples: int
    exceptions: int
    others: tuple[str, ...] = ()
    """What was called otherwise, the most frequent first."""


@dataclass(frozen=True)
class Fork:
    """A guard and its branches, by the values it was seen to have."""

    feature: Feature
    branches: tuple[tuple[tuple[Any, ...], Tree], ...]


Tree = Leaf | Fork


@dataclass(frozen=True)
class Way:
    """What a program goes by where its examples do not say: what was done in the nearest like place."""

    feature: Mapping[str, Any]
    """A predicate."""
    calls: frozenset[str] | None = None
    """The calls to which this applies; None for all."""
    elsewhere: bool = True
    """Where the predicate has this value, the call of the leaf is not what was done."""
    where: Mapping[str, Any] | None = None
    """A predicate that must be false in most examples of a leaf for it to apply there."""


def grow(examples: Sequence[Example], features: Sequence[Feature], ways: Sequence[Way] = ()) -> Tree:
    """The tree of guards that explains what was called next.

    Args:
        examples: the decisions; at least one, in any order.
        features: what guards may look at, in the order of the examples' values.
        ways: what holds beyond the examples of a leaf.
    """
    learner = _Learner(examples, features)
    rows = np.arange(len(examples))
    return learner.backed_off(learner.grow(rows, 0)[0], rows, (), ways)


def expanded(tree: Tree, ends: Mapping[str, Tree]) -> Tree:
    """A tree whose leaves of some names are trees of their own."""
    if isinstance(tree, Leaf):
        return ends.get(tree.next, tree)
    branches = tuple((values, expanded(part, ends)) for values, part in tree.branches)
    return Fork(tree.feature, branches)


class _Learner:
    """Examples as numbers: a row an example, a column a feature, -1 for what cannot be told."""

    def __init__(self, examples: Sequence[Example], features: Sequence[Feature]) -> None:
        self.features = features
        self.calls = sorted({example.next for example in examples})
        number = {name: place for place, name in enumerate(self.calls)}
        self.next: Codes = np.array([number[example.next] for example in examples], dtype=np.int32)
        self.values: list[list[Any]] = []
        self._grown: dict[bytes, tuple[Tree, float]] = {}
        self._savings: dict[bytes, Bits] = {}
        columns = [
            self._coded([example.values[place] for example in examples]) for place in range(len(features))
        ]
        self.codes: Codes = np.array(columns, dtype=np.int32).reshape(len(features), len(examples))
        self.kinds = np.array([len(known) for known in self.values])
        self.few = (self.kinds >= 2) & (self.kinds <= 4 * MOST_BRANCHES)
        self.bits = np.array([feature.bits for feature in features])

    def _coded(self, values: Sequence[Any]) -> list[int]:
        """A feature's values as numbers, in an order that does not hang on that of the examples."""
        keys = [
            None if value is MISSING else json.dumps(value, sort_keys=True, default=str) for value in values
        ]
        known = {key: value for key, value in zip(keys, values, strict=True) if key is not None}
        ordered = sorted(known)
        number = {key: place for place, key in enumerate(ordered)}
        self.values.append([known[key] for key in ordered])
        return [-1 if key is None else number[key] for key in keys]

    def grow(self, rows: Codes, depth: int) -> tuple[Tree, float]:
        """The tree of some examples, and its description length in bits, their calls included."""
        rows = np.sort(rows)
        key = rows.tobytes() + depth.to_bytes(1, "big")
        if key not in self._grown:
            self._grown[key] = self._new(rows, depth)
        return self._grown[key]

    def _new(self, rows: Codes, depth: int) -> tuple[Tree, float]:
        leaf, bits = self._leaf(rows)
        if leaf.exceptions == 0 or depth >= DEEPEST_TREE:
            return leaf, bits
        for place in (self._sure(rows), self._best(rows)):
            if place is not None:
                fork, fork_bits = self._fork(rows, place, depth)
                ends = {branch.next if isinstance(branch, Leaf) else None for _, branch in fork.branches}
                if fork_bits < bits and ends != {leaf.next}:
                    return fork, fork_bits
        return leaf, bits

    def _leaf(self, rows: Codes) -> tuple[Leaf, float]:
        counts = np.bincount(self.next[rows], minlength=len(self.calls))
        order = sorted(np.flatnonzero(counts), key=lambda call: (-counts[call], call))
        most = order[0]
        others = tuple(self.calls[call] for call in order[1:])
        leaf = Leaf(self.calls[most], len(rows), int(len(rows) - counts[most]), others)
        return leaf, LEAF_BITS + float(_entropies(counts[None, :])[0])

    def backed_off(self, tree: Tree, rows: Codes, above: tuple[Codes, ...], ways: Sequence[Way]) -> Tree:
        """The tree with a way on from its leaves that their own examples do not show.

        Args:
            tree: a part of the whole.
            rows: its examples.
            above: those of the parts it stands in, the outermost first.
            ways: what may hold at a leaf.
        """
        if isinstance(tree, Leaf):
            return self._with_ways(tree, rows, above, ways)
        place = self.features.index(tree.feature)
        codes, inside = self.codes[place, rows], (*above, rows)
        branches = []
        for values, part in tree.branches:
            numbers = [number for number, value in enumerate(self.values[place]) if value in values]
            branches.append((values, self.backed_off(part, rows[np.isin(codes, numbers)], inside, ways)))
        return Fork(tree.feature, tuple(branches))

    def _with_ways(self, leaf: Leaf, rows: Codes, above: tuple[Codes, ...], ways: Sequence[Way]) -> Tree:
        tree: Tree = leaf
        for way in ways:
            place = self._place(way.feature)
            if place is None or not self._concerns(way, leaf, rows):
                continue
            for outer in (rows, *reversed(above)):
                other = outer[self.codes[place, outer] == self._code(place, way.elsewhere)]
                if len(other) >= LEAST_ALIKE:
                    way_on, _ = self.grow(other, DEEPEST_TREE - 2)
                    if way_on != leaf:
                        ends = (((not way.elsewhere,), tree), ((way.elsewhere,), way_on))
                        tree = Fork(self.features[place], ends)
                    break
        return tree

    def _concerns(self, way: Way, leaf: Leaf, rows: Codes) -> bool:
        if way.calls is not None and leaf.next not in way.calls:
            return False
        place = self._place(way.where) if way.where is not None else None
        return place is None or bool((self.codes[place, rows] == self._code(place, False)).mean() > 0.5)

    def _place(self, on: Mapping[str, Any]) -> int | None:
        return next((place for place, feature in enumerate(self.features) if feature.on == on), None)

    def _code(self, place: int, value: Any) -> int:
        return self.values[place].index(value) if value in self.values[place] else -2

    def _sure(self, rows: Codes) -> int | None:
        """The general feature one value of which means one call, wherever it was seen, and nearly only it.

        Such a guard stands before those that hang on where the program is, for it holds there as well.
        """
        whole = np.bincount(self.next[rows], minlength=len(self.calls))
        saved = self._saved(rows)
        for place in np.argsort(-saved, kind="stable"):
            if saved[place] <= LEAST_SAVED:
                return None
            if self.features[place].general and self._means_one_call(rows, place, whole):
                return int(place)
        return None

    def _means_one_call(self, rows: Codes, place: int, whole: Codes) -> bool:
        codes = self.codes[place, rows]
        for code in np.unique(codes):
            calls = np.bincount(self.next[rows[codes == code]], minlength=len(self.calls))
            call = int(calls.argmax())
            most = int(calls[call])
            is_sure = most >= max(LEAST_SURE, PURE * calls.sum(), NEARLY_ALL * whole[call])
            if is_sure and call != whole.argmax():
                return True
        return False

    def _best(self, rows: Codes) -> int | None:
        """The feature that saves most bits; None where none saves enough."""
        saved = self._saved(rows)
        best = int(saved.argmax())
        return best if saved[best] > LEAST_SAVED else None

    def _saved(self, rows: Codes) -> Bits:
        """By feature: the bits that it saves as a guard of some examples; -inf where it is none."""
        key = rows.tobytes()
        if key not in self._savings:
            self._savings[key] = self._new_savings(rows)
        return self._savings[key]

    def _new_savings(self, rows: Codes) -> Bits:
        codes = self.codes[:, rows]
        usable = (codes >= 0).all(axis=1) & (codes != codes[:, :1]).any(axis=1) & self.few
        saved = np.full(len(self.features), -np.inf)
        if usable.any():
            places = np.flatnonzero(usable)
            starts = np.cumsum([0, *self.kinds[places][:-1]])
            cells = (codes[places] + starts[:, None]) * len(self.calls) + self.next[rows]
            size = int(self.kinds[places].sum())
            counts = np.bincount(cells.ravel(), minlength=size * len(self.calls))
            table = counts.reshape(size, len(self.calls))
            found = np.add.reduceat(table.sum(axis=1) > 0, starts, dtype=float)
            apart = np.add.reduceat(_entropies(table), starts) + BRANCH_BITS * (found - 2)
            whole = float(_entropies(np.bincount(self.next[rows])[None, :])[0])
            saved[places] = np.where(found <= MOST_BRANCHES, whole - apart - self.bits[places], -np.inf)
        return saved

    def _fork(self, rows: Codes, place: int, depth: int) -> tuple[Fork, float]:
        """The fork of a feature, branches that are described in fewer bits together merged."""
        codes = self.codes[place, rows]
        groups = [((int(code),), rows[codes == code]) for code in np.unique(codes)]
        grown = [(values, members, *self.grow(members, depth + 1)) for values, members in groups]
        while len(grown) > 2 and (merged := self._merged(grown, depth)) is not None:
            grown = merged
        feature = self.features[place]
        bits = feature.bits + BRANCH_BITS * (len(grown) - 2) + sum(each[3] for each in grown)
        named = tuple((tuple(self.values[place][v] for v in values), tree) for values, _, tree, _ in grown)
        return Fork(feature, named), bits

    def _merged(self, grown: list[Any], depth: int) -> list[Any] | None:
        """The branches with the two that are best merged as one; None where merging saves nothing."""
        best: tuple[float, int, int, Any] | None = None
        for second in range(1, len(grown)):
            for first in range(second):
                members = np.concatenate([grown[first][1], grown[second][1]])
                tree, bits = self.grow(members, depth + 1)
                saved = grown[first][3] + grown[second][3] + BRANCH_BITS - bits
                if saved > 0 and (best is None or saved > best[0] + 1e-9):
                    values = tuple(sorted((*grown[first][0], *grown[second][0])))
                    best = (saved, first, second, (values, members, tree, bits))
        if best is None:
            return None
        _, first, second, both = best
        return [both if place == first else part for place, part in enumerate(grown) if place != second]


def _entropies(table: Any) -> Bits:
    """By row: the bits of naming every call of a branch, of which it has so many of each."""
    counts = table.astype(float)
    totals = counts.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(counts > 0, counts * np.log2(counts / totals), 0.0)
    found: Bits = -parts.sum(axis=1)
    return found
