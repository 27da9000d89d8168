"""Constants: the values that a program holds, where they were seen, and how it does without them.

A constant may be a secret, or planted. A private skill has only what its principal's sessions show; what
others are to see may hold only what the environment itself declares, or what three principals have used.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from practicum.envs.registry import EnvClass
from practicum.memory.skill_witnesses import LEAST_TASKS
from practicum.skills.ingest import Trace
from practicum.skills.language import BadSkill, Skill
from practicum.skills.naming import params_in, setting_shapes
from practicum.skills.schema import COMPARISONS

LEAST_PRINCIPALS = LEAST_TASKS
"""Principals who have used a constant before others are shown it."""
MOST_WITNESSES = 50
"""Sessions that are remembered for each constant, and for the program itself."""
TEXTS = ("fmt", "form")
"""Texts that a program holds beside its constants: how it words a value, how the world does."""

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Constant:
    """A value that a program holds."""

    place: str
    """Where it stands, such as `body/0/args/months`; the value itself is not part of it."""
    value: Any
    argument: tuple[str, str] | None = None
    """The tool and the argument that it is given as."""
    field: str | None = None
    """The JSON pointer of the field of a result that it is compared with."""


def constants_of(skill: Skill) -> list[Constant]:
    """The constants of a program, in its order; truth values, null, the empty text, 0 and 1 are none."""
    program = {"pre": skill.pre, "body": skill.body, "post": skill.post}
    return [each for each in _found(program, ()) if not _is_plain(each.value)]


def _is_plain(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, int | float) and value in (0, 1))


def _found(node: Any, path: Path) -> Iterator[Constant]:
    """The constants below a node; what stands in calls, comparisons and guards is known by its use."""
    if isinstance(node, list | tuple):
        for place, part in enumerate(node):
            yield from _found(part, (*path, place))
    elif isinstance(node, Mapping):
        known = {each.place: each for each in _used(node, path)}
        yield from known.values()
        for key, part in node.items():
            yield from (each for each in _found(part, (*path, key)) if each.place not in known)


def _used(node: Mapping[str, Any], path: Path) -> Iterator[Constant]:
    if node.get("do") == "call":
        for name, expr in node["args"].items():
            if "const" in expr:
                yield _constant((*path, "args", name), expr["const"], argument=(node["tool"], name))
    elif "const" in node:
        yield _constant(path, node["const"])
    elif "yes" in node or node.get("do") == "switch":
        yield from _guarded(node, path)
    yield from _worded(node, path)
    for name in (*COMPARISONS, "in"):
        if isinstance(node.get(name), list | tuple):
            yield from _compared(node[name], (*path, name))


def _worded(node: Mapping[str, Any], path: Path) -> Iterator[Constant]:
    """The values of a table that is looked up, and texts that hold more than fields."""
    for row, pair in enumerate(node.get("lookup", ())):
        for side, value in enumerate(pair):
            yield _constant((*path, "lookup", row, side), value)
    for key in TEXTS:
        if isinstance(node.get(key), str) and re.search(r"\w", re.sub(r"\{\w*\}", "", node[key])):
            yield _constant((*path, key), node[key])


def _guarded(node: Mapping[str, Any], path: Path) -> Iterator[Constant]:
    """The values that a guard or a switch knows; names of statements are none."""
    on = node["on"]
    if "after" in on:
        return
    values: list[tuple[Path, Any]] = [(("yes", n), value) for n, value in enumerate(node.get("yes", ()))]
    values += [(("no", n), value) for n, value in enumerate(node.get("no", ()))]
    cases = enumerate(node.get("cases", ()))
    values += [(("cases", n, "is", m), value) for n, case in cases for m, value in enumerate(case["is"])]
    for place, value in values:
        yield _constant((*path, *place), value, field=_field(on))


def _compared(pair: Sequence[Any], path: Path) -> Iterator[Constant]:
    for place, side in enumerate(pair):
        if isinstance(side, Mapping) and "const" in side:
            yield _constant((*path, place), side["const"], field=_field(pair[1 - place]))


def _field(expr: Any) -> str | None:
    """The pointer into a result that an expression reads."""
    return expr.get("path") if isinstance(expr, Mapping) and "ref" in expr else None


def _constant(path: Path, value: Any, **use: Any) -> Constant:
    return Constant("/".join(map(str, path)), value, **use)


# Who may have them ------------------------------------------------------------------------------------


def declared(constant: Constant, env_class: EnvClass) -> bool:
    """Whether the environment itself says the value: in a tool's schema or text, a control field, a form."""
    if constant.field is not None and constant.field in env_class.control:
        return True
    if constant.place.endswith("/form"):
        return constant.value in env_class.forms
    return _written(constant.value) in words_of(env_class)  # type: ignore[arg-type]  # classes are hashable


@lru_cache(maxsize=64)
def words_of(env_class: EnvClass) -> frozenset[str]:
    """What an environment says to everybody: each word of its tools' texts, each value that schemas name."""
    said: set[str] = set()
    for action in env_class.actions.values():
        shapes = [
            part for shape in action.schema["properties"].values() for part in (shape, shape.get("items", {}))
        ]
        said.update(
            re.findall(r"\w+", " ".join([action.description, *(s.get("description", "") for s in shapes)]))
        )
        said.update(_written(value) for s in shapes for value in (*s.get("enum", ()), s.get("default", "")))
    settings = setting_shapes(env_class).values()
    said.update(_written(value) for shape in settings for value in shape.get("enum", ()))
    return frozenset(said)


