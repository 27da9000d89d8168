"""Arguments: where the values came from that agents gave their calls.

A value is explained, in this order of preference, by a task parameter, by something that a result told, by a
row that a rule selects, by a constant; what nothing explains becomes a parameter of the skill.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from practicum.memory.skill_witnesses import LEAST_TASKS
from practicum.skills.expressions import FARTHEST, evaluate
from practicum.skills.forms import fields_of
from practicum.skills.ingest import Event, Trace
from practicum.skills.known import Known, Seen
from practicum.skills.rows import candidates, chosen
from practicum.skills.tables import KEY
from practicum.skills.values import same

Expr = Mapping[str, Any]
Place = tuple[int, int]
"""A call: the number of its trace, and its own in it."""

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
DEEPEST_PATH = 4
"""Levels of a result that are looked through."""
MOST_CLUES = 400
"""Explanations of one value that are looked at."""
MOST_CONSTANTS, FEW_COVER = 2, 0.75
"""Constants that an argument has at most, and the share of its otherwise unexplained values that these must
be: what varies more is somebody's choice, and a parameter."""
ABSENT: Expr = {"const": None}
"""What explains an argument that was left out."""
MOST_LISTED = 3
"""Values of a text of which each word may be meant."""


def replayed(trace: Trace, names: Sequence[str] = ()) -> Iterator[tuple[int, Event, Known]]:
    """The calls of a trace, each with what was known before it; the last is followed by nothing.

    Args:
        trace: a session.
        names: the statement that each call is taken for; empty where it is nobody's.
    """
    known = Known(trace.params, trace.opening)
    for place, event in enumerate(trace.played):
        yield place, event, known
        name = names[place] if place < len(names) else ""
        known.learn(Seen(name, event.tool, event.arguments, event.result, event.error))


def key_of(expr: Expr) -> str:
    """An expression as text, for dictionaries."""
    return json.dumps(expr, sort_keys=True, separators=(",", ":"))


def expr_of(key: str) -> Expr:
    """The expression of a key."""
    found: Expr = json.loads(key)
    return found


# Looking through results ------------------------------------------------------------------------------


def scalars_in(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """The scalars of a JSON value with their paths; of a list only the first item and the last."""
    if isinstance(value, Mapping):
        if depth < DEEPEST_PATH:
            for name, part in value.items():
                yield from scalars_in(part, f"{path}/{_escaped(str(name))}", depth + 1)
    elif isinstance(value, list | tuple):
        if depth < DEEPEST_PATH and value:
            yield from scalars_in(value[0], f"{path}/0", depth + 1)
            if len(value) > 1:
                yield from scalars_in(value[-1], f"{path}/-1", depth + 1)
    else:
        yield path, value


def lists_in(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, Sequence[Any]]]:
    """The lists of a JSON value with their paths."""
    if isinstance(value, Mapping) and depth < DEEPEST_PATH:
        for name, part in value.items():
            yield from lists_in(part, f"{path}/{_escaped(str(name))}", depth + 1)
    elif isinstance(value, list | tuple) and value:
        yield path, value


