"""Skill: a parameterised program of calls, guards and selections, with its evidence; JSON in and out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any

from practicum.skills.schema import PROGRAM_SCHEMA

IR = 1
"""Version of the program language."""
LARGEST_PROGRAM = 256_000
"""Characters of a program's JSON; the largest that is read."""
DEEPEST = 40
"""Most levels of statements and expressions in each other."""

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

    @cached_property
    def constants(self) -> tuple[Any, ...]:
        """The constants of the program, in its order; truth values, null and the empty text are none."""
        found = [node["const"] for node in nodes_in([self.pre, self.body, self.post]) if "const" in node]
        known = {_canonical(value): value for value in found if value != "" and value is not None}
        return tuple(value for value in known.values() if not isinstance(value, bool))

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
    _check_size(record)
    wrong = next(_validator().iter_errors(record), None)
    if wrong is not None:
        where = "/".join(map(str, wrong.absolute_path)) or "the record"
        raise BadSkill(f"no skill: {where}: {wrong.message[:200]}")
    if record["ir"] != IR:
        raise BadSkill(f"no skill: it is written in version {record['ir']} of the language, this knows {IR}")
    known: dict[str, Any] = {}
    for node in nodes_in(record["body"]):
        if "do" in node and "id" in node and known.setdefault(node["id"], node) != node:
            raise BadSkill(f"no skill: two different statements are called {node['id']!r}")


def _check_size(record: Any) -> None:
    """Refuse what is too large or too deep to look at; the depth is counted without recursion."""
    stack = [(record, 0)]
    while stack:
        node, depth = stack.pop()
        if depth > 3 * DEEPEST:
            raise BadSkill(f"no skill: its parts are more than {DEEPEST} levels deep")
        parts = node.values() if isinstance(node, Mapping) else node if isinstance(node, list | tuple) else ()
        stack.extend((part, depth + 1) for part in parts)
    try:
        size = len(_canonical(record))
    except (TypeError, ValueError) as error:
        raise BadSkill(f"no skill: it is no JSON: {error}") from None
    if size > LARGEST_PROGRAM:
        raise BadSkill(f"no skill: it has {size} characters, {LARGEST_PROGRAM} is the most")


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator  # here alone: it costs 60 ms to import

    return Draft202012Validator(PROGRAM_SCHEMA)


def calls_in(body: Sequence[Stmt]) -> Iterator[Stmt]:
    """Every call statement, in the order of the program."""
    return (node for node in nodes_in(body) if node.get("do") == "call")


def nodes_in(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every object in a JSON value, outermost first."""
    if isinstance(value, Mapping):
        yield value
        for part in value.values():
            yield from nodes_in(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from nodes_in(part)


def _renamed(program: Json) -> Json:
    """A program whose statements are called by their place in it."""
    names: dict[str, str] = {}
    for node in nodes_in(program):
        if "do" in node and "id" in node:
            names.setdefault(node["id"], f"s{len(names)}")
    return _with_names(program, names)


_NAMING = ("id", "ref", "row", "refused")
"""Keys whose text names a statement."""


def _with_names(value: Json, names: Mapping[str, str]) -> Json:
    if isinstance(value, Mapping):
        new: dict[str, Any] = {
            key: names.get(part, part)
            if key in _NAMING and isinstance(part, str)
            else _with_names(part, names)
            for key, part in value.items()
        }
        if value.get("do") == "switch" and value.get("on") == {"after": True}:
            new["cases"] = [
                {**case, "is": [names.get(each, each) for each in case["is"]]} for case in new["cases"]
            ]
        return new
    if isinstance(value, list | tuple):
        return [_with_names(part, names) for part in value]
    return value


def _plain(value: Any) -> Json:
    """A JSON value made of dicts and lists alone."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain)
