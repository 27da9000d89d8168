"""Edits TOML in place: a table is added, changed or removed, and every other byte stays as it is."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from practicum.mcp_server.install.jsonc import BrokenTextError

PIECE = re.compile(
    r'(?P<long>"""(?:[^\\]|\\.)*?"{3,5}(?!")|\'\'\'.*?\'{3,5}(?!\'))'
    r'|(?P<short>"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\')'
    r"|(?P<comment>#[^\n]*)|(?P<open>[\[{])|(?P<close>[\]}])|(?P<newline>\n)|(?P<rest>[^\"'#\[\]{}\n]+)",
    re.DOTALL,
)
KEY = re.compile(r'[ \t]*(?P<key>"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|[A-Za-z0-9_-]+)[ \t]*(?P<next>[.\]=])')


@dataclass(frozen=True, slots=True)
class Statement:
    """A table's header, or a name and its value: where it starts, and where its last character ends."""

    start: int
    end: int
    keys: tuple[str, ...]
    header: bool


def parse(text: str) -> dict[str, Any]:
    """The value of a TOML text.

    Raises:
        BrokenTextError: it is none.
    """
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise BrokenTextError(str(error)) from None


def with_table(text: str, path: Sequence[str], entry: Mapping[str, Any]) -> str:
    """The text with the names of `entry` in the table at `path`; other names in that table stay.

    Raises:
        BrokenTextError: the text cannot be read, or the table is written in a form that cannot be edited.
    """
    whole = parse(text)
    table = _at(whole, path)
    if table is None:
        edited = _appended(text, path, entry)
    else:
        edited = text
        for name, value in entry.items():
            edited = _with_value(edited, path, name, value)
    return _proved(edited, _replaced(whole, path, {**(table or {}), **entry}))


def without_table(text: str, path: Sequence[str]) -> str:
    """The text without the table at `path` and its subtables; comments below them stay.

    Raises:
        BrokenTextError: as `with_table`.
        KeyError: there is no such table.
    """
    whole = parse(text)
    if _at(whole, path) is None:
        raise KeyError(path[-1])
    for section in reversed(_sections(text, path)):
        text = _cut(text, section)
    return _proved(text, _replaced(whole, path, None))


def table_text(path: Sequence[str], entry: Mapping[str, Any], newline: str = "\n") -> str:
    """A table as a text of its own."""
    lines = [f"[{'.'.join(map(_key, path))}]", *(f"{_key(n)} = {_value(v)}" for n, v in entry.items())]
    return newline.join([*lines, ""])


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _value(name)


def _value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


# Reading ------------------------------------------------------------------------------------------


def _statements(text: str) -> list[Statement]:
    """All statements of a valid text, in their order."""
    found: list[Statement] = []
    start, end, depth = 0, 0, 0
    for piece in PIECE.finditer(text):
        kind = piece.lastgroup
        depth += (kind == "open") - (kind == "close")
        if kind == "newline" and depth == 0:
            found += _statement(text, start, end)
            start = end = piece.end()
        elif kind != "comment" and piece[0].strip(" \t\r\ufeff"):
            end = piece.start() + len(piece[0].rstrip(" \t\r"))
    return found + _statement(text, start, end)


def _statement(text: str, start: int, end: int) -> list[Statement]:
    head = re.compile(r"[ \t\ufeff]*(\[{0,2})").match(text, start)
    if end <= start or head is None:
        return []
    keys, place = [], head.end()
    while key := KEY.match(text, place):
        keys.append(_plain(key["key"]))
        place = key.end()
        if key["next"] != ".":
            break
    return [Statement(start, end, tuple(keys), header=bool(head[1]))]


def _plain(key: str) -> str:
    return str(next(iter(tomllib.loads(f"{key} = 0"))))


def _sections(text: str, path: Sequence[str]) -> list[list[Statement]]:
    """The tables at and below a path, each with its header and its own statements.

    Raises:
        BrokenTextError: the table has no header of its own.
    """
    sections: list[list[Statement]] = []
    inside = False
    for statement in _statements(text):
        if statement.header:
            inside = statement.keys[: len(path)] == tuple(path)
            if inside:
                sections.append([])
        if inside:
            sections[-1].append(statement)
    if not sections:
        raise BrokenTextError(
            f"{'.'.join(path)} is not written as [{'.'.join(map(_key, path))}]; edit it by hand"
        )
    return sections


# Writing ------------------------------------------------------------------------------------------


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _appended(text: str, path: Sequence[str], entry: Mapping[str, Any]) -> str:
    newline = _newline(text)
    gap = "" if not text or text.endswith("\n") else newline
    return text + gap + (newline if text.strip() else "") + table_text(path, entry, newline)


def _with_value(text: str, path: Sequence[str], name: str, value: Any) -> str:
    written = f"{_key(name)} = {_value(value)}"
    own = next((section for section in _sections(text, path) if section[0].keys == tuple(path)), None)
    if own is None:
        raise BrokenTextError(f"{'.'.join(path)} has subtables only; edit it by hand")
    for statement in own[1:]:
        if statement.keys == (name,):
            return text[: statement.start] + written + text[statement.end :]
    line_end = text.find("\n", own[0].end)
    place = len(text) if line_end < 0 else line_end + 1
    before = "" if line_end >= 0 else _newline(text)
    return text[:place] + before + written + _newline(text) + text[place:]


def _cut(text: str, section: Sequence[Statement]) -> str:
    """The text without a section; one blank line above it goes too."""
    start, last = section[0].start, section[-1].end
    line_end = text.find("\n", last)
    end = len(text) if line_end < 0 else line_end + 1
    above = re.search(r"(?<=\n)[ \t]*\r?\n$", text[:start])
    return text[: above.start() if above else start] + text[end:]


def _at(whole: Mapping[str, Any], path: Sequence[str]) -> dict[str, Any] | None:
    found: Any = whole
    for depth, name in enumerate(path):
        if not isinstance(found, Mapping):
            raise BrokenTextError(f"{'.'.join(path[:depth])} is {str(found)[:40]!r}, expected a table")
        found = found.get(name)
        if found is None:
            return None
    if not isinstance(found, dict):
        raise BrokenTextError(f"{'.'.join(path)} is {str(found)[:40]!r}, expected a table")
    return found


def _replaced(whole: Mapping[str, Any], path: Sequence[str], table: Any) -> dict[str, Any]:
    """The value with another table at a path, or without it."""
    name, rest = path[0], path[1:]
    inner = _replaced(whole.get(name, {}), rest, table) if rest else table
    others = {key: value for key, value in whole.items() if key != name}
    return others if inner is None or (rest and not inner) else {**others, name: inner}


def _proved(edited: str, expected: Mapping[str, Any]) -> str:
    """The edited text, once it has been read again and says just what was meant.

    Raises:
        BrokenTextError: it does not.
    """
    try:
        said: Mapping[str, Any] = tomllib.loads(edited.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise BrokenTextError(f"the file is written in a form that cannot be edited here ({error})") from None
    if _without_empty(said) != _without_empty(expected):
        raise BrokenTextError("the file is written in a form that cannot be edited here; edit it by hand")
    return edited


def _without_empty(value: Any) -> Any:
    """A value without empty tables: whether `[mcp_servers]` is written or left out says the same."""
    if not isinstance(value, Mapping):
        return value
    inner = {name: _without_empty(item) for name, item in value.items()}
    return {name: item for name, item in inner.items() if item != {}}
