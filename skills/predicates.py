"""Predicates: what holds in a session, what does not, and what cannot be told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from practicum.skills.expressions import evaluate
from practicum.skills.known import Known
from practicum.skills.values import MISSING, Json, same


def holds(pred: Any, known: Known, row: Json = None) -> bool | None:
    """Whether a predicate holds; None where it cannot be told.

    A limit that is null limits nothing: a comparison with null by order holds.

    Raises:
        TooMuch: the session has looked at more than it may.
    """
    if not isinstance(pred, Mapping):
        return None
    for name in pred:
        if name in _TESTS:
            held = _tested(name, pred, known, row)
            if known.notice is not None:
                known.notice(pred, held)
            return held
    return None


def _tested(name: str, pred: Mapping[str, Any], known: Known, row: Json) -> bool | None:
    try:
        return _TESTS[name](pred, known, row)
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError):
        return None


def _comparison(name: str, compare: Callable[[Any, Any], bool]) -> Any:
    def test(pred: Any, known: Known, row: Json) -> bool | None:
        first, second = (evaluate(part, known, row) for part in pred[name])
        if first is MISSING or second is MISSING:
            return None
        if name in ("eq", "ne"):
            return compare(first, second)
        if second is None or (first is None and name != "fits"):
            return True
        if isinstance(first, str) != isinstance(second, str) and name != "fits":
            return None
        return bool(compare(first, second))

    return test


def _is_in(pred: Any, known: Known, row: Json) -> bool | None:
    value, values = (evaluate(part, known, row) for part in pred["in"])
    if value is MISSING or not isinstance(values, list | tuple):
        return None
    known.charge(len(values))
    return any(same(value, each) for each in values)


def _truthy(pred: Any, known: Known, row: Json) -> bool | None:
    value = evaluate(pred["truthy"], known, row)
    return None if value is MISSING else bool(value)


def _not(pred: Any, known: Known, row: Json) -> bool | None:
    inner = holds(pred["not"], known, row)
    return None if inner is None else not inner


def _all(pred: Any, known: Known, row: Json) -> bool | None:
    found = [holds(part, known, row) for part in pred["all"]]
    return False if False in found else None if None in found else True


_TESTS: dict[str, Callable[[Any, Known, Json], bool | None]] = {
    "eq": _comparison("eq", same),
    "ne": _comparison("ne", lambda a, b: not same(a, b)),
    "le": _comparison("le", lambda a, b: a <= b),
    "lt": _comparison("lt", lambda a, b: a < b),
    "ge": _comparison("ge", lambda a, b: a >= b),
    "gt": _comparison("gt", lambda a, b: a > b),
    "in": _is_in,
    "truthy": _truthy,
    "missing": lambda pred, known, row: evaluate(pred["missing"], known, row) in (MISSING, None),
    "fits": _comparison("fits", same),
    "not": _not,
    "all": _all,
}
