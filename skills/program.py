"""Program: a tree of guards as statements of the language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from practicum.skills.flow import Feature, Fork, Leaf, Tree
from practicum.skills.guards import implied
from practicum.skills.values import MISSING, same

END = "done"
"""What stands for the end of a program among the calls that may come next."""
Stmt = dict[str, Any]
ALWAYS = {"on": {"const": True}, "yes": [True], "no": []}
AFTER = {"after": True}
MOST_ROUNDS = 60


Requires = Mapping[str, Sequence[tuple[Feature, Any]]]
Told = tuple[tuple[Feature, tuple[Any, ...]], ...]
"""Guards with the values that they have in a branch."""


@dataclass(frozen=True)
class _Parts:
    calls: Mapping[str, Stmt]
    selections: Mapping[str, Stmt]
    kin: Mapping[str, Sequence[str]]
    requires: Requires


def body_of(
    tree: Tree,
    calls: Mapping[str, Stmt],
    selections: Mapping[str, Stmt],
    *,
    kin: Mapping[str, Sequence[str]],
    requires: Requires | None = None,
) -> list[Stmt]:
    """The statements that do what a tree says, over and over until the episode or the program ends.

    Args:
        tree: what is called next.
        calls: the call statements, by id.
        selections: the selections, by id.
        kin: the calls that achieve the same as one, by its id; after what was never seen a program goes on as
            after its kin.
        requires: by call, what must be so for it to be made.
    """
    parts = _Parts(calls, selections, kin, requires or {})
    line = _line(tree)
    if line is not None:
        return [stmt for name in line for stmt in _checked(calls[name], parts, frozenset())]
    body = _branch(tree, parts, frozenset())
    return [{"do": "retry", "id": "next", "body": body, "again": ALWAYS, "max": MOST_ROUNDS}]


def _branch(tree: Tree, parts: _Parts, made: frozenset[str], so: Told = ()) -> list[Stmt]:
    """The statements of a part of the tree, where some selections are made and some guards have told."""
    if isinstance(tree, Leaf):
        if tree.next == END:
            return [{"do": END}]
        return _checked(parts.calls[tree.next], parts, made, so)
    known, ways = _told(tree.feature, so), list(_with_kin(tree, parts))
    if known is not None:
        ways = [(kept, part) for values, part in ways if (kept := _both(values, known))]
        if len(ways) == 1 and len(ways[0][0]) == len(known):
            return _branch(ways[0][1], parts, made, so)
    inside = made | set(tree.feature.needs)
    bodies = [(list(of), _branch(part, parts, inside, (*so, (tree.feature, of)))) for of, part in ways]
    open_ways = [(values, body) for values, body in bodies if not _is_closed(body)]
    guard = _guarded(dict(tree.feature.on), open_ways)
    return guard if _is_closed(guard) else [*_selected(tree.feature.needs, parts, made), *guard]


def _guarded(on: Stmt, ways: Sequence[tuple[list[Any], list[Stmt]]]) -> list[Stmt]:
    """The statement that goes one of several ways; where there is none, the program stops."""
    if len(ways) > 2:
        return [{"do": "switch", "on": on, "cases": [{"is": values, "body": body} for values, body in ways]}]
    (yes, then), (no, other) = (*ways, ([], []), ([], []))[:2]
    guard: Stmt = {"do": "if", "cond": {"on": on, "yes": yes, "no": no}, "then": then}
    return [guard | {"else": other} if no else guard]


def _is_closed(body: Sequence[Stmt]) -> bool:
    """Whether a body is but a guard that knows no value, where the program stops."""
    return len(body) == 1 and body[0]["do"] == "if" and not body[0]["cond"]["yes"]


def _both(values: Sequence[Any], known: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(value for value in values if any(same(value, each) for each in known))


def _told(feature: Feature, so: Told) -> tuple[Any, ...] | None:
    """The values that a guard may have, by what guards above it have told; None where they told nothing."""
    for other, values in reversed(so):
        if other is feature:
            return values
        follows = implied(feature.on, other.on, values[0]) if len(values) == 1 else MISSING
        if follows is not MISSING:
            return (follows,)
    return None


def _checked(call: Stmt, parts: _Parts, made: frozenset[str], so: Told = ()) -> list[Stmt]:
    """A call after guards that stop the program where something is not so that always was before it."""
    found: list[Stmt] = []
    for feature, value in parts.requires.get(call["id"], ()):
        known = _told(feature, so)
        if known is not None and not _both((value,), known):
            return _guarded(dict(feature.on), [])
        if known is None or len(known) > 1:
            found += [*_selected(feature.needs, parts, made), *_guarded(dict(feature.on), [([value], [])])]
            made, so = made | set(feature.needs), (*so, (feature, (value,)))
    return [*found, *_selected(needs_of(call["args"]), parts, made), call]


def _with_kin(fork: Fork, parts: _Parts) -> Iterator[tuple[tuple[Any, ...], Tree]]:
    """The branches; after a call that was the last in all sessions, as after its kin."""
    if dict(fork.feature.on) != AFTER:
        yield from fork.branches
        return
    seen = {value for values, _ in fork.branches for value in values}
    for values, part in fork.branches:
        kin = {other for value in values for other in parts.kin.get(value, ()) if other not in seen}
        seen |= kin
        yield (*values, *sorted(kin)), part


def _selected(names: Sequence[str], parts: _Parts, made: frozenset[str]) -> list[Stmt]:
    return [dict(parts.selections[name]) for name in names if name not in made]


def needs_of(value: Any) -> tuple[str, ...]:
    """The selections whose rows are used in a part of a program."""
    return tuple(dict.fromkeys(_rows_in(value)))


def _rows_in(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if "row" in value and "path" in value:
            yield value["row"]
        for part in value.values():
            yield from _rows_in(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _rows_in(part)


def _line(tree: Tree) -> list[str] | None:
    """The calls one after the other, where each has one that follows; None where it is not so."""
    following = _following(tree)
    if following is None or "" not in following:
        return None
    names: list[str] = []
    name: str | None = following[""]
    while name is not None and name != END:
        if name in names:
            return None
        names.append(name)
        name = following.get(name)
    return names


def _following(tree: Tree) -> dict[Any, str] | None:
    if isinstance(tree, Leaf):
        return {"": tree.next}
    if not isinstance(tree, Fork) or dict(tree.feature.on) != AFTER:
        return None
    found: dict[Any, str] = {}
    for values, part in tree.branches:
        if not isinstance(part, Leaf):
            return None
        found |= dict.fromkeys(values, part.next)
    return found
