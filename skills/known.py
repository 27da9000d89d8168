"""Known: what a program knows in a session, and what its expressions and predicates mean there.

Nothing here raises on any program: what has no value is `MISSING`, and a predicate over it is None, neither
true nor false.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from practicum.skills.forms import fields_of, read_form

Json = Any
MOST_ROWS = 5_000
"""Rows that one expression yields at most."""
MOST_DIGITS = 10**15
"""Numbers above are not computed with."""
FARTHEST = 31
"""Days around a date that are listed at most."""


class Missing:
    """What an expression has where there is no value; there is one of it."""

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = Missing()


def at_path(value: Json, path: str) -> Json:
    """The part of a JSON value at a JSON pointer (RFC 6901); `/0` and `/-1` count items."""
    if not path:
        return value
    for key in path[1:].split("/"):
        name = key.replace("~1", "/").replace("~0", "~") if "~" in key else key
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif isinstance(value, list | tuple) and _is_index(name) and -len(value) <= int(name) < len(value):
            value = value[int(name)]
        else:
            return MISSING
    return value


def _is_index(name: str) -> bool:
    return len(name) < 10 and name.lstrip("-").isdecimal() and name.isascii()


@dataclass(frozen=True, slots=True)
class Seen:
    """A call and what came of it."""

    made_by: str
    """Id of the statement that made it; empty where an agent did."""
    tool: str
    arguments: Mapping[str, Any]
    result: Json
    error: str | None


Notice = Callable[[Mapping[str, Any], bool | None], None]
"""Takes a predicate, guard or case of a program and which way it went; None where that cannot be told."""


@dataclass
class Known:
    """What is known in a session: the task, what was seen so far, what the program has bound."""

    params: Mapping[str, Any]
    """The program's arguments over the task's parameters."""
    opening: Json = None
    seen: list[Seen] = field(default_factory=list)
    rows: dict[str, Json] = field(default_factory=dict)
    """What the selections bound, by their id; None where there was no row."""
    notice: Notice | None = field(default=None, repr=False)
    """Told of every predicate, guard and case that is met, and which way it went."""
    _tables: dict[str, Any] = field(default_factory=dict, repr=False)

    def learn(self, seen: Seen) -> None:
        """Take in a call and what came of it."""
        self.seen.append(seen)

    def numbered_results(self, start: int = 0) -> Iterator[tuple[int, Json]]:
        """What was shown, each with the number of its call, from number `start` on.

        The opening has number 0; refusals show nothing.
        """
        if start == 0:
            yield 0, self.opening
        for number, seen in enumerate(self.seen[max(0, start - 1) :], max(1, start)):
            if seen.error is None:
                yield number, seen.result

    @property
    def last(self) -> Json:
        """The last result that was no refusal."""
        return next((seen.result for seen in reversed(self.seen) if seen.error is None), self.opening)

    @property
    def after(self) -> str:
        """Id of the statement that made the last call; empty where an agent did."""
        return self.seen[-1].made_by if self.seen else ""

    def result_of(self, name: str) -> Json:
        """The result of a statement's last call; of `open` and `last` too."""
        if name == "last":
            return self.last
        if name == "open":
            return self.opening
        found = (s.result for s in reversed(self.seen) if s.made_by == name and s.error is None)
        return next(found, MISSING)

    def is_refused(self, name: str) -> bool:
        """Whether a statement's last call was refused."""
        return next((s.error is not None for s in reversed(self.seen) if s.made_by == name), False)

    def table(self, expr: Mapping[str, Any]) -> Table:
        """The rows of a `seen` expression, as each was seen last."""
        name = json.dumps(expr, sort_keys=True, default=str)
        table: Table = self._tables.setdefault(name, Table())
        for number, result in self.numbered_results(table.read):
            table.learn(number, result, expr)
        table.read = len(self.seen) + 1
        return table

    def is_spent(self, stmt: Mapping[str, Any], row: Json) -> bool:
        """Whether a tool was called with a row before, and what is known of the row is what it was then.

        A row that is held, because the call took effect, is not spent.
        """
        distinct, source = stmt["distinct"], stmt["from"]
        table = self.table(source) if "key" in source else None
        key = row if table is None else row.get(source["key"])
        held = evaluate(distinct["held"], self) if "held" in distinct else MISSING
        if table is None:
            return not same(held, key) and any(True for _ in self._calls_with(distinct["tool"], key))
        place = _identity(row, source)
        calls = list(self._calls_with(distinct["tool"], key))
        if same(held, key) and calls and table.context_at(calls[-1]) == place[1:]:
            return False
        last = max((number for number in calls if table.context_at(number) == place[1:]), default=0)
        return bool(last) and table.changed.get(place, 0) <= last

    def _calls_with(self, tool: str, value: Json) -> Iterator[int]:
        """The numbers of a tool's calls that had a value among their arguments."""
        for number, seen in enumerate(self.seen, 1):
            if seen.tool == tool and any(same(each, value) for each in seen.arguments.values()):
                yield number

    def told(self, path: str, form: str) -> list[dict[str, Json]]:
        """What the texts at a path told in a form, each thing once, in the order of the telling."""
        name = f"{form} at {path}"
        start, found = self._tables.get(name, (0, {}))
        for _, result in self.numbered_results(start):
            texts = at_path(result, path)
            for text in texts if isinstance(texts, list | tuple) else [texts]:
                row = read_form(form, text)
                if row is not None and len(found) < MOST_ROWS:
                    found.setdefault(tuple(row.values()), row)
        self._tables[name] = (len(self.seen) + 1, found)
        return list(found.values())


