"""Sides: which way every predicate, guard and case of a program went while it was played."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from practicum.skills.language import Skill
from practicum.skills.schema import COMPARISONS

Place = tuple[str, Any]
"""Where in a program a predicate, guard or case stands, such as `body/3/cond`, and what stands there."""
_PREDICATES = ("pre", "post", "where", "expect")
_GUARDS = ("cond", "again")
_BODIES = ("body", "then", "else")
_TESTS = (*COMPARISONS, "in", "truthy", "missing", "fits", "not", "all")


def predicates(skill: Skill) -> Iterator[Place]:
    """Every predicate of a program with its place: preconditions, expectations, rules of selection."""
    return ((place, part) for place, kind, part in _all_parts(skill) if kind == "pred")


class Sides:
    """Notes which ways were taken; hand it to `play` as `notice`, for as many runs as you like."""

    def __init__(self, skill: Skill) -> None:
        parts = list(_all_parts(skill))
        self._places = {id(part): place for place, _, part in parts}
        self._branches = {place: _ways(kind, part) for place, kind, part in parts if kind != "pred"}
        self._met: dict[str, set[bool]] = {place: set() for place, _, _ in parts}

    def __call__(self, part: Mapping[str, Any], held: bool | None) -> None:
        """Note that a part of the program was met, and which way it went."""
        place = self._places.get(id(part))
        if place is not None and held is not None:
            self._met[place].add(held)

    def add(self, table: Mapping[str, Sequence[bool]]) -> None:
        """Note the ways that others noted for the same program, as their `table` has them."""
        for place, ways in table.items():
            self._met[place].update(ways)

    def table(self) -> dict[str, list[bool]]:
        """The ways that each part went, by its place; both where `[False, True]`."""
        return {place: sorted(ways) for place, ways in self._met.items()}

    def unseen(self) -> list[str]:
        """Places of guards and cases that have a way which was never taken."""
        return [place for place, ways in self._branches.items() if not ways <= self._met[place]]


def _ways(kind: str, part: Mapping[str, Any]) -> set[bool]:
    if kind == "case":
        return {True}
    return {way for side, way in (("yes", True), ("no", False)) if part.get(side)}


Part = tuple[str, str, Any]
"""Place, kind (`pred`, `guard` or `case`) and what stands there."""


def _all_parts(skill: Skill) -> Iterator[Part]:
    whole = {"pre": skill.pre, "body": skill.body, "post": skill.post}
    return _of_statement(whole, "")


def _of_statement(stmt: Any, place: str) -> Iterator[Part]:
    for key, value in stmt.items() if isinstance(stmt, Mapping) else ():
        here = f"{place}/{key}" if place else key
        if key in _PREDICATES:
            yield from _listed(value, here)
        elif key in _GUARDS and isinstance(value, Mapping):
            yield here, "guard", value
            if _is_predicate(value.get("on")):
                yield f"{here}/on", "pred", value["on"]
                yield from _within(value["on"], f"{here}/on")
        elif key in _BODIES:
            yield from (part for at, each in _items(value, here) for part in _of_statement(each, at))
        elif key == "cases":
            yield from _of_cases(value, here)
        elif key == "join":
            yield from _of_statement(value, here)


def _of_cases(cases: Any, place: str) -> Iterator[Part]:
    for here, case in _items(cases, place):
        yield here, "case", case
        yield from _of_statement(case, here)


def _listed(preds: Any, place: str) -> Iterator[Part]:
    for here, pred in _items(preds, place):
        yield here, "pred", pred
        yield from _within(pred, here)


def _is_predicate(part: Any) -> bool:
    """Whether what a guard looks at is a predicate, and no expression."""
    return isinstance(part, Mapping) and any(name in part for name in _TESTS)


def _within(pred: Any, place: str) -> Iterator[Part]:
    """The predicates that others are made of."""
    if isinstance(pred, Mapping) and "not" in pred:
        yield from _listed([pred["not"]], f"{place}/not")
    elif isinstance(pred, Mapping) and "all" in pred:
        yield from _listed(pred["all"], f"{place}/all")


def _items(values: Any, place: str) -> Iterator[Place]:
    listed = values if isinstance(values, Sequence) and not isinstance(values, str) else ()
    return ((f"{place}/{n}", value) for n, value in enumerate(listed))
