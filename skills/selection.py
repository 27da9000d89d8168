"""Selection: by which rule agents chose a row, found by description length, exceptions allowed.

A rule costs bits, and so does every choice that it does not explain; the rule with the fewest bits in all is
taken (minimum description length: Rissanen 1978, "Modeling by shortest data description").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from practicum.skills.expressions import evaluate
from practicum.skills.known import Known
from practicum.skills.values import MISSING

PRED_BITS = 5.0
"""What one predicate of a rule costs."""
UNUSED_BITS = 1.0
"""What a predicate costs that explains a task parameter which nothing else uses (the coverage prior)."""
BY_BITS = 3.0
TARIFF_BITS = 0.5
"""What a predicate costs that a declared tariff, or a list that the task gives, makes likely."""
MOST_COVERING_BITS = 4.0
"""What a predicate costs at most that nothing but the coverage prior speaks for."""
JOIN_BITS = 8.0
JOINT_BITS = 3.0
"""What a predicate costs between a joined column and one of the row's own."""
LEAST_HITS = 0.5
"""Share of the choices that a rule explains at least."""
EXCEPTION_BITS = 4.0
"""What a choice costs that the rule does not explain, over naming the row."""
RIGHT_BITS = 0.1
"""What a choice costs that the rule explains."""
SURE = 0.97
"""Share of the chosen rows that pass a test which is taken for sure when orders are compared."""
LIKELY = 6
"""Orders for which predicates are looked for."""
MOST_PREDICATES = 6
MOST_CASES = 400
LARGEST = 1e300
"""What is larger is no number to order by."""
PARTS = "parts"
"""The kind of what has parts, which nothing is compared with."""

Pred = Mapping[str, Any]
Expr = Mapping[str, Any]
_CLOCK = re.compile(r"\d\d:\d\d")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class Case:
    """One choice: the rows there were, joined ones included, and which of them will do."""

    rows: Sequence[Mapping[str, Any]]
    target: frozenset[int]
    """Places of the chosen row among the rows; empty where the agent declined, for nothing would do."""
    known: Mapping[str, Any]
    """Parameters, and columns of rows bound before as `name/path`."""
    bits: float = 0.0
    """What naming the chosen row costs."""


@dataclass(frozen=True)
class Rule:
    """How a row is chosen."""

    where: tuple[Pred, ...]
    by: Any
    """As in the language: `first`, or `{"min": expr}`."""
    saved: float
    """Bits that it saves over naming every row, its own taken off."""
    hits: int
    """Choices that it explains."""
    cases: int


Flags = np.ndarray[Any, np.dtype[np.bool_]]
Numbers = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, eq=False)
class _Test:
    pred: Pred
    bits: float
    passing: Flags
    """By row of all cases."""
    joint: bool = False
    """Whether it is between a joined column and one of the row's own."""

    @property
    def about(self) -> frozenset[str]:
        """The task parameters and joined columns that it names."""
        return frozenset(_named_in(self.pred))


@dataclass(frozen=True, eq=False)
class _Order:
    by: Any
    bits: float
    keys: Numbers
    """By row of all cases: what is made smallest."""

    @property
    def expr(self) -> Expr | None:
        """What it orders by."""
        return next(iter(self.by.values())) if isinstance(self.by, dict) else None


def find_rule(
    cases: Sequence[Case],
    *,
    unused: frozenset[str] = frozenset(),
    within: Sequence[Expr] = (),
    tariffs: Sequence[Expr] = (),
    joined: bool = False,
) -> Rule | None:
    """The rule that explains choices in the fewest bits; None where naming every row is as short.

    Args:
        cases: the choices, in any order.
        unused: task parameters that nothing else uses.
        within: lists of the task's, of which a column may be one.
        tariffs: what the task adds to a price, in percent.
        joined: whether the rows are pairs, their second columns behind `with.`.
    """
    cases = [case for case in cases if case.rows][:MOST_CASES]
    if not any(case.target for case in cases):
        return None
    search = _Search(cases, unused, within, tariffs=tariffs, joined=joined)
    best = min(
        (search.grown(order) for order in search.likely()),
        key=lambda rule: (-rule.saved, str(rule.by), str(rule.where)),
    )
    saved = best.saved - (JOIN_BITS if joined else 0)
    return replace(best, saved=saved) if best.hits > LEAST_HITS * len(cases) and saved > 0 else None


