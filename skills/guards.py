"""Guards: what a program may look at to decide which call comes next."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from typing import Any

from practicum.skills.arguments import Sources, scalars_in
from practicum.skills.expressions import evaluate
from practicum.skills.flow import Feature
from practicum.skills.forms import fields_of, read_form
from practicum.skills.ingest import Trace
from practicum.skills.known import Known
from practicum.skills.predicates import holds
from practicum.skills.values import MISSING, at_path

KIND_BITS = {
    "control": 1.0,
    "given": 1.0,
    "row": 1.5,
    "same": 1.5,
    "after": 3.0,
    "told": 3.0,
    "param": 3.0,
    "last": 3.0,
    "limit": 4.0,
    "named": 0.5,
}
"""Bits that a kind of guard costs, over those of naming one of its kind."""
GENERAL = ("control", "row", "same")
"""Kinds of guard that tell how the world stands, wherever a program is."""
EITHER = (True, False)
"""What a limit of the same name may be to be binding."""
_STATUS = re.compile(r"view|status|state|phase|stage|mode")
MOST_OF_A_KIND = 400


def features_of(
    traces: Sequence[Trace],
    selections: Sequence[Mapping[str, Any]],
    sources: Sources,
    *,
    control: Sequence[str],
    given: Sequence[str] = (),
) -> list[Feature]:
    """All that guards may look at in the results of some sessions.

    Args:
        traces: sessions.
        selections: the statements that select rows.
        sources: where values may come from.
        control: paths that the world declares to tell how it stands.
        given: task parameters that are given to calls which only some sessions make.
    """
    paths = _paths(traces)
    kinds: dict[str, list[tuple[Any, tuple[str, ...]]]] = {
        "control": [({"ref": "last", "path": path}, ()) for path in control],
        "given": [({"truthy": {"param": name}}, ()) for name in given],
        "row": [({"missing": {"row": s["id"], "path": ""}}, (s["id"],)) for s in selections],
        "after": [({"after": True}, ())],
        "same": list(_same_rows(selections)),
        "told": [(on, ()) for on in _told(sources, traces)],
        "param": [(on, ()) for on in _params(traces)],
        "last": [(on, ()) for on in _looks({path for path, _ in paths}, control)],
        "named": [(on, ()) for on in _limits(paths, traces, named=True)],
        "limit": [(on, ()) for on in _limits(paths, traces, named=False)],
    }
    return [
        Feature(on, KIND_BITS[kind] + math.log2(len(found)), needs, kind in GENERAL, _binding(kind, on))
        for kind, found in kinds.items()
        for on, needs in found[:MOST_OF_A_KIND]
    ]


def _binding(kind: str, on: Mapping[str, Any]) -> tuple[bool, ...]:
    """What must be so for a last call: all is looked at, nothing else held, limits as they always stood."""
    if kind == "named":
        return EITHER
    if (kind == "told" and "all" in on) or (kind == "same" and "missing" not in on):
        return (False,)
    return (True,) if kind == "row" else ()


def values_of(features: Sequence[Feature], known: Known) -> list[Any]:
    """What each feature is at a moment; MISSING where it cannot be told."""
    return [meaning(feature.on, known) for feature in features]


def meaning(on: Mapping[str, Any], known: Known) -> Any:
    """The value of an expression, or whether a predicate holds."""
    if any(name in on for name in ("ref", "after", "param", "refused")):
        return evaluate(on, known)
    held = holds(on, known)
    return MISSING if held is None else held


def implied(on: Mapping[str, Any], told: Mapping[str, Any], value: Any) -> Any:
    """What a guard must be where another was told to be a value; MISSING where nothing follows.

    A number that is not below a limit is above it or at it, and there is a row of which a part is there.
    """
    if value is not False:
        return MISSING
    for one, other in (("le", "ge"), ("ge", "le")):
        if one in told and on == {other: told[one]}:
            return True
    part = told.get("missing", {})
    return False if "row" in part and on == {"missing": {"row": part["row"], "path": ""}} else MISSING


def _paths(traces: Sequence[Trace]) -> set[tuple[str, str]]:
    """The paths of scalars and lists in results, each with the kind of value that stands there."""
    found: set[tuple[str, str]] = set()
    for trace in traces[:60]:
        for result in (trace.opening, *(event.result for event in trace.played if event.error is None)):
            found |= {(path, _kind(value)) for path, value in scalars_in(result)}
            found |= {(path, "list") for path in _list_paths(result)}
    return found


def _list_paths(value: Any, path: str = "", depth: int = 0) -> Iterator[str]:
    if isinstance(value, list | tuple):
        yield path
    elif isinstance(value, Mapping) and depth < 3:
        for name, part in value.items():
            yield from _list_paths(part, f"{path}/{name}", depth + 1)


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "truth"
    return "number" if isinstance(value, int | float) else "text"


def _same_rows(selections: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """Whether a selected row is the one that is held, and whether its surroundings are those shown now."""
    for stmt in selections:
        source, needs = stmt["from"], (stmt["id"],)
        held = stmt.get("distinct", {}).get("held")
        if held is not None and "key" in source:
            yield {"missing": held}, ()
            yield other_held(stmt), needs
        for name, path in source.get("with", {}).items():
            row = {"list": [{"row": stmt["id"], "path": f"/{name}"}]}
            yield {"not": {"in": [{"ref": "last", "path": path}, row]}}, needs
        for name in fields_of(stmt["join"]["from"]["form"]) if "join" in stmt else ():
            yield {"missing": {"row": stmt["id"], "path": f"/with.{name}"}}, needs


def other_held(stmt: Mapping[str, Any]) -> dict[str, Any]:
    """Whether something else is held than what a selection would take, for it takes something else by now."""
    held, key = stmt["distinct"]["held"], stmt["from"]["key"]
    row = {"list": [{"row": stmt["id"], "path": f"/{key}"}]}
    return {"all": [{"not": {"missing": held}}, {"not": {"in": [held, row]}}]}


def _told(sources: Sources, traces: Sequence[Trace]) -> Iterator[Any]:
    """How two numbers of one text compare where one is the most that the other can be, as page and pages."""
    for path in sources.texts:
        for form in sources.forms:
            of = {"ref": "last", "path": path}
            for pair in _bounded(form, path, traces):
                fields = [{"field": name, "form": form, "of": of} for name in pair]
                yield {"all": [{"not": {"missing": fields[0]}}, {"lt": fields}]}
            yield {"missing": {"field": fields_of(form)[0], "form": form, "of": of}}


def told_below(on: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The number of which a guard tells whether it is below the most it can be; None for other guards."""
    below = on["all"][1].get("lt", ()) if "all" in on else ()
    return below[0] if below else None


