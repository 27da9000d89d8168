"""Skill: a parameterised program of calls, guards and selections, with its evidence; JSON in and out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from practicum.skills.check import flaw_in

IR = 1
"""Version of the program language."""

Json = Any
Expr = Mapping[str, Any]
Pred = Mapping[str, Any]
Stmt = Mapping[str, Any]


class BadSkill(ValueError):  # noqa: N818  # named for what the reader is told
    """A record is no skill; says where and why in one line."""


@dataclass(frozen=True, slots=True)
class Effects:
    """What a skill may do to the world: of its tools' marks, destructive by OR, read-only by AND."""

    read_only: bool = False
    destructive: bool = False
    open_world: bool = False


@dataclass(frozen=True)
class Skill:
    """A program that does a job in one environment. Immutable under its name and version.

    `pre`, `body` and `post` are JSON as `PROGRAM_SCHEMA` describes it; `practicum.skills.text` shows them to
    people.
    """

    name: str
    version: int
    env: str
    """Short name of the environment."""
    env_version: int
    params: Mapping[str, Any]
    """JSON schema of its arguments, flat and closed. An argument that is left out means the parameter of the
    same name of the session's task."""
    body: tuple[Stmt, ...]
    pre: tuple[Pred, ...] = ()
    """What must hold before the first call."""
    post: tuple[Pred, ...] = ()
    """What must hold at the end."""
    effects: Effects = Effects()
    returns: str = ""
    """What its last result tells, in the environment's words."""
    max_calls: int = 60
    description: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def env_id(self) -> str:
        """The versioned name of its environment, such as `flight-v1`."""
        return f"{self.env}-v{self.env_version}"

    @cached_property
    def hash(self) -> str:
        """32 hex digits over what it does; its name, evidence and statements' names do not count."""
        program = [_plain(part) for part in (self.pre, self.body, self.post)]
        params = sorted(self.params.get("properties", {}))
        content = [IR, self.env, self.env_version, params, _renamed(program), self.max_calls]
        return hashlib.sha256(_canonical(content).encode()).hexdigest()[:32]

    @cached_property
    def tools(self) -> tuple[str, ...]:
        """The tools that its calls name, in the order of the program."""
        return tuple(dict.fromkeys(call["tool"] for call in calls_in(self.body)))

    def named(self, name: str, version: int = 1, description: str = "") -> Skill:
        """The same program under another name."""
        return replace(self, name=name, version=version, description=description or self.description)

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object, `hash` included."""
        return {
            "ir": IR,
            "name": self.name,
            "version": self.version,
            "env": self.env,
            "env_version": self.env_version,
            "params": _plain(self.params),
            "pre": _plain(self.pre),
            "body": _plain(self.body),
            "post": _plain(self.post),
            "returns": self.returns,
            "effects": {name: getattr(self.effects, name) for name in Effects.__dataclass_fields__},
            "max_calls": self.max_calls,
            "description": self.description,
            "evidence": _plain(self.evidence),
            "hash": self.hash,
        }

    @classmethod
    def from_json(cls, record: Any) -> Skill:
        """Read what `as_json` wrote; the hash is computed anew.

        Raises:
            BadSkill: it is no program of this language; says where and why.
        """
        check_program(record)
        return cls(
            name=record["name"],
            version=record["version"],
            env=record["env"],
            env_version=record["env_version"],
            params=record["params"],
            body=tuple(record["body"]),
            pre=tuple(record.get("pre", ())),
            post=tuple(record.get("post", ())),
            effects=Effects(**record.get("effects", {})),
            returns=record.get("returns", ""),
            max_calls=record.get("max_calls", 60),
            description=record.get("description", ""),
            evidence=record.get("evidence", {}),
        )


def check_program(record: Any) -> None:
    """See that a record is a skill of this language.

    Raises:
        BadSkill: says where and why, in one line.
    """
    flaw = flaw_in(record)
    if flaw is not None:
        raise BadSkill(f"no skill: {flaw}")
    if record["ir"] != IR:
        raise BadSkill(f"no skill: it is written in version {record['ir']} of the language, this knows {IR}")
    known: dict[str, Any] = {}
    for node in nodes_in(record["body"]):
        if "do" in node and "id" in node and known.setdefault(node["id"], node) != node:
            raise BadSkill(f"no skill: two different statements are called {node['id']!r}")


def calls_in(body: Sequence[Stmt]) -> Iterator[Stmt]:
    """Every call statement, in the order of the program."""
    return (node for node in nodes_in(body) if node.get("do") == "call")


_VALUES = ("const", "lookup", "yes", "no", "is", "with")
"""Keys of a program under which stands no part of it, but values."""


def nodes_in(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every object in a part of a program, outermost first; what stands in its values is no part of it.

    Equal programs are gone through in the same order, however their keys are ordered: `else` comes last.
    """
    if isinstance(value, Mapping):
        yield value
        for key, part in sorted(value.items(), key=lambda item: item[0] == "else"):
            if key == "args" and isinstance(part, Mapping):
                yield from nodes_in(list(part.values()))
            elif key not in _VALUES:
                yield from nodes_in(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from nodes_in(part)


def _renamed(program: Json) -> Json:
    """A program whose statements are called by their place in it, by numbers that no text is equal to."""
    names: dict[Any, int] = {}
    for node in nodes_in(program):
        if "do" in node and "id" in node:
            names.setdefault(node["id"], len(names))
    return _with_names(program, names)


_NAMING = ("id", "ref", "row", "refused")
"""Keys whose text names a statement."""


def _with_names(value: Json, names: Mapping[Any, int]) -> Json:
    if isinstance(value, list | tuple):
        return [_with_names(part, names) for part in value]
    if not isinstance(value, Mapping):
        return value
    new = {key: _named_anew(key, part, names) for key, part in value.items()}
    if value.get("on") == {"after": True}:
        known = {key: _each_named(value[key], names) for key in ("yes", "no") if key in value}
        cases = [{**case, "is": _each_named(case["is"], names)} for case in new.get("cases", ())]
        new |= known | ({"cases": cases} if cases else {})
    return new


def _named_anew(key: str, part: Json, names: Mapping[Any, int]) -> Json:
    if key in _NAMING and isinstance(part, str):
        return names.get(part, part)
    if key == "args":
        return {name: _with_names(expr, names) for name, expr in part.items()}
    return part if key in _VALUES else _with_names(part, names)


def _each_named(values: Sequence[Any], names: Mapping[Any, int]) -> list[Any]:
    return [names.get(each, each) if isinstance(each, str) else each for each in values]


def _plain(value: Any) -> Json:
    """A JSON value made of dicts and lists alone."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain)