Identity = tuple[Any, ...]
"""What tells a row from others: its key, then the columns of its surroundings."""


@dataclass
class Table:
    """Rows as they were seen last, built on as more is seen."""

    rows: dict[Identity, dict[str, Json]] = field(default_factory=dict)
    changed: dict[Identity, int] = field(default_factory=dict)
    """Number of the call whose result last showed a row to be another than before."""
    contexts: dict[int, Identity] = field(default_factory=dict)
    """The surroundings in each call's result."""
    read: int = 0
    """Number of the first call that is not read yet."""

    def learn(self, number: int, result: Json, expr: Mapping[str, Any]) -> None:
        """Take in the rows that a result shows, and what it tells of known ones elsewhere."""
        context = {name: at_path(result, path) for name, path in expr.get("with", {}).items()}
        self.contexts[number] = tuple(context.values())
        for row in _objects(at_path(result, expr["seen"])):
            if isinstance(row.get(expr["key"]), str | int):
                self._keep(number, {**row, **context}, expr)
        for update in expr.get("updates", ()):
            for part in _objects(at_path(result, update["at"])):
                known = self.rows.get((part.get(update["key"]), *context.values()))
                if known is not None:
                    self._keep(number, {**known, **{k: v for k, v in part.items() if k in known}}, expr)

    def _keep(self, number: int, row: dict[str, Json], expr: Mapping[str, Any]) -> None:
        place = _identity(row, expr)
        if self.rows.get(place) != row and (place in self.rows or len(self.rows) < MOST_ROWS):
            self.rows[place] = row
            self.changed[place] = number

    def context_at(self, number: int) -> Identity:
        """The surroundings as the result of a call shows them; where it was refused, as before it."""
        return next((self.contexts[n] for n in range(number, -1, -1) if n in self.contexts), ())


def _identity(row: Mapping[str, Any], expr: Mapping[str, Any]) -> Identity:
    return (row[expr["key"]], *(row[name] for name in expr.get("with", {})))


def _objects(value: Json) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
    elif isinstance(value, list | tuple):
        yield from (part for part in value[:MOST_ROWS] if isinstance(part, Mapping))


# Expressions ------------------------------------------------------------------------------------------


def evaluate(expr: Any, known: Known, row: Json = None) -> Json:
    """What an expression means.

    Args:
        expr: as the schema describes it; anything else is MISSING.
        known: the session.
        row: the candidate row whose columns `col` names, within a selection.
    """
    if not isinstance(expr, Mapping):
        return MISSING
    for name in expr:
        if name in _MEANINGS:
            try:
                return _MEANINGS[name](expr, known, row)
            except (TypeError, ValueError, KeyError, AttributeError, OverflowError, RecursionError):
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
    if MISSING in parts:
        return MISSING
    text = expr["fmt"]
    for place, part in enumerate(parts):
        text = text.replace(f"{{{place}}}", _as_text(part))
    return text[:4000]


def _cast(expr: Any, known: Known, row: Json) -> Json:
    value = evaluate(expr["of"], known, row)
    if value is MISSING or value is None or isinstance(value, Mapping | list):
        return MISSING
    if expr["cast"] == "string":
        return _as_text(value)
    if expr["cast"] == "boolean":
        return {"true": True, "false": False}.get(str(value).lower(), MISSING)
    number = float(value)
    if abs(number) > MOST_DIGITS:
        return MISSING
    return int(number) if expr["cast"] == "integer" and number.is_integer() else number


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
    dt.date.fromisoformat(date)
    return [_later(date, by) for by in sorted(range(-reach, reach + 1), key=abs)]


