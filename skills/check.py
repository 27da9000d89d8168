"""Check: what is wrong with a record that should be a skill, in one line.

The record is held against `PROGRAM_SCHEMA` part by part. Its keys tell which statement, expression or
predicate a part is, so that a check takes time in proportion to the record's length, whatever it holds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from practicum.skills.schema import PROGRAM_SCHEMA

LARGEST_PROGRAM = 256_000
"""Characters of a program's JSON; the largest that is read."""
DEEPEST = 40
"""Most statements in each other; of expressions and lists, three times as many."""

Schema = Mapping[str, Any]
Place = tuple[str | int, ...]
Flaws = Iterator[tuple[Place, str]]


def flaw_in(record: Any) -> str | None:
    """What is wrong with a record, and where; None where nothing is."""
    flaw = _unreadable(record)
    if flaw is None:
        place, flaw = next(_flaws(record, PROGRAM_SCHEMA, ()), ((), None))
        flaw = flaw and f"{'/'.join(map(str, place)) or 'the record'}: {flaw}"
    return flaw and "".join(sign if sign.isprintable() else "?" for sign in flaw[:300])


def _unreadable(record: Any) -> str | None:
    """Why a record cannot be looked at; its depth is counted without recursion."""
    parts = [(record, 0)]
    while parts:
        part, depth = parts.pop()
        if depth > 3 * DEEPEST:
            return f"its parts are more than {3 * DEEPEST} levels deep"
        if isinstance(part, Mapping) and not all(isinstance(key, str) for key in part):
            return "it is no JSON: a key is no text"
        parts += [(each, depth + 1) for each in _parts_of(part)]
    try:
        size = len(json.dumps(record, allow_nan=False))
    except (TypeError, ValueError) as error:
        return f"it is no JSON: {error}"
    return f"it has {size} characters, {LARGEST_PROGRAM} is the most" if size > LARGEST_PROGRAM else None


def _parts_of(part: Any) -> Sequence[Any]:
    if isinstance(part, Mapping):
        return list(part.values())
    return part if isinstance(part, list | tuple) else ()


def _flaws(value: Any, schema: Schema, place: Place) -> Flaws:
    """What in a value a schema does not allow, the first first."""
    if "$ref" in schema:
        schema = PROGRAM_SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
    if "oneOf" in schema or "anyOf" in schema:
        yield from _choice_flaws(value, _choices(schema), place)
    elif not _is_a(schema.get("type"), value):
        yield place, f"{_shown(value)} is no {schema['type']}"
    elif isinstance(value, Mapping):
        yield from _object_flaws(value, schema, place)
    elif isinstance(value, list | tuple):
        yield from _list_flaws(value, schema, place)
    else:
        yield from _scalar_flaws(value, schema, place)


def _choices(schema: Schema) -> list[Schema]:
    """What a value may be, references resolved."""
    found: list[Schema] = []
    for each in schema.get("oneOf", schema.get("anyOf", ())):
        of = PROGRAM_SCHEMA["$defs"][each["$ref"].rpartition("/")[2]] if "$ref" in each else each
        found += _choices(of) if "oneOf" in of else [of]
    return found


def _choice_flaws(value: Any, choices: Sequence[Schema], place: Place) -> Flaws:
    """Hold a value against that of several shapes whose name it bears."""
    named = {_name_of(shape): shape for shape in choices if "properties" in shape}
    words = [word for shape in choices for word in shape.get("enum", ())]
    if not isinstance(value, Mapping):
        if value not in words:
            yield place, f"{_shown(value)} is none of {', '.join([*words, *named])}"
        return
    found = [value["do"]] if "do" in value else [name for name in named if name in value]
    if len(found) != 1 or not isinstance(found[0], str) or found[0] not in named:
        yield place, f"{_shown(value)} is none of {', '.join(named)}"
    else:
        yield from _object_flaws(value, named[found[0]], place)


def _name_of(shape: Schema) -> str:
    """The key that tells an expression or predicate, or the word that tells a statement."""
    name: str = shape["required"][0]
    return shape["properties"]["do"]["const"] if name == "do" else name


def _object_flaws(value: Mapping[str, Any], schema: Schema, place: Place) -> Flaws:
    known, more = schema.get("properties", {}), schema.get("additionalProperties", True)
    yield from ((place, f"it has no {name!r}") for name in schema.get("required", ()) if name not in value)
    if len(value) > schema.get("maxProperties", len(value)):
        yield place, f"it has {len(value)} entries, {schema['maxProperties']} is the most"
    for name, part in value.items():
        if name in known or isinstance(more, Mapping):
            yield from _flaws(part, known.get(name, more), (*place, name))
        elif more is False:
            yield place, f"{_shown(name)} is not known here; known are {', '.join(known)}"


def _list_flaws(value: Sequence[Any], schema: Schema, place: Place) -> Flaws:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        least, most = schema.get("minItems", 0), schema.get("maxItems", "any")
        yield place, f"it has {len(value)} items, expected {least} to {most}"
    for number, part in enumerate(value):
        yield from _flaws(part, schema.get("items", {}), (*place, number))


_LIMITS: Mapping[str, tuple[Callable[[Any, Any], bool], str]] = {
    "const": (lambda value, only: value is only or value == only, "must be"),
    "enum": (lambda value, words: value in words, "must be one of"),
    "pattern": (lambda value, pattern: re.fullmatch(pattern, value) is not None, "must be like"),
    "maxLength": (lambda value, most: len(value) <= most, "may have as many characters as"),
    "minimum": (lambda value, least: value >= least, "must be at least"),
    "maximum": (lambda value, most: value <= most, "must be at most"),
}


def _scalar_flaws(value: Any, schema: Schema, place: Place) -> Flaws:
    for name, (keeps, words) in _LIMITS.items():
        if name in schema and not keeps(value, schema[name]):
            yield place, f"{_shown(value)} {words} {_shown(schema[name])}"


_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "object": Mapping,
    "array": (list, tuple),
    "string": str,
    "integer": int,
    "boolean": bool,
}


def _is_a(name: str | None, value: Any) -> bool:
    """Whether a value is of a JSON type; a truth value is no integer."""
    if name is None:
        return True
    return isinstance(value, _TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