class _Search:
    """All rows of all cases one below the other, so that a rule is tried on them at once."""

    def __init__(
        self,
        cases: Sequence[Case],
        unused: frozenset[str],
        within: Sequence[Expr],
        *,
        tariffs: Sequence[Expr],
        joined: bool,
    ) -> None:
        self.cases = cases
        sizes = [len(case.rows) for case in cases]
        self.starts = np.cumsum([0, *sizes[:-1]])
        self.case_of = np.repeat(np.arange(len(cases)), sizes)
        self.is_target = np.array([place in case.target for case in cases for place in range(len(case.rows))])
        self.declined = np.array([not case.target for case in cases])
        self.named = np.array([case.bits + EXCEPTION_BITS for case in cases])
        self._columns: dict[str, list[Any]] = {}
        self.orders = list(self._orders(joined=joined))
        self.tests = list(_telling([*self._tests(unused), *self._within(within)]))
        self.tariffs = tariffs
        self.to_cover = unused | {name for name in self._names() if name.startswith("with.")}

    def likely(self) -> list[_Order]:
        """The orders by which most targets come first among the rows that pass what every target passes."""
        sure = [test for test in self.tests if test.passing[self.is_target].mean() > SURE]
        scored = [(-self.score(order, sure)[1], place) for place, order in enumerate(self.orders)]
        return [self.orders[place] for _, place in sorted(scored)[:LIKELY]]

    def grown(self, order: _Order) -> Rule:
        """A rule of one order, with predicates added as long as they save bits.

        One at a time, and where none does, two of the joined ones at once: an offer with two conditions is
        explained by both of them or not at all.
        """
        usable = [*self.tests, *_telling(self._computed(order))]
        pairs = list(combinations([test for test in usable if test.joint], 2))
        chosen: tuple[_Test, ...] = ()
        bits, hits = self.score(order, ())
        while len(chosen) < MOST_PREDICATES:
            found = self._best(order, chosen, [(test,) for test in usable], bits)
            found = found or self._best(order, chosen, pairs, bits)
            if found is None:
                break
            bits, hits, chosen = found
        preds = [test.pred for test in (*chosen, *self._covering(order, chosen, usable))]
        return Rule(tuple(preds), order.by, float(self.named.sum()) - bits, hits, len(self.cases))

    def _covering(self, order: _Order, chosen: tuple[_Test, ...], usable: Sequence[_Test]) -> list[_Test]:
        """Predicates for what a task asks, or an offer says, and the rule does not use (the coverage prior).

        Where agents did right, few choices show that a limit matters; what leaves out rows that nobody chose,
        and explains as many choices as before, is taken to be the limit's meaning.
        """
        found: list[_Test] = []
        _, hits = self.score(order, chosen)
        for name in sorted(self.to_cover):
            if any(name in test.about for test in (*chosen, *found)) or name in str(order.expr):
                continue
            offers = [test for test in usable if name in test.about and test.bits <= MOST_COVERING_BITS]
            for test in sorted(offers, key=lambda test: (test.bits, test.passing.mean(), str(test.pred))):
                if self.score(order, (*chosen, *found, test))[1] >= hits:
                    found.append(test)
                    break
        return found

    def _best(
        self, order: _Order, chosen: tuple[_Test, ...], offers: Sequence[tuple[_Test, ...]], bits: float
    ) -> tuple[float, int, tuple[_Test, ...]] | None:
        """The tests that save most when they are added; None where nothing is saved."""
        found = None
        for offer in offers:
            if not any(test in chosen for test in offer):
                total, hits = self.score(order, (*chosen, *offer))
                if total < (bits if found is None else found[0]) - 1e-9:
                    found = (total, hits, (*chosen, *offer))
        return found

    def score(self, order: _Order, tests: Sequence[_Test]) -> tuple[float, int]:
        """What a rule and the choices by it cost in bits, and how many it explains."""
        keys = order.keys
        if tests:
            passing = np.logical_and.reduce([test.passing for test in tests])
            keys = np.where(passing, keys, np.inf)
        least = np.minimum.reduceat(keys, self.starts)
        firsts = np.flatnonzero((keys == least[self.case_of]) & np.isfinite(keys))
        _, places = np.unique(self.case_of[firsts], return_index=True)
        chosen = firsts[places]
        right = self.declined & ~np.isfinite(least)
        right[self.case_of[chosen]] = self.is_target[chosen]
        bits = np.where(right, RIGHT_BITS, self.named).sum()
        return order.bits + sum(test.bits for test in tests) + float(bits), int(right.sum())

    # What a rule is made of ---------------------------------------------------------------------------

    def _orders(self, *, joined: bool) -> Iterator[_Order]:
        places = np.concatenate([np.arange(len(case.rows)) for case in self.cases]).astype(float)
        yield _Order("first", 1.0, places)
        numeric = [name for name in self._names() if self._kinds({"col": name}) == {"number"}]
        own = [name for name in numeric if not name.startswith("with.")]
        exprs: list[tuple[Expr, float]] = [({"col": name}, BY_BITS) for name in own]
        if joined:
            pairs = [(a, b) for a in own for b in numeric if b.startswith("with.")]
            ways = ("less_percent", "sub")
            exprs += [({how: [{"col": a}, {"col": b}]}, BY_BITS + 2) for a, b in pairs for how in ways]
        for expr, bits in exprs:
            keys = _as_numbers(self._values(expr))
            yield _Order({"min": expr}, bits, keys)
            yield _Order({"max": expr}, bits, np.where(np.isfinite(keys), -keys, np.inf))

    def _names(self) -> list[str]:
        return sorted({name for case in self.cases for name in case.rows[0]})

    def _tests(self, unused: frozenset[str]) -> Iterator[_Test]:
        """Predicates of rows against what is known, and of joined columns against the row's own."""
        names = sorted({name for case in self.cases for name in case.known})
        for column in self._names():
            for name in names:
                bonus = name in unused and not column.startswith("with.")
                bits = (UNUSED_BITS if bonus else PRED_BITS) + (name != column) * 0.5
                yield from self._compared({"col": column}, _known_expr(name), bits)
        yield from self._joint_tests()

    def _within(self, lists: Sequence[Expr]) -> Iterator[_Test]:
        """Whether a column is one of a list that the task gives."""
        for name in self._names():
            for expr in lists:
                allowed = [evaluate(expr, Known(case.known)) or () for case in self.cases]
                values = self._values({"col": name})
                passing = [v in allowed[case] for v, case in zip(values, self.case_of, strict=True)]
                yield _Test({"in": [{"col": name}, expr]}, TARIFF_BITS, np.array(passing))

    def _computed(self, order: _Order) -> Iterator[_Test]:
        """Whether what a rule makes small keeps within a limit of the task's, with and without a tariff."""
        if not isinstance(order.by, dict) or "min" not in order.by:
            return
        names = sorted({name for case in self.cases for name in case.known})
        prices = [({"plus_percent": [order.by["min"], tariff]}, TARIFF_BITS) for tariff in self.tariffs]
        if "col" not in order.by["min"]:
            prices.append((order.by["min"], UNUSED_BITS))
        for price, bits in prices:
            for name in names:
                yield from self._compared(price, _known_expr(name), bits)

    def _joint_tests(self) -> Iterator[_Test]:
        for name in self._names():
            for other in self._names():
                if other.startswith("with.") and not name.startswith("with."):
                    bits = 1.0 if other == f"with.{name}" else JOINT_BITS
                    for test in self._compared({"col": name}, {"col": other}, bits):
                        yield replace(test, joint=True)

    def _compared(self, first: Expr, second: Expr, bits: float) -> Iterator[_Test]:
        """The comparisons that can be made of two expressions."""
        kinds = self._kinds(first)
        if len(kinds) != 1 or PARTS in kinds or self._kinds(second) != kinds:
            return
        a, b = _coded(self._values(first), self._values(second))
        for how in ("le", "ge", "fits") if kinds <= {"number", "clock", "date"} else ("fits",):
            yield _Test({how: [first, second]}, bits, _passing(how, a, b))

    def _kinds(self, expr: Expr) -> set[str]:
        """The kinds of value that an expression has."""
        key = f"kinds {expr}"
        if key not in self._columns:
            self._columns[key] = list({_kind(value) for value in self._values(expr)} - {""})
        return set(self._columns[key])

    def _values(self, expr: Expr) -> list[Any]:
        """The value of an expression for every row of every case."""
        key = str(expr)
        if key not in self._columns:
            self._columns[key] = [value for case in self.cases for value in _values(case, expr)]
        return self._columns[key]