def _written(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


Seen = Mapping[str, Sequence[Trace]]
"""Sessions by the place of the constant that stands in them; under the empty place those of the program."""


def check_private(skill: Skill, env_class: EnvClass, seen: Seen) -> None:
    """See that a principal's own skill gives its tools, and looks for, only values that several tasks show.

    A number in a rule is computed, a text's wording is built: neither need stand in a session as it is.

    Args:
        skill: the program.
        env_class: its environment.
        seen: as `witnesses` returns it.

    Raises:
        BadSkill: one stands in fewer than three tasks; it may be a secret.
    """
    for each in constants_of(skill):
        is_given = each.argument is not None or (
            isinstance(each.value, str) and not each.place.endswith(TEXTS)
        )
        tasks = {trace.task for trace in seen.get(each.place, ())}
        if is_given and len(tasks) < LEAST_TASKS and not declared(each, env_class):
            few = f"fewer than {LEAST_TASKS} tasks"
            raise BadSkill(f"the program holds a value at {each.place} that {few} show")


def witnesses(skill: Skill, traces: Iterable[Trace]) -> Seen:
    """The sessions in which each constant of a program stands, by the constant's place.

    Under the empty place stand the sessions themselves. Of each at most `MOST_WITNESSES`, of different tasks
    before others.

    Args:
        skill: the program.
        traces: what it was mined from, or others.
    """
    spread, constants = _spread(list(traces)), constants_of(skill)
    wanted = {_key(each.value) for each in constants}
    standing = [(trace, wanted.intersection(_scalars(trace))) for trace in spread] if wanted else []
    found = {
        each.place: [trace for trace, keys in standing if _key(each.value) in keys][:MOST_WITNESSES]
        for each in constants
    }
    return {"": spread[:MOST_WITNESSES], **{place: seen for place, seen in found.items() if seen}}


def _spread(traces: list[Trace]) -> list[Trace]:
    """One trace of each task first, then the others."""
    first: dict[str, Trace] = {}
    rest = [trace for trace in traces if first.setdefault(trace.task, trace) is not trace]
    return [*first.values(), *rest]


def _key(value: Any) -> tuple[str, Any]:
    return (type(value).__name__, value if isinstance(value, str | int | float) else repr(value))


def _scalars(trace: Trace) -> Iterator[tuple[str, Any]]:
    """Every scalar of a session's task, and of what its calls were given and told, as a key."""
    stack: list[Any] = [part for event in trace.played for part in (event.arguments, event.result)]
    stack += [trace.opening, trace.params]
    while stack:
        node = stack.pop()
        if isinstance(node, Mapping):
            stack.extend(node.values())
        elif isinstance(node, list | tuple):
            stack.extend(node)
        else:
            yield _key(node)


def for_everybody(skill: Skill, env_class: EnvClass, seen: Mapping[str, Collection[str]]) -> Skill:
    """A program that holds only what everybody may see; a constant argument becomes one of the skill's own.

    Args:
        skill: as it stands in the library.
        env_class: its environment, which declares values of its own.
        seen: the principals in whose sessions each constant stands, by its place.

    Raises:
        BadSkill: a constant that too few principals have used stands where no argument can take its place.
    """
    private = [
        each
        for each in constants_of(skill)
        if not declared(each, env_class) and len(set(seen.get(each.place, ()))) < LEAST_PRINCIPALS
    ]
    stuck = next((each for each in private if each.argument is None), None)
    if stuck is not None:
        raise BadSkill(
            f"{skill.name} holds a value at {stuck.place} that fewer than {LEAST_PRINCIPALS} principals have "
            "used, and cannot do without it"
        )
    places = {each.place for each in private}
    return _with_arguments(skill, places, taken=setting_shapes(env_class)) if private else skill


def _with_arguments(skill: Skill, places: Collection[str], *, taken: Iterable[str]) -> Skill:
    """The program with parameters of its own in place of constants, one for each tool's argument."""
    taken = {*taken, *params_in(skill)}
    names: dict[tuple[str, str], str] = {}
    for each in constants_of(skill):
        if each.place in places and each.argument is not None and each.argument not in names:
            names[each.argument] = _free(each.argument[1], {*taken, *names.values()})
    body = _replaced(skill.body, ("body",), places, names)
    required = [*skill.params.get("required", ()), *names.values()]
    return replace(skill, body=tuple(body), params={**skill.params, "required": required})


def _free(name: str, taken: Collection[str]) -> str:
    return next(each for n in range(1, 1000) if (each := name if n == 1 else f"{name}_{n}") not in taken)


def _replaced(node: Any, path: Path, places: Collection[str], names: Mapping[tuple[str, str], str]) -> Any:
    if isinstance(node, list | tuple):
        return [_replaced(part, (*path, place), places, names) for place, part in enumerate(node)]
    if not isinstance(node, Mapping):
        return node
    new = {key: _replaced(part, (*path, key), places, names) for key, part in node.items()}
    if node.get("do") == "call":
        for name in node["args"]:
            if "/".join(map(str, (*path, "args", name))) in places:
                new["args"][name] = {"param": names[node["tool"], name]}
    return new
