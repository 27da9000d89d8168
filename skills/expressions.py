"""Expressions: what the expressions of a program mean in a session; what has no value is MISSING."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from practicum.skills.forms import LONGEST_TEXT, read_form
from practicum.skills.known import Known
from practicum.skills.tables import MOST_ROWS
from practicum.skills.values import MISSING, Json, at_path, same

MOST_DIGITS = 10**15
"""Numbers above are not computed with."""
FARTHEST = 31
"""Days around a date that are listed at most."""
_FIELD = re.compile(r"\{([0-9]{1,2})\}")
_FLAWS = (TypeError, ValueError, KeyError, AttributeError, IndexError, ArithmeticError, RecursionError)
"""What computing a value may run into."""


def evaluate(expr: Any, known: Known, row: Json = None) -> Json:
    """What an expression means.

    Args:
        expr: as the schema describes it; anything else is MISSING.
        known: the session.
        row: the candidate row whose columns `col` names, within a selection.

    Raises:
        TooMuch: the session has looked at more than it may.
    """
    known.charge(1)
    if not isinstance(expr, Mapping):
        return MISSING
    for name in expr:
        if name in _MEANINGS:
            try:
                return _MEANINGS[name](expr, known, row)
            except _FLAWS:
                return MISSING
    return MISSING


def _list(expr: Any, known: Known, row: Json) -> Json:
    parts = (evaluate(part, known, row) for part in expr["list"])
    return [part for part in parts if part is not MISSING and part is not None]


def _seen(expr: Any, known: Known, _: Json) -> Json:
    return list(known.table(expr).rows.values())


def _row(expr: Any, known: Known, _: Json) -> Json:
    bound = known.rows.get(expr["row"])
    return MISSING if bound is None else at_path(bound, expr["path"])


def _col(expr: Any, _: Known, row: Json) -> Json:
    return row[expr["col"]] if isinstance(row, Mapping) and expr["col"] in row else MISSING


def _fmt(expr: Any, known: Known, row: Json) -> Json:
    parts = [evaluate(part, known, row) for part in expr["of"]]
    if any(part is MISSING for part in parts):
        return MISSING
    texts = [_as_text(part)[:LONGEST_TEXT] for part in parts]
    return _FIELD.sub(lambda found: texts[int(found[1])], expr["fmt"][:LONGEST_TEXT])[:LONGEST_TEXT]


def _cast(expr: Any, known: Known, row: Json) -> Json:
    value = evaluate(expr["of"], known, row)
    if value is MISSING or value is None or isinstance(value, Mapping | list):
        return MISSING
    if expr["cast"] == "string":
        return _as_text(value)
    if expr["cast"] == "boolean":
        return {"true": True, "false": False}.get(str(value).lower(), MISSING)
    number = float(value)
    if not abs(number) <= MOST_DIGITS:
        return MISSING
    if expr["cast"] == "number":
        return number
    return int(number) if number.is_integer() else MISSING


def _shift(expr: Any, known: Known, row: Json) -> Json:
    """A date or whole number, so much later."""
    value, by = evaluate(expr["of"], known, row), evaluate(expr["shift"], known, row)
    if isinstance(value, str) and type(by) is int:
        return _later(value, by)
    return _number(value) + _number(by)


def _later(date: str, days: int) -> str:
    return (dt.date.fromisoformat(date) + dt.timedelta(days=days)).isoformat()


def _around(expr: Any, known: Known, row: Json) -> Json:
    """A date, then those up to so many days before and after it, the nearest first."""
    date, days = evaluate(expr["of"], known, row), evaluate(expr["around"], known, row)
    reach = min(abs(days), FARTHEST) if type(days) is int else 0
    return [_later(date, by) for by in sorted(range(-reach, reach + 1), key=abs)]


def _word(expr: Any, known: Known, row: Json) -> Json:
    text = evaluate(expr["of"], known, row)
    words = ["".join(c for c in word if c.isalnum() or c in "-_") for word in text[:LONGEST_TEXT].split()]
    return [word for word in words if word][expr["word"]]


def _field(expr: Any, known: Known, row: Json) -> Json:
    """What a text, or the first of several that is worded so, tells in a field of a form."""
    texts = evaluate(expr["of"], known, row)
    read = (read_form(expr["form"], text) for text in (texts if isinstance(texts, list | tuple) else [texts]))
    found = next((each for each in read if each is not None), {})
    return found.get(expr["field"], MISSING)


def _lookup(expr: Any, known: Known, row: Json) -> Json:
    value = evaluate(expr["of"], known, row)
    return next((found for key, found in expr["lookup"] if same(key, value)), MISSING)


def _column(expr: Any, known: Known, row: Json) -> Json:
    rows = evaluate(expr["of"], known, row)
    return [part[expr["column"]] for part in rows[:MOST_ROWS] if expr["column"] in part]


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MOST_DIGITS:
        raise TypeError
    return value


def _sum(name: str, compute: Callable[[Any, Any], Any]) -> Any:
    def meaning(expr: Any, known: Known, row: Json) -> Json:
        first, second = (evaluate(part, known, row) for part in expr[name])
        if second is None or second is MISSING:
            return first
        return compute(_number(first), _number(second))

    return meaning


_MEANINGS: dict[str, Callable[[Any, Known, Json], Any]] = {
    "const": lambda expr, _, __: expr["const"],
    "param": lambda expr, known, _: known.params.get(expr["param"], MISSING),
    "ref": lambda expr, known, _: at_path(known.result_of(expr["ref"]), expr["path"]),
    "row": _row,
    "col": _col,
    "fmt": _fmt,
    "cast": _cast,
    "shift": _shift,
    "around": _around,
    "word": _word,
    "list": _list,
    "seen": _seen,
    "told": lambda expr, known, _: known.told(expr["told"], expr["form"]),
    "field": _field,
    "lookup": _lookup,
    "column": _column,
    "after": lambda _, known, __: known.after,
    "refused": lambda expr, known, _: known.is_refused(expr["refused"]),
    "add": _sum("add", lambda a, b: a + b),
    "sub": _sum("sub", lambda a, b: a - b),
    "mul": _sum("mul", lambda a, b: a * b),
    "less_percent": _sum("less_percent", lambda a, b: a - a * b // 100),
    "plus_percent": _sum("plus_percent", lambda a, b: a - (-a * b // 100)),
}


def _as_text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)
