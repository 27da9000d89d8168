"""TOML is edited in place: what was meant is done, and no other byte changes."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practicum.mcp_server.install import toml
from practicum.mcp_server.install.jsonc import BrokenTextError

PATH = ("mcp_servers", "practicum")
ENTRY = {"command": "C:\\Programs\\practicum.exe", "args": ["serve", "--env", 'a "b" \x7f ü']}

PIECES = (
    "# a comment with [mcp_servers.practicum] in it\n",
    "\n",
    'model = "x" # why\n',
    'trust = { level = 3, "mcp_servers.practicum" = 1 }\n',
    'text = """\n[mcp_servers.practicum]\ncommand = 1\n"""\n',
    "raw = '''\n[mcp_servers.practicum]'''\n",
    "list = [\n  1, # one ]\n  [2],\n]\n",
)
TABLES = (
    '[mcp_servers.other]\ncommand = "y"\n',
    '[mcp_servers.other.env]\nA = "#" # the last \' one\n',
    "[profiles]\n",
    "[[projects]]\npath = '/a'\n",
    "[[projects]]\npath = '/b'\n",
    "[ 'a.b' . \"c]\" ]\nx = 1979-05-27T07:32:00Z\n",
)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """A random settings file."""
    head = draw(st.permutations(PIECES).flatmap(lambda all: st.integers(0, len(all)).map(lambda n: all[:n])))
    tables = draw(st.permutations(TABLES[:-2]).flatmap(lambda all: st.integers(0, 4).map(lambda n: all[:n])))
    gaps = st.sampled_from(["", "\n", "# about what follows\n", "\n\n# note\n\n"])
    text = "".join([*head, *(draw(gaps) + table for table in [*tables, *TABLES[-2:]])])
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


@given(documents())
def test_adding_a_table_only_adds_and_removing_it_gives_the_same_bytes_back(text: str) -> None:
    edited = toml.with_table(text, PATH, ENTRY)
    assert edited.startswith(text)
    said = tomllib.loads(edited)
    assert said["mcp_servers"].pop("practicum") == ENTRY
    assert {k: v for k, v in said.items() if v} == {k: v for k, v in tomllib.loads(text).items() if v}
    assert toml.without_table(edited, PATH) == text


@given(documents(), st.integers(0, 40))
def test_a_table_in_the_middle_is_changed_and_removed_with_comments_and_neighbours_kept(
    text: str, number: int
) -> None:
    newline = "\r\n" if "\r\n" in text else "\n"
    ours = newline.join(
        ["[mcp_servers.practicum] # ours", 'command = "old" # kept', f"startup_timeout_sec = {number}", "",
         "[mcp_servers.practicum.env]", 'A = "1"', ""]
    )  # fmt: skip
    tail = newline.join(["# about the next", "[mcp_servers.zzz]", "x = 1", ""])
    changed = toml.with_table(text + ours + tail, PATH, ENTRY)
    assert changed.startswith(text)
    assert changed.endswith(tail)
    assert "# kept" in changed
    table = tomllib.loads(changed)["mcp_servers"]["practicum"]
    assert table == {**ENTRY, "startup_timeout_sec": number, "env": {"A": "1"}}
    assert toml.without_table(changed, PATH).endswith(tail)
    assert "practicum" not in tomllib.loads(toml.without_table(changed, PATH))["mcp_servers"]


def test_an_empty_file_and_one_without_a_last_line_end_are_added_to() -> None:
    assert toml.with_table("", PATH, {"command": "x"}) == '[mcp_servers.practicum]\ncommand = "x"\n'
    assert toml.with_table("a = 1", PATH, {"command": "x"}) == (
        'a = 1\n\n[mcp_servers.practicum]\ncommand = "x"\n'
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a = ", "Invalid value"),
        ("mcp_servers = 3\n", "mcp_servers is '3', expected a table"),
        ("mcp_servers = { other = {} }\n", "cannot be edited here"),
        ("[mcp_servers]\npracticum = { command = 'x' }\n", "is not written as [mcp_servers.practicum]"),
        ("[mcp_servers.practicum.env]\nA = '1'\n", "has subtables only"),
    ],
)
def test_a_form_that_cannot_be_edited_is_refused(text: str, reason: str) -> None:
    with pytest.raises(BrokenTextError) as refused:
        toml.with_table(text, PATH, ENTRY)
    assert reason in str(refused.value)


@given(st.dictionaries(st.text(max_size=5), st.text() | st.lists(st.text(), max_size=3), max_size=4))
def test_a_table_is_written_so_that_it_reads_the_same(entry: dict[str, Any]) -> None:
    assert tomllib.loads(toml.table_text(PATH, entry)) == {"mcp_servers": {"practicum": entry}}
