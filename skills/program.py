"""Program: a tree of guards as statements of the language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from practicum.skills.flow import Feature, Fork, Leaf, Tree

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
    line = _line(tree, parts)
    if line is not None:
        return line
    body = _branch(tree, parts, frozenset())
    return [{"do": "retry", "id": "next", "body": body, "again": ALWAYS, "max": MOST_ROUNDS}]


def _branch(tree: Tree, parts: _Parts, made: frozenset[str], so: Told = ()) -> list[Stmt]:
    """The statements of a part of the tree, where some selections are made and some guards have told."""
    if isinstance(tree, Leaf):
        if tree.next == END:
            return [{"do": END}]
        return _checked(parts.calls[tree.next], parts, made, so=so)
    if (told := _told(tree, so)) is not None:
        return _branch(told, parts, made, so)
    needed = _selected(tree.feature.needs, parts, made)
    made |= set(tree.feature.needs)
    branches = [
        (list(values), _branch(part, parts, made, (*so, (tree.feature, values))))
        for values, part in _with_kin(tree, parts)
    ]
    on = dict(tree.feature.on)
    if len(branches) == 2:
        (yes, then), (no, other) = branches
        guard = {"on": on, "yes": yes, "no": no}
        return [*needed, {"do": "if", "cond": guard, "then": then, "else": other}]
    cases = [{"is": values, "body": body} for values, body in branches]
    return [*needed, {"do": "switch", "on": on, "cases": cases}]


def _told(fork: Fork, so: Told) -> Tree | None:
    """The branch to take, where a guard above has told."""
    known = next((values for feature, values in reversed(so) if feature is fork.feature), None)
    if known is None:
        return None
    return next(
        (part for values, part in fork.branches if set(map(repr, known)) <= set(map(repr, values))), None
    )


def _checked(
    call: Stmt, parts: _Parts, made: frozenset[str], *, so: Told = (), then: Sequence[Stmt] = ()
) -> list[Stmt]:
    """A call, and what follows, where all holds that always held before it; the program stops otherwise."""
    body: list[Stmt] = [*_selected(needs_of(call["args"]), parts, made), call, *then]
    for feature, value in parts.requires.get(call["id"], ()):
        if (feature, (value,)) in so:
            continue
        guard = {"on": dict(feature.on), "yes": [value], "no": []}
        body = [*_selected(feature.needs, parts, made), {"do": "if", "cond": guard, "then": body}]
    return body


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


def _line(tree: Tree, parts: _Parts) -> list[Stmt] | None:
    """The statements one after the other, where each call has one that follows; None where it is not so."""
    following = _following(tree)
    if following is None:
        return None
    names: list[str] = []
    name = following.get("")
    while name is not None and name != END:
        if name in names:
            return None
        names.append(name)
        name = following.get(name)
    return _nested(names, parts)


def _nested(names: Sequence[str], parts: _Parts) -> list[Stmt]:
    """Calls one after the other; what follows one that needs something stands where that is so."""
    if not names:
        return []
    return _checked(parts.calls[names[0]], parts, frozenset(), then=_nested(names[1:], parts))


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
