"""JSON with comments is edited in place: what was meant is done, and no other byte changes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practicum.mcp_server.install import jsonc

ENTRY = {"command": "C:\\Programs\\practicum.exe", "args": ["serve", "--env", "flight"]}


def strict_value(text: str) -> Any:
    """An independent reading: comments and trailing commas dropped, the rest is the json module's."""
    return json.loads(
        "".join(without_trailing_commas(list(without_comments(text.removeprefix("\ufeff"))))) or "{}"
    )


def without_comments(text: str) -> Iterator[str]:
    """Whole strings and single other characters, comments left out."""
    place = 0
    while place < len(text):
        if text[place] == '"':
            end = place + 1
            while text[end] != '"':
                end += 2 if text[end] == "\\" else 1
            yield text[place : end + 1]
            place = end + 1
        elif text.startswith("//", place):
            place = next((i for i in range(place, len(text)) if text[i] in "\r\n"), len(text))
        elif text.startswith("/*", place):
            place = text.index("*/", place) + 2
        else:
            if text[place] not in " \t\r\n":
                yield text[place]
            place += 1


def without_trailing_commas(pieces: list[str]) -> Iterator[str]:
    for piece, following in zip(pieces, [*pieces[1:], ""], strict=True):
        if not (piece == "," and following in ("}", "]")):
            yield piece


PIECES = ("", " ", "\n", "\n  ", "\t", "\r\n", "/**/", "/* ü, { */", "/*\n*/", '// "a": {\n', "//\r\n")
TRIVIA = st.lists(st.sampled_from(PIECES), max_size=3).map("".join)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=5,
)


def written(draw: st.DrawFn, value: Any) -> str:
    """A value as text, with comments, spaces and trailing commas wherever they may stand."""
    if not isinstance(value, (dict, list)) or (draw(st.booleans()) and not isinstance(value, dict)):
        return json.dumps(
            value, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 2, "\t"]))
        )
    items = value.items() if isinstance(value, dict) else [(None, item) for item in value]
    parts = []
    for name, item in items:
        label = "" if name is None else f"{json.dumps(name)}{draw(TRIVIA)}:{draw(TRIVIA)}"
        parts.append(f"{draw(TRIVIA)}{label}{written(draw, item)}{draw(TRIVIA)}")
    comma = "," if parts and draw(st.booleans()) else ""
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return f"{opening}{','.join(parts)}{comma}{draw(TRIVIA)}{closing}"


@st.composite
def documents(draw: st.DrawFn, *, servers: bool | None = None) -> tuple[str, dict[str, Any]]:
    """A random settings file and what it says."""
    value = draw(st.dictionaries(st.text(max_size=6), VALUES, max_size=4))
    if servers if servers is not None else draw(st.booleans()):
        value["mcpServers"] = draw(st.dictionaries(st.text(max_size=6), VALUES, min_size=1, max_size=3))
    value.get("mcpServers", {}).pop("practicum", None)
    return f"{draw(TRIVIA)}{written(draw, value)}{draw(TRIVIA)}", value


def is_kept(old: str, new: str) -> bool:
    """Whether every character of the old text stands in the new one, in its order."""
    rest = iter(new)
    return all(character in rest for character in old)


@given(documents())
def test_the_reader_and_an_independent_one_read_the_same(document: tuple[str, dict[str, Any]]) -> None:
    text, value = document
    assert jsonc.parse(text) == strict_value(text) == value


@given(documents())
def test_adding_adds_just_that_and_keeps_every_byte(document: tuple[str, dict[str, Any]]) -> None:
    text, value = document
    edited = jsonc.with_member(text, ("mcpServers", "practicum"), ENTRY)
    servers = {**value.get("mcpServers", {}), "practicum": ENTRY}
    assert strict_value(edited) == {**value, "mcpServers": servers}
    assert is_kept(text, edited)
    kept = [re.findall(r"/\*.*?\*/|//[^\r\n]*", each, re.DOTALL) for each in (text, edited)]
    assert len(kept[0]) == len(kept[1])


