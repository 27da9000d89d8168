"""Text: a skill's program as people read it, one statement a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from practicum.skills.language import Skill

_SIGNS = {"eq": "==", "ne": "!=", "le": "<=", "lt": "<", "ge": ">=", "gt": ">", "fits": "fits"}
_SUMS = {
    "add": "{} + {}",
    "sub": "{} - {}",
    "mul": "{} * {}",
    "less_percent": "{} less {}%",
    "plus_percent": "{} plus {}%",
}


def as_text(skill: Skill) -> str:
    """The program, indented by two blanks a level."""
    lines = [f"{skill.name} v{skill.version} in {skill.env_id}"]
    lines += [f"only if {pred_text(pred)}" for pred in skill.pre]
    lines += _lines(skill.body, 0)
    lines += [f"then {pred_text(pred)}" for pred in skill.post]
    return "\n".join(lines)


def _lines(body: Sequence[Any], level: int) -> Iterator[str]:
    for stmt in body:
        for line in _STATEMENTS[stmt["do"]](stmt, level):
            yield line


def _at(level: int, text: str) -> str:
    return "  " * level + text


def _call(stmt: Mapping[str, Any], level: int) -> Iterator[str]:
    args = ", ".join(f"{name}={expr_text(expr)}" for name, expr in stmt["args"].items())
    name = "" if stmt["id"] == stmt["tool"] else f"{stmt['id']}: "
    yield _at(level, f"{name}{stmt['tool']}({args})")
    for pred in stmt.get("expect", ()):
        yield _at(level + 1, f"expect {pred_text(pred)}")


def _select(stmt: Mapping[str, Any], level: int) -> Iterator[str]:
    by = stmt.get("by", "first")
    how = by if isinstance(by, str) else " ".join(f"{way} {expr_text(expr)}" for way, expr in by.items())
    yield _at(level, f"{stmt['id']} = {how} of {expr_text(stmt['from'])}")
    for pred in stmt.get("where", ()):
        yield _at(level + 1, f"where {pred_text(pred)}")
    if "join" in stmt:
        fits = " and ".join(pred_text(pred) for pred in stmt["join"]["where"]) or "anything"
        yield _at(level + 1, f"with one of {expr_text(stmt['join']['from'])} where {fits}, or none")
    if "distinct" in stmt:
        held = stmt["distinct"].get("held")
        unless = f" unless it is {expr_text(held)}" if held else ""
        yield _at(level + 1, f"not one that {stmt['distinct']['tool']} was given before{unless}")


def _if(stmt: Mapping[str, Any], level: int) -> Iterator[str]:
    guard = stmt["cond"]
    yield _at(level, f"if {_side(guard, 'yes')}:")
    yield from _lines(stmt["then"], level + 1)
    if guard["no"]:
        yield _at(level, f"else if {_side(guard, 'no')}:")
        yield from _lines(stmt.get("else", ()), level + 1)


def _side(guard: Mapping[str, Any], side: str) -> str:
    on, values = guard["on"], guard[side]
    if values == [True]:
        return _look(on)
    if values == [False]:
        return f"not {_look(on)}"
    return f"{_look(on)} is {' or '.join(map(repr, values))}"


def _look(on: Mapping[str, Any]) -> str:
    return pred_text(on) if next(iter(on), "") in _PREDICATES else expr_text(on)


def _switch(stmt: Mapping[str, Any], level: int) -> Iterator[str]:
    yield _at(level, f"by {_look(stmt['on'])}:")
    for case in stmt["cases"]:
        yield _at(level + 1, f"{' or '.join(repr(value) for value in case['is'])}:")
        yield from _lines(case["body"], level + 2)


def _foreach(stmt: Mapping[str, Any], level: int) -> Iterator[str]:
    yield _at(level, f"for each {stmt['id']} of {expr_text(stmt['over'])}:")
    yield from _lines(stmt["body"], level + 1)


def _retry(stmt: Mapping[str, Any], level: int) -> Iterator[str]:
    yield _at(
        level,
        f"again and again, at most {stmt.get('max', 'often')} times, while {_side(stmt['again'], 'yes')}:",
    )
    yield from _lines(stmt["body"], level + 1)


_STATEMENTS = {
    "call": _call,
    "select": _select,
    "if": _if,
    "switch": _switch,
    "foreach": _foreach,
    "retry": _retry,
    "done": lambda _, level: iter([_at(level, "done")]),
}


def expr_text(expr: Any) -> str:
    """An expression in words."""
    if not isinstance(expr, Mapping):
        return repr(expr)
    name = next((name for name in expr if name in _EXPRESSIONS), "")
    return _EXPRESSIONS[name](expr) if name else repr(dict(expr))


def _pair(name: str) -> Any:
    return lambda expr: _SUMS[name].format(*map(expr_text, expr[name]))


_EXPRESSIONS: dict[str, Any] = {
    "const": lambda e: repr(e["const"]),
    "param": lambda e: e["param"],
    "ref": lambda e: f"{e['ref']}{e['path']}",
    "row": lambda e: f"{e['row']}{e['path'].replace('/', '.')}",
    "col": lambda e: e["col"],
    "fmt": lambda e: f"{e['fmt']!r} of {', '.join(map(expr_text, e['of']))}",
    "cast": lambda e: f"{e['cast']} {expr_text(e['of'])}",
    "shift": lambda e: f"{expr_text(e['of'])} + {expr_text(e['shift'])}",
    "around": lambda e: f"days up to {expr_text(e['around'])} around {expr_text(e['of'])}",
    "word": lambda e: f"word {e['word']} of {expr_text(e['of'])}",
    "list": lambda e: f"[{', '.join(map(expr_text, e['list']))}]",
    "seen": lambda e: f"all {e['seen']} seen" + (f" by {', '.join(e['with'])}" if e.get("with") else ""),
    "told": lambda e: f"what {e['told']} told as {e['form']!r}",
    "field": lambda e: f"{e['field']} of {e['form']!r} in {expr_text(e['of'])}",
    "lookup": lambda e: (
        f"{expr_text(e['of'])} of {', '.join(f'{key}: {value}' for key, value in e['lookup'])}"
    ),
    "column": lambda e: f"{e['column']} of {expr_text(e['of'])}",
    "after": lambda _: "the last call",
    "refused": lambda e: f"{e['refused']} was refused",
    **{name: _pair(name) for name in _SUMS},
}


def pred_text(pred: Any) -> str:
    """A predicate in words."""
    for name, sign in _SIGNS.items():
        if name in pred:
            return f" {sign} ".join(map(expr_text, pred[name]))
    name = next((name for name in pred if name in _PREDICATES), "")
    return _PREDICATES[name](pred) if name else repr(dict(pred))


_PREDICATES: dict[str, Any] = {
    "in": lambda p: " in ".join(map(expr_text, p["in"])),
    "truthy": lambda p: expr_text(p["truthy"]),
    "missing": lambda p: f"no {expr_text(p['missing'])}",
    "not": lambda p: f"not {pred_text(p['not'])}",
    "all": lambda p: " and ".join(map(pred_text, p["all"])),
    **dict.fromkeys(_SIGNS, pred_text),
}