def _word(expr: Any, known: Known, row: Json) -> Json:
    text = evaluate(expr["of"], known, row)
    words = ["".join(c for c in word if c.isalnum() or c in "-_") for word in text[:4000].split()]
    words = [word for word in words if word]
    return words[expr["word"]] if -len(words) <= expr["word"] < len(words) else MISSING


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
    return [part[expr["column"]] for part in rows if expr["column"] in part]


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > MOST_DIGITS:
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


# Predicates -------------------------------------------------------------------------------------------


def holds(pred: Any, known: Known, row: Json = None) -> bool | None:
    """Whether a predicate holds; None where it cannot be told.

    A limit that is null limits nothing: a comparison with null by order holds.
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
    return None if value is MISSING or values is MISSING else value in values


def _truthy(pred: Any, known: Known, row: Json) -> bool | None:
    value = evaluate(pred["truthy"], known, row)
    return None if value is MISSING else bool(value)


def _not(pred: Any, known: Known, row: Json) -> bool | None:
    inner = holds(pred["not"], known, row)
    return None if inner is None else not inner


def _all(pred: Any, known: Known, row: Json) -> bool | None:
    found = [holds(part, known, row) for part in pred["all"]]
    return False if False in found else None if None in found else True


def same(first: Json, second: Json) -> bool:
    """Whether two JSON values are equal; `true` is no 1."""
    return first == second and isinstance(first, bool) == isinstance(second, bool)


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


# Selections -------------------------------------------------------------------------------------------


def candidates(stmt: Mapping[str, Any], known: Known) -> list[Json]:
    """The rows that a selection chooses from, joined and filtered, in their order."""
    rows = _rows(stmt, known)
    if "distinct" in stmt:
        rows = [row for row in rows if not known.is_spent(stmt, row)]
    joined = [pair for row in rows for pair in _joined(row, stmt.get("join"), known)]
    return [row for row in joined if _all_hold(stmt.get("where", ()), known, row)]


def untold(stmt: Mapping[str, Any], known: Known) -> Any | None:
    """The first rule of a selection that can be told of none of the rows there are; None where each can.

    A column that has another name since, or a limit that no task tells, is not the same as no row that fits.
    """
    joined = [pair for row in _rows(stmt, known) for pair in _joined(row, stmt.get("join"), known)]
    rules = stmt.get("where", ()) if joined else ()
    return next((rule for rule in rules if all(holds(rule, known, row) is None for row in joined)), None)


def _rows(stmt: Mapping[str, Any], known: Known) -> list[Json]:
    rows = evaluate(stmt["from"], known)
    return list(rows)[:MOST_ROWS] if isinstance(rows, list | tuple) else []


def _joined(row: Json, join: Any, known: Known) -> Iterator[Json]:
    """A row with each of the rows that fit it, their columns behind `with.`, and first by itself."""
    if join is None:
        yield row
        return
    others = evaluate(join["from"], known)
    others = list(others)[:50] if isinstance(others, list | tuple) else []
    told = fields_of(join["from"]["form"]) if "told" in join["from"] else ()
    names = sorted({*told, *(name for other in others if isinstance(other, Mapping) for name in other)})
    if not isinstance(row, Mapping):
        return
    yield {**row, **{f"with.{name}": None for name in names}}
    for other in others:
        pair = {**row, **{f"with.{name}": value for name, value in other.items()}}
        if _all_hold(join["where"], known, pair):
            yield pair


def _all_hold(preds: Sequence[Any], known: Known, row: Json) -> bool:
    return all(holds(pred, known, row) is True for pred in preds)


def chosen(stmt: Mapping[str, Any], known: Known, rows: Sequence[Json]) -> Json | None:
    """The row of the candidates that a selection takes; None where there is none."""
    if not rows:
        return None
    by = stmt.get("by", "first")
    if not isinstance(by, Mapping):
        return rows[0]
    (way, expr), *_ = by.items()
    sign = 1 if way == "min" else -1
    valued = [(evaluate(expr, known, row), row) for row in rows]
    numbers = [(value, row) for value, row in valued if isinstance(value, int | float)]
    if numbers:
        return min(numbers, key=lambda pair: sign * pair[0])[1]
    texts = [(value, row) for value, row in valued if isinstance(value, str)]
    if not texts:
        return None
    best = (min if sign == 1 else max)(value for value, _ in texts)
    return next(row for value, row in texts if value == best)