@given(documents(servers=True))
def test_removing_what_was_added_gives_the_same_bytes_back(document: tuple[str, dict[str, Any]]) -> None:
    text, value = document
    if not value["mcpServers"]:
        return
    edited = jsonc.with_member(text, ("mcpServers", "practicum"), ENTRY)
    assert jsonc.without_member(edited, ("mcpServers", "practicum")) == text


@given(documents(servers=True), st.data())
def test_removing_any_member_removes_just_that(
    document: tuple[str, dict[str, Any]], data: st.DataObject
) -> None:
    text, value = document
    if not value["mcpServers"]:
        return
    name = data.draw(st.sampled_from(sorted(value["mcpServers"])))
    edited = jsonc.without_member(text, ("mcpServers", name))
    del value["mcpServers"][name]
    assert strict_value(edited) == value
    assert is_kept(edited, text)


@given(documents(servers=True), VALUES, st.data())
def test_changing_a_member_changes_just_that(
    document: tuple[str, dict[str, Any]], new: Any, data: st.DataObject
) -> None:
    text, value = document
    if not value["mcpServers"]:
        return
    name = data.draw(st.sampled_from(sorted(value["mcpServers"])))
    edited = jsonc.with_member(text, ("mcpServers", name), new)
    assert strict_value(edited) == {**value, "mcpServers": {**value["mcpServers"], name: new}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", '{\n  "s": {\n    "x": 1\n  }\n}\n'),
        ("// mine", '// mine\n{\n  "s": {\n    "x": 1\n  }\n}\n'),
        ("{}", '{\n  "s": {\n    "x": 1\n  }\n}'),
        ("{}\n", '{\n  "s": {\n    "x": 1\n  }\n}\n'),
        ('{"s": {"a": 1}}', '{"s": {"a": 1, "x": 1}}'),
        ('{\n\t"s": {\n\t\t"a": 1\n\t}\n}\n', '{\n\t"s": {\n\t\t"a": 1,\n\t\t"x": 1\n\t}\n}\n'),
        ('{\n  "s": {\n    "a": 1, // one\n  },\n}', '{\n  "s": {\n    "a": 1, // one\n    "x": 1,\n  },\n}'),
        ('{\n  "s": {\n    "a": 1 // one\n  }\n}', '{\n  "s": {\n    "a": 1, // one\n    "x": 1\n  }\n}'),
        ('{\r\n    "a": 1\r\n}', '{\r\n    "a": 1,\r\n    "s": {\r\n        "x": 1\r\n    }\r\n}'),
        ('\ufeff{"a": 1}', '\ufeff{"a": 1, "s": {"x": 1}}'),
    ],
)
def test_an_addition_looks_as_the_file_does(text: str, expected: str) -> None:
    assert jsonc.with_member(text, ("s", "x"), 1) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "line 1, column 2: the end"),
        ('{"a": }', "column 7: '}', where a value was expected"),
        ('{"a" 1}', "where : was expected"),
        ('{"a": 1 "b": 2}', "where , was expected"),
        ("{,}", "','"),
        ('{"a": nul}', "'nul' is no JSON value"),
        ('{"a": NaN}', "'NaN' is no JSON value"),
        ('{"a": 1}}', "'}' after the end"),
        ('{"a": "x\ny"}', "column 7"),
        ('{"a": /* never closed', "column 7"),
        ('{"a": "\\q"}', "is no JSON value"),
        ("[" * 5_000, "nested deeper than 200 levels"),
        ("[1]", "the whole is [1], expected an object"),
        ('{"s": 1}', "s is 1, expected an object"),
        ('{"s": {}, "s": {}}', "'s' stands twice"),
    ],
)
def test_a_text_that_cannot_be_edited_is_refused_with_the_place(text: str, reason: str) -> None:
    with pytest.raises(jsonc.BrokenTextError) as refused:
        jsonc.with_member(text, ("s", "x"), 1)
    assert reason in str(refused.value)
