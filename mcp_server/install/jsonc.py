"""Edits JSON with comments in place: a member is set or removed, and every other byte stays as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

DEEPEST = 200
"""How many levels of nesting are read."""

TOKEN = re.compile(
    r"(?P<trivia>[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/)"
    r'|(?P<string>"(?:[^"\\\x00-\x1f]|\\.)*")'
    r"|(?P<mark>[{}\[\]:,])"
    r'|(?P<word>[^\s{}\[\]:,"/]+)',
    re.DOTALL,
)


def _refused(constant: str) -> Any:
    raise ValueError(constant)


STRICT = json.JSONDecoder(parse_constant=_refused)
"""JSON as its standard has it, without NaN."""


class BrokenTextError(ValueError):
    """A text that cannot be read; says where, and what was found."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text that means something."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """Where the next character begins."""
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it stands."""

    value: Any
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Member:
    """A name in an object, its value, and the comma behind it where there is one."""

    name: str
    start: int
    node: Node
    comma: int | None

    @property
    def end(self) -> int:
        """Where the member ends, its comma included."""
        return self.node.end if self.comma is None else self.comma + 1


@dataclass(frozen=True, slots=True)
class Object:
    """An object, opened: its members, and the end of the last thing before its brace, a comment included."""

    node: Node
    members: tuple[Member, ...]
    tail: int

    def place(self, name: str) -> int | None:
        """The number of the member of that name.

        Raises:
            BrokenTextError: there are two.
        """
        found = [place for place, member in enumerate(self.members) if member.name == name]
        if len(found) > 1:
            raise BrokenTextError(f"{name!r} stands twice in the same object; keep one of them")
        return found[0] if found else None


def parse(text: str) -> Any:
    """The value of a text with comments and trailing commas; an empty one is an empty object.

    Raises:
        BrokenTextError: it is no such text.
    """
    return _read(text).value


def with_member(text: str, path: Sequence[str], value: Any) -> str:
    """The text with `value` at a path of names; objects on the way that are missing are made.

    Raises:
        BrokenTextError: the text cannot be read, or something on the way is no object, or is named twice.
    """
    node = _read(text)
    if node.start == node.end:
        look = _Look(text)
        gap = look.newline if text.strip("\ufeff \t\r\n") else ""  # a comment may be all there is
        return text + gap + _rendered(_nested(path, value), look) + look.newline
    for depth, name in enumerate(path):
        holder = _opened(text, node, path[:depth])
        place = holder.place(name)
        if place is None:
            return _inserted(text, holder, name, _nested(path[depth + 1 :], value))
        node = holder.members[place].node
    indent = _line_indent(text, node.start)
    return text[: node.start] + _rendered(value, _Look(text), indent) + text[node.end :]


def without_member(text: str, path: Sequence[str]) -> str:
    """The text without the member at a path, and with the comments around it.

    Raises:
        BrokenTextError: as `with_member`.
        KeyError: there is no such member.
    """
    node = _read(text)
    for depth, name in enumerate(path):
        holder = _opened(text, node, path[:depth])
        place = holder.place(name)
        if place is None:
            raise KeyError(name)
        node = holder.members[place].node
    return _removed(text, holder, place or 0)


def _nested(path: Sequence[str], value: Any) -> Any:
    for name in reversed(path):
        value = {name: value}
    return value


# Reading ------------------------------------------------------------------------------------------


def _read(text: str) -> Node:
    """The one value of a text; an empty object at its end where there is none."""
    reader = _Reader(text, int(text.startswith("\ufeff")))
    if reader.peek() is None:
        return Node({}, len(text), len(text))
    node = reader.value(0)
    rest = reader.peek()
    if rest is not None:
        raise _broken(text, rest.start, f"{rest.text[:20]!r} after the end")
    return node


def _opened(text: str, node: Node, path: Sequence[str]) -> Object:
    if not isinstance(node.value, dict):
        where = ".".join(path) or "the whole"
        raise BrokenTextError(f"{where} is {json.dumps(node.value)[:40]}, expected an object")
    return _Reader(text, node.start).object(0)


def _broken(text: str, place: int, reason: str) -> BrokenTextError:
    line = text.count("\n", 0, place) + 1
    return BrokenTextError(f"line {line}, column {place - text.rfind(chr(10), 0, place)}: {reason}")


class _Reader:
    """Reads on from a place; passes over comments and white space, and keeps where the last comment ends."""

    def __init__(self, text: str, place: int) -> None:
        self.text = text
        self._place = place
        self._tail = place

    def peek(self) -> Token | None:
        """The next token that is neither space nor comment; None at the end."""
        while self._place < len(self.text):
            match = TOKEN.match(self.text, self._place)
            if match is None:
                raise _broken(self.text, self._place, f"{self.text[self._place]!r} was not expected")
            if match.lastgroup != "trivia":
                return Token(str(match.lastgroup), match[0], self._place)
            self._place = match.end()
            if match[0][0] == "/":
                self._tail = self._place
        return None

    def take(self, *expected: str) -> Token:
        """The next token, which must be one of the expected marks or kinds."""
        token = self.peek()
        if token is None:
            raise _broken(self.text, len(self.text), f"the end, where {_words(expected)} was expected")
        if token.text not in expected and token.kind not in expected:
            found = token.text[:20]
            raise _broken(self.text, token.start, f"{found!r}, where {_words(expected)} was expected")
        self._place = self._tail = token.end
        return token

    def value(self, depth: int) -> Node:
        """Whatever comes next: by the json module where it has no comments, which is much faster."""
        token = self.peek()
        if token is not None and token.kind != "word":
            with suppress(ValueError, RecursionError):
                value, self._place = STRICT.raw_decode(self.text, token.start)
                self._tail = self._place
                return Node(value, token.start, self._place)
        return self._with_comments(depth)

    def _with_comments(self, depth: int) -> Node:
        token = self.take("{", "[", "string", "word")
        if depth > DEEPEST:
            raise _broken(self.text, token.start, f"nested deeper than {DEEPEST} levels")
        if token.text in ("{", "["):
            self._place = token.start
            return self.object(depth).node if token.text == "{" else self._array(depth)
        return Node(self._plain(token), token.start, token.end)

    def object(self, depth: int) -> Object:
        """The object that begins here."""
        start, members = self.take("{").start, []
        while self._next() != "}":
            name = self.take("string", "}")
            self.take(":")
            node = self.value(depth + 1)
            comma = self.take(",").start if self._next() != "}" else None
            members.append(Member(str(self._plain(name)), name.start, node, comma))
        tail = self._tail
        value = {member.name: member.node.value for member in members}
        return Object(Node(value, start, self.take("}").end), tuple(members), tail)

    def _array(self, depth: int) -> Node:
        start, values = self.take("[").start, []
        while self._next() != "]":
            values.append(self.value(depth + 1).value)
            if self._next() != "]":
                self.take(",")
        return Node(values, start, self.take("]").end)

    def _next(self) -> str | None:
        token = self.peek()
        return None if token is None else token.text

    def _plain(self, token: Token) -> Any:
        try:
            return STRICT.decode(token.text)
        except ValueError:
            raise _broken(self.text, token.start, f"{token.text[:20]!r} is no JSON value") from None


def _words(expected: Sequence[str]) -> str:
    return "a value" if "word" in expected else " or ".join(expected)


# Writing ------------------------------------------------------------------------------------------


class _Look:
    """How a text is written: its line ends and its indentation."""

    def __init__(self, text: str) -> None:
        self.newline = "\r\n" if "\r\n" in text else "\n"
        first = re.search(r'^([ \t]+)(?=")', text, re.MULTILINE)
        self.unit = first[1] if first else "  "


def _rendered(value: Any, look: _Look, indent: str = "") -> str:
    """JSON as the text would write it; its later lines are indented as far as the first."""
    lines = json.dumps(value, indent=look.unit, ensure_ascii=False).split("\n")
    return f"{look.newline}{indent}".join(lines)


def _line_indent(text: str, place: int) -> str:
    start = text.rfind("\n", 0, place) + 1
    return re.match(r"\ufeff?([ \t]*)", text[start:place])[1]  # type: ignore[index]  # it matches nothing too


def _starts_line(text: str, place: int) -> bool:
    return not text[text.rfind("\n", 0, place) + 1 : place].strip(" \t")


def _inserted(text: str, holder: Object, name: str, value: Any) -> str:
    """The text with a new last member in an object."""
    look, close = _Look(text), holder.node.end - 1
    outer = _line_indent(text, holder.node.start)
    if not holder.members:
        member = _rendered({name: value}, look, outer)[1:-1].rstrip()
        gap = "" if "\n" in text[holder.tail : close] else look.newline + outer
        return text[: holder.tail] + member + gap + text[holder.tail :]
    last = holder.members[-1]
    comma = "," if last.comma is None else ""
    kept = text[: last.node.end] + comma + text[last.node.end : holder.tail]
    if _starts_line(text, holder.members[0].start):
        indent = _line_indent(text, holder.members[0].start)
    elif "\n" in text[last.node.end : close]:
        indent = outer + look.unit
    else:
        inline = json.dumps({name: value}, ensure_ascii=False)[1:-1]
        return f"{kept} {inline}{'' if comma else ','}{text[holder.tail :]}"
    member = f"{json.dumps(name, ensure_ascii=False)}: {_rendered(value, look, indent)}"
    return f"{kept}{look.newline}{indent}{member}{'' if comma else ','}{text[holder.tail :]}"


def _removed(text: str, holder: Object, place: int) -> str:
    """The text without a member; the comma before it goes too where it was the last and had none."""
    member = holder.members[place]
    before = holder.members[place - 1] if place else None
    start, end = member.start, member.end
    line = text.rfind("\n", 0, start) + 1
    line_ends = re.compile(r"[ \t]*(\r?\n|$)").match(text, end)
    above = TOKEN.findall(text[before.end if before else holder.node.start + 1 : line].rstrip())
    if _starts_line(text, start) and (line_ends or not (above and above[-1][0].startswith("//"))):
        start = len(text[:line].removesuffix("\n").removesuffix("\r"))
    elif text[end : end + 1] == " ":
        end += 1
    elif text[start - 1 : start] == " ":
        start -= 1
    if before and before.comma is not None and member.comma is None:
        return text[: before.comma] + text[before.comma + 1 : start] + text[end:]
    return text[:start] + text[end:]


def entry_text(container: str, name: str, entry: Mapping[str, Any]) -> str:
    """A whole text that holds one entry and nothing else."""
    return json.dumps({container: {name: entry}}, indent=2, ensure_ascii=False)
