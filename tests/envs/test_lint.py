"""A tool that some client refuses is complained about, with what to do."""

import pytest

from practicum.envs.lint import lint_tool

GOOD_SCHEMA = {
    "type": "object",
    "properties": {
        "word": {"type": "string", "description": "A word."},
        "kinds": {"type": "array", "items": {"type": "string", "enum": ["a"]}, "description": "Some."},
    },
    "required": ["word"],
    "additionalProperties": False,
}


def shaped(**shape):
    return GOOD_SCHEMA | {"properties": {"word": {"description": "A word.", **shape}}}


def test_a_flat_described_tool_has_no_complaints():
    assert lint_tool("go_there", "Go.", GOOD_SCHEMA) == []


@pytest.mark.parametrize(
    ("schema", "complaint"),
    [
        ({"type": "string"}, "must be an object"),
        (GOOD_SCHEMA | {"additionalProperties": True}, '"additionalProperties": false'),
        (GOOD_SCHEMA | {"$defs": {}}, "uses $defs"),
        (GOOD_SCHEMA | {"required": ["other"]}, "'other' is required but is no property"),
        (shaped(type="string", description=" "), "'word' has no description"),
        (shaped(anyOf=[{"type": "string"}]), "'word' uses anyOf"),
        (shaped(**{"$ref": "#/x"}), "'word' uses $ref"),
        (shaped(type=["string", "null"]), "'word' is a union of string, null"),
        (shaped(type="null"), "'word' is of type null"),
        (shaped(type="object"), "'word' is of type object"),
        (shaped(type="array", prefixItems=[{"type": "string"}]), "'word' uses prefixItems"),
        (shaped(type="array"), "'word' is a list of unknown items"),
        (
            shaped(type="array", items={"type": "array"}),
            "'word' is a list, each item of which is of type array",
        ),
        (shaped(type="array", items={"oneOf": []}), "'word' is a list, each item of which uses oneOf"),
        (shaped(type="string", enum=["a", None]), "'word' has an enum of other than scalars"),
        (shaped(), "'word' is of type None"),
        (GOOD_SCHEMA | {"properties": {"word": True}}, "'word' has no schema of its own"),
        (
            GOOD_SCHEMA | {"properties": {"two words": {"type": "string", "description": "x"}}},
            "letters, digits and _",
        ),
    ],
)
def test_a_schema_that_some_client_refuses_is_complained_about(schema, complaint):
    assert any(complaint in found for found in lint_tool("go", "Go.", schema))


@pytest.mark.parametrize("name", ["Go", "go-there", "1go", "", "go there", "g" * 41, "gö", "go\n"])
def test_a_name_that_some_client_refuses_is_complained_about(name):
    assert "the name must be" in lint_tool(name, "Go.", GOOD_SCHEMA)[0]


def test_a_missing_or_long_description_is_complained_about():
    assert "there is no description" in lint_tool("go", " ", GOOD_SCHEMA)[0]
    assert lint_tool("go", "x" * 1000, GOOD_SCHEMA) == []
    assert "has 1001 characters; 1000 is the most" in lint_tool("go", "x" * 1001, GOOD_SCHEMA)[0]


def test_an_open_object_is_allowed_where_it_is_named():
    schema = GOOD_SCHEMA | {"properties": {"word": {"type": "object", "description": "Anything."}}}
    assert lint_tool("run_skill", "Run.", schema, open_objects=("word",)) == []
    assert lint_tool("run_skill", "Run.", schema) != []