def mappings_in(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The mappings of a JSON value whose entries are of one kind, and so may be things by their ids."""
    if isinstance(value, Mapping) and depth < DEEPEST_PATH:
        if len({type(part) for part in value.values()}) == 1:
            yield path, value
        for name, part in value.items():
            yield from mappings_in(part, f"{path}/{_escaped(str(name))}", depth + 1)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def text_paths(traces: Sequence[Trace]) -> list[str]:
    """Where results have lists of texts."""
    found: Counter[str] = Counter()
    for trace in traces:
        for result in (trace.opening, *(event.result for event in trace.played)):
            found.update(path for path, value in lists_in(result) if isinstance(value[0], str))
    return [path for path, _ in found.most_common(3)]


# Explanations of one value ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Sources:
    """Where explanations may come from, beside the task and the results."""

    forms: Sequence[str] = ()
    """How the world words what it tells."""
    texts: Sequence[str] = ()
    """Paths of lists of texts."""
    bound: Sequence[Mapping[str, Any]] = ()
    """Selections whose rows may be used."""
    looked_up: Collection[str] = ()
    """Tools that were called for every element of a list: what each call shows is a row."""
    shown_by: Collection[str] = ()
    """Tools of which the latest result may be referred to, also where others came since."""


def clues(value: Any, known: Known, sources: Sources) -> Iterator[Expr]:
    """Expressions that have a value where it was used, the ones that say most first."""
    for name, given in known.params.items():
        if same(given, value):
            yield {"param": name}
    if value is None:
        yield ABSENT
        return
    yield from _row_clues(value, sources.bound, known)
    yield from _form_clues(value, known, sources)
    for origin, result in (("last", known.last), ("open", known.opening)):
        for path, found in scalars_in(result):
            if same(found, value):
                yield {"ref": origin, "path": path}
            elif isinstance(value, str) and isinstance(found, str) and len(value) > 2 and value in found:
                yield from _word_clues(value, origin, path, known)
    for tool, result in _latest(known, sources.shown_by):
        yield from ({"ref": tool, "path": path} for path, found in scalars_in(result) if same(found, value))
    if isinstance(value, int | str | bool):
        yield {"const": value}


def _latest(known: Known, tools: Collection[str]) -> Iterator[tuple[str, Any]]:
    """The latest result of each of some tools."""
    results = {seen.tool: seen.result for seen in known.seen if seen.error is None and seen.tool in tools}
    yield from results.items()


def _row_clues(value: Any, bound: Sequence[Mapping[str, Any]], known: Known) -> Iterator[Expr]:
    for stmt in bound:
        row = known.rows.get(stmt["id"])
        for path, found in scalars_in(row) if row is not None else ():
            if same(found, value):
                yield {"row": stmt["id"], "path": path}


def _form_clues(value: Any, known: Known, sources: Sources) -> Iterator[Expr]:
    for path in sources.texts:
        told = {"ref": "last", "path": path}
        for form in sources.forms:
            for name in fields_of(form):
                expr = {"field": name, "form": form, "of": told}
                found = evaluate(expr, known)
                if same(found, value):
                    yield expr
                elif type(found) is int and type(value) is int and value == found + 1:
                    yield {"shift": {"const": 1}, "of": expr}


def _word_clues(value: str, origin: str, path: str, known: Known) -> Iterator[Expr]:
    """The word of a text that a value is, counted from the end and from the beginning."""
    of = {"ref": origin, "path": path}
    for place in (*range(-MOST_LISTED, 0), *range(MOST_LISTED)):
        expr = {"word": place, "of": of}
        if same(evaluate(expr, known), value):
            yield expr


COSTS = {"param": 1.0, "row": 2.0, "field": 2.0, "ref": 3.0, "shift": 1.8, "word": 4.0, "const": 6.0}
"""Bits that a kind of explanation costs, over the others."""


def cost_of(expr: Expr, argument: str) -> float:
    """Bits that an explanation costs; less for a name that is the argument's."""
    if expr == ABSENT:
        return 1.5
    kind = next(name for name in COSTS if name in expr)
    named = str(next(iter(expr.values())))
    alike = kind == "param" and (named == argument or argument in named or named in argument)
    first = kind == "ref" and expr["ref"] != "last"
    return COSTS[kind] - 0.5 * alike + 0.5 * first


# Explanations of an argument over all calls -----------------------------------------------------------


@dataclass
class Uses:
    """One argument of one tool, over all traces."""

    tool: str
    argument: str
    values: dict[Place, Any] = field(default_factory=dict)
    explained: dict[str, set[Place]] = field(default_factory=lambda: defaultdict(set))
    """By the key of an expression: the calls whose value it has."""
    rows: dict[tuple[str, str], set[Place]] = field(default_factory=lambda: defaultdict(set))
    """By a list's path and a column of its rows: the calls whose value stands there, in any result before."""
    tasks: Mapping[int, str] = field(default_factory=dict)
    """The task of each trace."""

    def as_rows(self) -> Uses:
        """The same with explanations by rows that were selected and by the task alone."""
        kept = {key: at for key, at in self.explained.items() if _is_of_a_row(expr_of(key))}
        return replace(self, explained=defaultdict(set, kept))


def uses_of(traces: Sequence[Trace], sources: Sources, arguments: Mapping[str, Sequence[str]]) -> list[Uses]:
    """Every argument of every call with what may explain it.

    Args:
        traces: sessions.
        sources: where explanations may come from.
        arguments: the names of each tool's arguments; other tools' calls are left out.
    """
    tasks = {number: trace.task for number, trace in enumerate(traces)}
    uses = {
        (tool, name): Uses(tool, name, tasks=tasks) for tool, names in arguments.items() for name in names
    }
    for number, trace in enumerate(traces):
        shown: dict[Any, set[tuple[str, str]]] = defaultdict(set)
        _show(shown, trace.opening)
        for place, event, known in replayed(trace):
            for stmt in sources.bound:
                known.rows[stmt["id"]] = chosen(stmt, known, candidates(stmt, known))
            for name in arguments.get(event.tool, ()):
                _note(uses[event.tool, name], (number, place), event.arguments.get(name), known, sources)
                value = event.arguments.get(name)
                for column in shown.get(value, ()) if isinstance(value, str | int) else ():
                    uses[event.tool, name].rows[column].add((number, place))
            _show(shown, event.result)
            if event.tool in sources.looked_up:
                _show_object(shown, event.result)
    return [
        use if len(set(map(key_of, use.values.values()))) > 1 else _without_keys(use) for use in uses.values()
    ]


def _without_keys(use: Uses) -> Uses:
    """The same for an argument of one value, which is no choice among a mapping's keys."""
    return replace(use, rows={column: at for column, at in use.rows.items() if column[1] != KEY})


def _note(use: Uses, place: Place, value: Any, known: Known, sources: Sources) -> None:
    use.values[place] = value
    for count, expr in enumerate(clues(value, known, sources)):
        if count < MOST_CLUES:
            use.explained[key_of(expr)].add(place)


def _show(shown: dict[Any, set[tuple[str, str]]], result: Any) -> None:
    """Note which values stand in which columns of the lists of a result."""
    for path, rows in lists_in(result):
        for row in rows:
            for column, value in row.items() if isinstance(row, Mapping) else ():
                if isinstance(value, str | int) and not isinstance(value, bool):
                    shown[value].add((path, column))
    for path, entries in mappings_in(result):
        for key in entries:
            shown[key].add((path, KEY))


def _show_object(shown: dict[Any, set[tuple[str, str]]], result: Any) -> None:
    """Note what stands in the objects of a result that was looked up: from now on there, and in no list."""
    found: dict[Any, set[tuple[str, str]]] = defaultdict(set)
    for path, value in scalars_in(result):
        above, _, name = path.rpartition("/")
        if isinstance(value, str | int) and not isinstance(value, bool) and "~" not in name:
            found[value].add((above, name))
    shown.update(found)


def _is_of_a_row(expr: Expr) -> bool:
    return expr == ABSENT or "row" in expr or "param" in expr


@dataclass(frozen=True)
class Explanation:
    """An argument's expression and the calls that it explains."""

    expr: Expr
    places: frozenset[Place]


def explanations(use: Uses, extra: Sequence[Explanation] = (), *, least: int = 2) -> list[Explanation]:
    """The fewest expressions that explain an argument, the widest first.

    Args:
        use: the argument.
        extra: explanations found elsewhere, such as selections.
        least: calls that an explanation must add to those before it.
    """
    known = [Explanation(expr_of(key), frozenset(places)) for key, places in use.explained.items()]
    offers = [*(offer for offer in known if not _is_constant(offer) or _is_common(offer, use)), *extra]
    left = set(use.values)
    found: list[Explanation] = []
    while left:
        with_constants = _has_few_values(use, left)
        usable = (offer for offer in offers if with_constants or not _is_constant(offer))
        best = max(usable, key=lambda offer: _worth(offer, left, use), default=None)
        if best is None or len(best.places & left) < least:
            break
        found.append(best)
        left -= best.places
    return found


def _is_constant(offer: Explanation) -> bool:
    return "const" in offer.expr and offer.expr != ABSENT


def _is_common(offer: Explanation, use: Uses) -> bool:
    """Whether a constant was given in enough tasks to be neither a secret nor planted."""
    return len({use.tasks[number] for number, _ in offer.places}) >= LEAST_TASKS


def _has_few_values(use: Uses, left: Iterable[Place]) -> bool:
    """Whether one or two values are nearly all that an argument has, where nothing else explains it."""
    given = Counter(json.dumps(use.values[place]) for place in left if use.values[place] is not None)
    most = sum(count for _, count in given.most_common(MOST_CONSTANTS))
    return most >= FEW_COVER * given.total()


def _worth(offer: Explanation, left: set[Place], use: Uses) -> tuple[float, str]:
    """What an explanation saves, in bits: those of the values it explains, less its own."""
    gained = len(offer.places & left)
    kind = offer.expr
    values = len({json.dumps(use.values[place]) for place in offer.places}) if "const" in kind else 0
    extra = cost_of(kind, use.argument) if any(name in kind for name in COSTS) else 2.5
    return gained * 4.0 - extra - values, key_of(kind)


# Dates ------------------------------------------------------------------------------------------------


def days_around(use: Uses, traces: Sequence[Trace]) -> Iterator[Expr]:
    """Lists of days around a date parameter that an argument may go through, one after the other."""
    if not any(isinstance(value, str) and _DATE.fullmatch(value) for value in use.values.values()):
        return
    params = {name for trace in traces for name, value in trace.params.items() if is_date(value)}
    reaches = {
        name
        for trace in traces
        for name, value in trace.params.items()
        if type(value) is int and 0 <= value <= FARTHEST
    }
    for date in sorted(params):
        for reach in sorted(reaches):
            if all(0 <= _reach(trace, reach) <= FARTHEST for trace in traces):
                yield {"around": {"param": reach}, "of": {"param": date}}


def _reach(trace: Trace, name: str) -> int:
    value = trace.params.get(name, 0)
    return value if type(value) is int else -1


def is_date(value: Any) -> bool:
    """Whether a value is an ISO date."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return False
    try:
        dt.date.fromisoformat(value)
    except ValueError:
        return False
    return True
