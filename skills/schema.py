"""The schema of the program language: every statement, expression, predicate and guard there is."""

from __future__ import annotations

from typing import Any


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{name}"}


def _shape(required: str, **properties: Any) -> dict[str, Any]:
    """A closed object; `required` names its obligatory keys, a blank apart.

    What fails fast stands first: a validator goes through the keywords in their order.
    """
    return {
        "type": "object",
        "required": required.split(),
        "additionalProperties": False,
        "properties": properties,
    }


def _many(items: dict[str, Any], **bounds: int) -> dict[str, Any]:
    return {"type": "array", "items": items, **bounds}


TEXT = {"type": "string", "maxLength": 4000}
NAME = {"type": "string", "maxLength": 64}
ID = {"type": "string", "pattern": "^(?!(open|last)$)[A-Za-z0-9_.-]{1,64}$"}
"""A statement's name; `open` and `last` are what was seen first and last."""
COUNT = {"type": "integer", "minimum": 0, "maximum": 1000}
BODY = _many(_ref("stmt"), maxItems=200)
PAIR = _many(_ref("expr"), minItems=2, maxItems=2)
VALUES = _many({}, maxItems=100)

COMPARISONS = ("eq", "ne", "le", "lt", "ge", "gt", "fits")
"""Predicates of two expressions; the first `fits` the second where they are equal or the second is null."""
SUMS = ("add", "sub", "mul", "less_percent", "plus_percent")
"""What can be computed of two numbers; percentages are rounded in the seller's favour, to whole numbers."""

_EXPRS = [
    _shape("const", const={}),
    _shape("param", param=NAME),
    _shape("ref path", ref=NAME, path=TEXT),
    _shape("row path", row=NAME, path=TEXT),
    _shape("col", col=TEXT),
    _shape("fmt of", fmt=TEXT, of=_many(_ref("expr"), maxItems=20)),
    _shape("cast of", cast={"enum": ["integer", "number", "string", "boolean"]}, of=_ref("expr")),
    _shape("shift of", shift=_ref("expr"), of=_ref("expr")),
    _shape("word of", word={"type": "integer"}, of=_ref("expr")),
    _shape("list", list=_many(_ref("expr"), maxItems=100)),
    _shape("around of", around=_ref("expr"), of=_ref("expr")),
    _shape(
        "seen key",
        seen=TEXT,
        key=NAME,
        **{"with": {"type": "object", "additionalProperties": TEXT, "maxProperties": 20}},
        updates=_many(_shape("at key", at=TEXT, key=NAME), maxItems=5),
    ),
    _shape("told form", told=TEXT, form=TEXT),
    _shape("field form of", field=NAME, form=TEXT, of=_ref("expr")),
    _shape("lookup of", lookup=_many(_many({}, minItems=2, maxItems=2), maxItems=100), of=_ref("expr")),
    _shape("column of", column=TEXT, of=_ref("expr")),
    _shape("after", after={"const": True}),
    _shape("refused", refused=NAME),
    *(_shape(name, **{name: PAIR}) for name in SUMS),
]

_PREDS = [
    *(_shape(name, **{name: PAIR}) for name in COMPARISONS),
    _shape("in", **{"in": PAIR}),
    _shape("truthy", truthy=_ref("expr")),
    _shape("missing", missing=_ref("expr")),
    _shape("not", **{"not": _ref("pred")}),
    _shape("all", all=_many(_ref("pred"), maxItems=20)),
]

_STMTS = [
    _shape(
        "do id tool args",
        do={"const": "call"},
        id=ID,
        tool=NAME,
        args={"type": "object", "additionalProperties": _ref("expr"), "maxProperties": 64},
        expect=_many(_ref("pred"), maxItems=20),
        may_refuse={"type": "boolean"},
    ),
    _shape(
        "do id from",
        do={"const": "select"},
        id=ID,
        **{"from": _ref("expr")},
        where=_many(_ref("pred"), maxItems=20),
        by={
            "anyOf": [
                {"enum": ["first", "any"]},
                _shape("min", min=_ref("expr")),
                _shape("max", max=_ref("expr")),
            ]
        },
        distinct=_shape("tool", tool=NAME, held=_ref("expr")),
        join=_shape("from where", **{"from": _ref("expr")}, where=_many(_ref("pred"), maxItems=20)),
    ),
    _shape("do id over body", do={"const": "foreach"}, id=ID, over=_ref("expr"), body=BODY, max=COUNT),
    _shape("do cond then", do={"const": "if"}, cond=_ref("guard"), then=BODY, **{"else": BODY}),
    _shape(
        "do on cases",
        do={"const": "switch"},
        on=_ref("expr"),
        cases=_many(_shape("is body", **{"is": VALUES}, body=BODY), maxItems=100),
    ),
    _shape("do id body again", do={"const": "retry"}, id=ID, body=BODY, again=_ref("guard"), max=COUNT),
    _shape("do", do={"const": "done"}),
]

PROGRAM_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Practicum skill",
    "type": "object",
    "properties": {
        "ir": {"type": "integer"},
        "name": {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,39}$"},
        "version": {"type": "integer", "minimum": 1},
        "env": {"type": "string", "maxLength": 100},
        "env_version": {"type": "integer", "minimum": 0},
        "params": {
            "type": "object",
            "properties": {
                "properties": {"type": "object"},
                "required": {"type": "array", "items": {"type": "string"}},
            },
        },
        "pre": _many(_ref("pred"), maxItems=50),
        "body": BODY,
        "post": _many(_ref("pred"), maxItems=50),
        "returns": TEXT,
        "effects": _shape(
            "", read_only={"type": "boolean"}, destructive={"type": "boolean"}, open_world={"type": "boolean"}
        ),
        "max_calls": {"type": "integer", "minimum": 1, "maximum": 1000},
        "description": TEXT,
        "evidence": {"type": "object"},
        "hash": TEXT,
    },
    "required": ["ir", "name", "version", "env", "env_version", "params", "body"],
    "additionalProperties": False,
    "$defs": {
        "stmt": {"oneOf": _STMTS},
        "expr": {"oneOf": _EXPRS},
        "pred": {"oneOf": _PREDS},
        "guard": _shape("on yes no", on={"anyOf": [_ref("expr"), _ref("pred")]}, yes=VALUES, no=VALUES),
    },
}
"""JSON Schema of a skill's record."""
