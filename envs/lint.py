"""What keeps clients from using a tool: names, schemas and descriptions that some of them refuse.

One bad name makes Claude Desktop drop the whole list, and each client leaves out other corners of JSON
Schema; what passes here is understood by all of them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

LONGEST_NAME = 40
NAME = re.compile(rf"[a-z][a-z0-9_]{{0,{LONGEST_NAME - 1}}}")
LONGEST_ARGUMENT_NAME = 64
ARGUMENT_NAME = re.compile(rf"[a-zA-Z_][a-zA-Z0-9_]{{0,{LONGEST_ARGUMENT_NAME - 1}}}")
HANDLE_ARGUMENTS = ("session_id", "turn")
"""Arguments that a server adds to every action: which session, which turn. No action has them of its own."""
LONGEST_DESCRIPTION = 1000
SCALARS = ("string", "integer", "number", "boolean")
FORBIDDEN = ("$ref", "$defs", "definitions", "anyOf", "oneOf", "allOf", "not", "if", "prefixItems")


def lint_tool(
    name: str, description: str, schema: Mapping[str, Any], *, open_objects: Collection[str] = ()
) -> list[str]:
    """Complaints about a tool, each saying what to do; none when every client can use it.

    Args:
        name: as it is published.
        description: what the agent reads.
        schema: JSON schema of the arguments.
        open_objects: arguments that may be objects of any content.
    """
    complaints = [*_name_complaints(name), *_description_complaints(description), *_object_complaints(schema)]
    properties = schema.get("properties")
    for argument, shape in properties.items() if isinstance(properties, Mapping) else ():
        complaints += _argument_complaints(argument, shape, is_open=argument in open_objects)
    return [f"{name}: {complaint}" for complaint in complaints]


def _name_complaints(name: str) -> Iterator[str]:
    if not NAME.fullmatch(name):
        yield "the name must be a lower-case letter and up to 39 more of a-z, 0-9 and _"


def _description_complaints(description: str) -> Iterator[str]:
    if not description.strip():
        yield "there is no description; write a docstring that tells an agent what it does"
    if len(description) > LONGEST_DESCRIPTION:
        yield f"the description has {len(description)} characters; {LONGEST_DESCRIPTION} is the most"


def _object_complaints(schema: Mapping[str, Any]) -> Iterator[str]:
    if schema.get("type") != "object" or not isinstance(schema.get("properties"), Mapping):
        yield 'the schema must be an object: {"type": "object", "properties": {…}}'
        return
    if schema.get("additionalProperties") is not False:
        yield 'the schema must say "additionalProperties": false'
    for word in FORBIDDEN:
        if word in schema:
            yield f"the schema uses {word}; write flat properties"
    for argument in schema.get("required", ()):
        if argument not in schema["properties"]:
            yield f"{argument!r} is required but is no property"


def _argument_complaints(argument: str, shape: Any, *, is_open: bool) -> Iterator[str]:
    if not ARGUMENT_NAME.fullmatch(argument):
        yield f"argument {argument!r} must be letters, digits and _, at most {LONGEST_ARGUMENT_NAME}"
    if not isinstance(shape, Mapping):
        yield f"argument {argument!r} has no schema of its own"
        return
    if not str(shape.get("description", "")).strip():
        yield f"argument {argument!r} has no description; add it under `Args:` in the docstring"
    if is_open and shape.get("type") == "object":
        return
    complaint = _shape_complaint(shape)
    if complaint:
        yield f"argument {argument!r} {complaint}"


def _shape_complaint(shape: Mapping[str, Any]) -> str:
    if shape.get("type") != "array" or "prefixItems" in shape:
        return _scalar_complaint(shape)
    items = shape.get("items")
    if not isinstance(items, Mapping):
        return "is a list of unknown items; give them one scalar type"
    complaint = _scalar_complaint(items)
    return f"is a list, each item of which {complaint}" if complaint else ""


def _scalar_complaint(shape: Mapping[str, Any]) -> str:
    used = next((word for word in FORBIDDEN if word in shape), None)
    if used is not None:
        return f"uses {used}; use one of {', '.join(SCALARS)}"
    kind = shape.get("type")
    if isinstance(kind, list):
        return (
            f"is a union of {', '.join(map(str, kind))}; choose one type, and leave an optional argument out"
        )
    if kind not in SCALARS:
        return f"is of type {kind}; use one of {', '.join(SCALARS)} or a list of these"
    if any(value is None or isinstance(value, Mapping | list) for value in shape.get("enum", ())):
        return "has an enum of other than scalars"
    return ""
