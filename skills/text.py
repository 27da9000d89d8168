"""Text: a skill's program as people read it, one statement a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from practicum.skills.language import Skill

_SIGNS = {"eq": "==", "ne": "!=", "le": "<=", "lt": "<", "ge": ">=", "gt": ">", "fits": "fits", "in": "in"}
_SUMS = {
    "add": "{} + {}",
    "sub": "{} - {}",
    "mul": "{} * {}",
    "less_percent": "{} less {}%",
    "plus_percent": "{} plus {}%",
}


def as_text(skill: Skill) -> str:
    """The program, indented by two blanks a level; signs that nobody can see are written as escapes."""
    lines = [f"{skill.name} v{skill.version} in {skill.env_id}, at most {skill.max_calls} calls"]
    lines += [f"only if {pred_text(pred)}" for pred in skill.pre]
    lines += _lines(skill.body, 0)
    lines += [f"then {pred_text(pred)}" for pred in skill.post]
    return "\n".join("".join(map(_visible, line)) for line in lines)


def _visible(sign: str) -> str:
    return sign if sign.isprintable() else repr(sign)[1:-1]


def _lines(body: Sequence[Any], level: int) -> Iterator[str]:
    for stmt in body:
        yield from _STATEMENTS[stmt["do"]](stmt, level)


def _at(level: int, text: str) -> str:
    return "  " * level + text


def _call(stmt: Mapping[str, Any], level: int) -> Iterator[str]:
    args = ", ".join(f"{name}={expr_text(expr)}" for name, expr in stmt["args"].items())
    name = "" if stmt["id"] == stmt["tool"] else f"{stmt['id']}: "
    may = " or go on where it is refused" if stmt.get("may_refuse") else ""
    yield _at(level, f"{name}{stmt['tool']}({args}){may}")
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
    if not stmt["then"] and not guard["no"]:
        yield _at(level, f"only where {_side(guard, 'yes')}")
        return
    yield _at(level, f"if {_side(guard, 'yes')}:")
    yield from _lines(stmt["then"], level + 1)
    if guard["no"] or "else" in stmt:
        yield _at(level, f"else if {_side(guard, 'no')}:")
        yield from _lines(stmt.get("else", ()), level + 1)


def _side(guard: Mapping[str, Any], side: str) -> str:
    on, values = guard["on"], guard[side]
    if values == [True] and values[0] is True:
        return _look(on)
    if values == [False] and values[0] is False and _is_pred(on):
        return pred_text(on, negated=True)
    return f"{_look(on)} is {' or '.join(map(repr, values)) or 'nothing known'}"


def _look(on: Mapping[str, Any]) -> str:
    return pred_text(on) if _is_pred(on) else expr_text(on)


def _is_pred(on: Mapping[str, Any]) -> bool:
    return any(name in on for name in (*_SIGNS, *_PREDICATES))


def _switch(stmt: Mapping[str, Any], level: int) -> Iterator[str]:
    yield _at(level, f"by {_look(stmt['on'])}:")
    for case in stmt["cases"]:
        yield _at(level + 1, f"{' or '.join(map(repr, case['is'])) or 'nothing known'}:")
        yield from _lines(case["body"], level + 2)


def _foreach(stmt: Mapping[str, Any], level: int) -> Iterator[str]:
    most = f", {stmt['max']} at most" if "max" in stmt else ""
    yield _at(level, f"for each {stmt['id']} of {expr_text(stmt['over'])}{most}:")
    yield from _lines(stmt["body"], level + 1)


def _retry(stmt: Mapping[str, Any], level: int) -> Iterator[str]:
    most = f", {stmt['max']} times at most" if "max" in stmt else ""
    yield _at(level, f"{stmt['id']}: again and again{most}:")
    yield from _lines(stmt["body"], level + 1)
    again, no = stmt["again"], stmt["again"]["no"]
    end = f"; the end is where {_side(again, 'no')}" if no else ""
    yield _at(level + 1, f"once more while {_side(again, 'yes')}{end}")


_STATEMENTS: Mapping[str, Callable[[Mapping[str, Any], int], Iterator[str]]] = {
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
    name = next((name for name in _EXPRESSIONS if name in expr), "")
    return _EXPRESSIONS[name](expr) if name else repr(dict(expr))


def _more(expr: Mapping[str, Any]) -> str:
    """Where else a table's surroundings stand, and something of its rows."""
    beside = [f"{name} at {path}" for name, path in expr.get("with", {}).items()]
    beside += [f"changed at {each['at']} by {each['key']}" for each in expr.get("updates", ())]
    return f" ({', '.join(beside)})" if beside else ""


def _pair(name: str) -> Any:
    return lambda expr: _SUMS[name].format(*map(expr_text, expr[name]))


_EXPRESSIONS: dict[str, Any] = {
    "const": lambda e: repr(e["const"]),
    "param": lambda e: str(e["param"]),
    "ref": lambda e: f"{e['ref']}{e['path']}",
    "row": lambda e: f"{e['row']}{e['path'].replace('/', '.')}",
    "col": lambda e: e["col"],
    "fmt": lambda e: f"{e['fmt']!r} of {', '.join(map(expr_text, e['of']))}",
    "cast": lambda e: f"{e['cast']} {expr_text(e['of'])}",
    "shift": lambda e: f"{expr_text(e['of'])} + {expr_text(e['shift'])}",
    "around": lambda e: f"days up to {expr_text(e['around'])} around {expr_text(e['of'])}",
    "word": lambda e: f"word {e['word']} of {expr_text(e['of'])}",
    "list": lambda e: f"[{', '.join(map(expr_text, e['list']))}]",
    "seen": lambda e: f"all {e['seen']} seen by {', '.join([e['key'], *e.get('with', ())])}{_more(e)}",
    "told": lambda e: f"what {e['told']} told as {e['form']!r}",
    "field": lambda e: f"{e['field']} of {e['form']!r} in {expr_text(e['of'])}",
    "lookup": lambda e: (
        f"{expr_text(e['of'])} of {', '.join(f'{key!r}: {value!r}' for key, value in e['lookup'])}"
    ),
    "column": lambda e: f"{e['column']} of {expr_text(e['of'])}",
    "after": lambda _: "the last call",
    "refused": lambda e: f"{e['refused']} was refused",
    **{name: _pair(name) for name in _SUMS},
}


_OPPOSITES = {"eq": "!=", "ne": "==", "fits": "does not fit", "in": "not in"}


def pred_text(pred: Any, *, negated: bool = False) -> str:
    """A predicate in words, or its opposite."""
    if not isinstance(pred, Mapping):
        return repr(pred)
    name = next((name for name in pred if name in _SIGNS or name in _PREDICATES), "")
    if name in _SIGNS and (not negated or name in _OPPOSITES):
        return f" {_OPPOSITES[name] if negated else _SIGNS[name]} ".join(map(expr_text, pred[name]))
    if name == "not":
        return pred_text(pred["not"], negated=not negated)
    if name == "missing":
        return f"{'there is' if negated else 'there is no'} {expr_text(pred['missing'])}"
    text = (
        _PREDICATES[name](pred) if name in _PREDICATES else repr(dict(pred)) if not name else pred_text(pred)
    )
    return f"not ({text})" if negated else text


_PREDICATES: dict[str, Any] = {
    "truthy": lambda p: f"{expr_text(p['truthy'])} is set",
    "missing": pred_text,
    "not": pred_text,
    "all": lambda p: " and ".join(map(pred_text, p["all"])) or "always",
}
