"""Programs for property tests: any that the schema allows, real ones gone wrong, plain nonsense."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from practicum.skills.language import Skill
from practicum.skills.schema import PROGRAM_SCHEMA
from tests.skills.stall_skills import BUY, TIMID

Json = Any
NAMES = (
    "s0",
    "s1",
    "s2",
    "fruit",
    "budget",
    "pay",
    "search",
    "reserve",
    "open",
    "last",
    "id",
    "price",
    "const",
)
TEXTS = (
    "",
    "/offers",
    "/status",
    "/offers/0/id",
    "id",
    "price",
    "/-1",
    "{0} {1}",
    "{a} is {b:d}[ or so]",
    "\ud800",
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from([10**400, -(10**18), 1e308, float("nan"), float("-inf")]),
    st.text(max_size=5),
    st.sampled_from(NAMES + TEXTS),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
READABLE = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.sampled_from(NAMES + TEXTS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=5,
)
"""JSON without what JSON does not have."""


def _of(schema: dict[str, Any]) -> st.SearchStrategy[Json]:
    """What a schema allows."""
    if "$ref" in schema:
        return PARTS[schema["$ref"].rpartition("/")[2]]
    for many in ("oneOf", "anyOf"):
        if many in schema:
            return st.one_of([_of(each) for each in schema[many]])
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "type" not in schema:
        return READABLE
    return _TYPES[schema["type"]](schema)


def _object(schema: dict[str, Any]) -> st.SearchStrategy[Json]:
    shapes = {name: _of(each) for name, each in schema.get("properties", {}).items()}
    if isinstance(schema.get("additionalProperties"), dict):
        return st.dictionaries(st.sampled_from(NAMES), _of(schema["additionalProperties"]), max_size=3)
    required = {name: shapes.pop(name) for name in schema.get("required", ())}
    return st.fixed_dictionaries(required, optional=shapes)


def _array(schema: dict[str, Any]) -> st.SearchStrategy[Json]:
    least = schema.get("minItems", 0)
    return st.lists(_of(schema.get("items", {})), min_size=least, max_size=max(least, 2))


_TYPES = {
    "object": _object,
    "array": _array,
    "string": lambda schema: st.sampled_from(NAMES if schema.get("maxLength", 0) < 100 else TEXTS),
    "integer": lambda schema: st.integers(schema.get("minimum", -3), min(schema.get("maximum", 3), 3)),
    "boolean": lambda schema: st.booleans(),
}
PARTS: dict[str, st.SearchStrategy[Json]] = {
    name: st.deferred(lambda schema=schema: _of(schema)) for name, schema in PROGRAM_SCHEMA["$defs"].items()
}
"""Statements, expressions, predicates and guards that the schema allows."""


def statements_in(node: Json) -> Iterator[dict[str, Any]]:
    """Every statement of a body, outermost first."""
    for stmt in node:
        yield stmt
        for key in ("body", "then", "else"):
            yield from statements_in(stmt.get(key, ()))
        for case in stmt.get("cases", ()):
            yield from statements_in(case["body"])


@st.composite
def skills(draw: st.DrawFn, env: str = "stall") -> Skill:
    """A well-formed skill, its statements called s0, s1 and so on."""
    body = draw(st.lists(PARTS["stmt"], min_size=1, max_size=4))
    for number, stmt in enumerate(statements_in(body)):
        if "id" in stmt:
            stmt["id"] = f"s{number}"
    preds = st.lists(PARTS["pred"], max_size=2).map(tuple)
    return Skill(
        "skill_any", 1, env, 1, {"type": "object"}, tuple(body), draw(preds), draw(preds), max_calls=8
    )


def places_in(node: Json) -> Iterator[tuple[Any, Any]]:
    """Every container of a JSON value with each of its keys."""
    for key, part in list(node.items()) if isinstance(node, dict) else list(enumerate(node)):
        yield node, key
        if isinstance(part, dict | list):
            yield from places_in(part)


@st.composite
def mutants(draw: st.DrawFn) -> dict[str, Any]:
    """The record of a real skill with up to three of its parts replaced or gone."""
    record = draw(st.sampled_from([BUY, TIMID])).as_json()
    for _ in range(draw(st.integers(1, 3))):
        places = list(places_in({key: record[key] for key in ("pre", "body", "post")}))
        holder, key = draw(st.sampled_from(places[3:]))
        if draw(st.booleans()):
            holder[key] = draw(JSON | PARTS["expr"])
        elif isinstance(holder, dict):
            del holder[key]
    return record


def as_it_is(record: Any) -> Skill:
    """A skill of a record that nobody checked."""
    parts = {name: record.get(name, ()) for name in ("pre", "body", "post")}
    return Skill("skill_any", 1, "stall", 1, {}, **parts)