def _bounded(form: str, path: str, traces: Sequence[Trace]) -> Iterator[tuple[str, str]]:
    """The pairs of numbers of a form of which the first is never more than the second, and less at times."""
    numbers = [name for name in fields_of(form) if f"{{{name}:d}}" in form]
    if len(numbers) < 2:
        return
    read = [row for trace in traces for row in _rows_told(form, path, trace)]
    for first, second in permutations(numbers, 2):
        both = [(row[first], row[second]) for row in read if None not in (row[first], row[second])]
        if all(a <= b for a, b in both) and any(a < b for a, b in both) and any(a == b for a, b in both):
            yield first, second


def _rows_told(form: str, path: str, trace: Trace) -> Iterator[dict[str, Any]]:
    for event in trace.played:
        texts = at_path(event.result, path)
        for text in texts if isinstance(texts, list | tuple) else ():
            row = read_form(form, text)
            if row is not None:
                yield row


def _params(traces: Sequence[Trace]) -> Iterator[Any]:
    """Whether a task parameter is set, and which of few values it has."""
    names = sorted({name for trace in traces for name in trace.params})
    for name in names:
        values = [trace.params.get(name) for trace in traces]
        if any(v is None for v in values):
            yield {"missing": {"param": name}}
        if {bool(v) for v in values} == {True, False}:
            yield {"truthy": {"param": name}}


def _looks(paths: set[str], control: Sequence[str]) -> Iterator[Any]:
    for path in sorted(paths):
        if path not in control:
            if _STATUS.fullmatch(path.rpartition("/")[2]):
                yield {"ref": "last", "path": path}
            elif "/0" not in path and "/-1" not in path:
                yield {"truthy": {"ref": "last", "path": path}}


def _limits(paths: set[tuple[str, str]], traces: Sequence[Trace], *, named: bool) -> Iterator[Any]:
    """How a number of the last result compares with a task parameter.

    Args:
        paths: the paths of results.
        traces: sessions.
        named: those that share a word, such as `/booking/fee` and `max_fee`, or the others.
    """
    numbers = sorted(path for path, kind in paths if kind == "number" and not _is_numbered(path))
    names = sorted({n for t in traces for n, v in t.params.items() if type(v) is int})
    for path in numbers:
        for name in names:
            shares_word = bool(set(name.split("_")) & set(path.rpartition("/")[2].split("_")))
            if named == shares_word and not (shares_word and _is_echo(path, name, traces)):
                pair = [{"ref": "last", "path": path}, {"param": name}]
                yield {"le": pair}
                yield {"ge": pair}


def _is_echo(path: str, name: str, traces: Sequence[Trace]) -> bool:
    """Whether what stands at a path is a task parameter again, told back in the results."""
    told = ((trace.params.get(name), at_path(trace.opening, path)) for trace in traces)
    return all(value is MISSING or value == given for given, value in told)


def _is_numbered(path: str) -> bool:
    return any(part.lstrip("-").isdecimal() for part in path.split("/"))