def _named_in(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if "param" in value:
            yield str(value["param"])
        elif str(value.get("col", "")).startswith("with."):
            yield str(value["col"])
        for part in value.values():
            yield from _named_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from _named_in(part)


def _telling(tests: Iterable[_Test]) -> Iterator[_Test]:
    """The tests that leave something out, and not all."""
    return (test for test in tests if test.passing.any() and not test.passing.all())


def _values(case: Case, expr: Expr) -> list[Any]:
    if "col" in expr:
        return [row.get(expr["col"], MISSING) for row in case.rows]
    if "param" in expr or "row" in expr:
        name = expr["param"] if "param" in expr else f"{expr['row']}{expr['path']}"
        return [case.known.get(name, MISSING)] * len(case.rows)
    known = Known({name: value for name, value in case.known.items() if "/" not in name})
    return [evaluate(expr, known, row) for row in case.rows]


def _known_expr(name: str) -> Expr:
    row, slash, path = name.partition("/")
    return {"row": row, "path": slash + path} if slash else {"param": name}


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "clock" if _CLOCK.fullmatch(value) else "date" if _DATE.fullmatch(value) else "text"
    return PARTS if isinstance(value, Mapping | list | tuple) else ""


def _as_numbers(values: Sequence[Any]) -> Numbers:
    """Numbers; endless where there is none, or one beyond all bounds."""
    known = (v if isinstance(v, int | float) and abs(v) < LARGEST else np.inf for v in values)
    return np.array(list(known), dtype=float)


NULL, GONE = -np.inf, np.nan
"""How null and what is missing are coded: null limits nothing, what is missing passes nothing."""


def _coded(first: Sequence[Any], second: Sequence[Any]) -> tuple[Numbers, Numbers]:
    """Two lists of values of one kind as numbers in the same order."""
    known = {value for value in (*first, *second) if value is not None and value is not MISSING}
    codes: dict[Any, float] = {value: float(place) for place, value in enumerate(sorted(known))}
    codes[None], codes[MISSING] = NULL, GONE
    return np.array([codes[v] for v in first]), np.array([codes[v] for v in second])


def _passing(how: str, first: Numbers, second: Numbers) -> Flags:
    """As in the language: what is null limits nothing, what is missing passes nothing."""
    limitless = (second == NULL) | ((first == NULL) & (how != "fits"))
    with np.errstate(invalid="ignore"):
        compared = first == second if how == "fits" else first <= second if how == "le" else first >= second
    found: Flags = limitless & ~np.isnan(first) | compared
    return found
