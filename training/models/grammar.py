"""Grammar: what may come next in a call, symbol by symbol, so that every call written is one of a known tool.

A symbol is a byte, or 256 and the id of a special token. A node says what may follow it (`after`), whether it
may end here (`ended`), and the shortest way to its end (`shortest`). Nodes are immutable, so that a token can
be tried and dropped. JSON is written as `json.dumps` does: `{"a": 1, "b": ["x"]}`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Symbols = tuple[int, ...]
MOST_DIGITS, MOST_DECIMALS = 15, 6
"""Digits of a number before and after its point."""


class Node(Protocol):
    """A part of a grammar, some of it read already."""

    @property
    def ended(self) -> bool:
        """Whether it may end here."""

    @property
    def shortest(self) -> Symbols:
        """The fewest symbols to its end."""

    def after(self, symbol: int) -> Node | None:
        """What is left of it when a symbol has been read; None where that symbol cannot come."""


@dataclass(frozen=True, slots=True)
class Literal:
    """Exactly these symbols."""

    symbols: Symbols

    @property
    def ended(self) -> bool:
        """When all have been read."""
        return not self.symbols

    @property
    def shortest(self) -> Symbols:
        """What is left."""
        return self.symbols

    def after(self, symbol: int) -> Node | None:
        """The rest."""
        return Literal(self.symbols[1:]) if self.symbols[:1] == (symbol,) else None


@dataclass(frozen=True, slots=True)
class Then:
    """One thing, then another."""

    first: Node
    second: Node

    @property
    def ended(self) -> bool:
        """When both may end."""
        return self.first.ended and self.second.ended

    @property
    def shortest(self) -> Symbols:
        """Both ways."""
        return self.first.shortest + self.second.shortest

    def after(self, symbol: int) -> Node | None:
        """The rest of the first and the second, or of the second where the first may end."""
        rest = self.first.after(symbol)
        staying = None if rest is None else then(rest, self.second)
        going = self.second.after(symbol) if self.first.ended else None
        return either([node for node in (staying, going) if node is not None])


@dataclass(frozen=True, slots=True)
class Either:
    """One of several things."""

    options: tuple[Node, ...]

    @property
    def ended(self) -> bool:
        """When one may end."""
        return any(node.ended for node in self.options)

    @property
    def shortest(self) -> Symbols:
        """The shortest way of any."""
        return min((node.shortest for node in self.options), key=len)

    def after(self, symbol: int) -> Node | None:
        """The rest of those that can go on."""
        rests = (node.after(symbol) for node in self.options)
        return either([rest for rest in rests if rest is not None])


def then(*nodes: Node) -> Node:
    """One thing after the other; what is read already is left out."""
    first, *rest = [node for node in nodes if node != Literal(())] or [Literal(())]
    return Then(first, then(*rest)) if rest else first


def either(options: Sequence[Node]) -> Node | None:
    """One of several things; None where there is none."""
    if len(options) <= 1:
        return options[0] if options else None
    return Either(tuple(options))


@dataclass(frozen=True, slots=True)
class Until:
    """Any text, up to and with a mark; it holds no other special token."""

    mark: Symbols
    read: int = 0
    """Symbols of the mark that the text ends with."""

    ended = False

    @property
    def shortest(self) -> Symbols:
        """The rest of the mark."""
        return self.mark[self.read :]

    def after(self, symbol: int) -> Node | None:
        """Nothing more once the mark is complete."""
        if symbol == self.mark[self.read]:
            is_whole = self.read + 1 == len(self.mark)
            return Literal(()) if is_whole else Until(self.mark, self.read + 1)
        return None if symbol > 255 else Until(self.mark, self._overlap(symbol))

    def _overlap(self, symbol: int) -> int:
        """The longest beginning of the mark that what was read and the symbol end with."""
        seen = (*self.mark[: self.read], symbol)
        return next(size for size in range(len(seen), -1, -1) if seen[len(seen) - size :] == self.mark[:size])


@dataclass(frozen=True, slots=True)
class InString:
    """A JSON string after its opening quote, the closing one included; always UTF-8, no escapes by number."""

    escaped: bool = False
    following: int = 0
    """Bytes of a character that are still to come."""
    least: int = 0x80
    most: int = 0xBF

    ended = False

    @property
    def shortest(self) -> Symbols:
        """What completes the character, then the quote."""
        begun = b"n" if self.escaped else b""
        character = (self.least, *(0x80 for _ in range(self.following - 1))) if self.following else ()
        return (*begun, *character, ord('"'))

    def after(self, symbol: int) -> Node | None:
        """Within an escape, within a character, or between two."""
        if self.escaped:
            return _ESCAPES.get(symbol)
        if self.following:
            return InString(following=self.following - 1) if self.least <= symbol <= self.most else None
        if symbol == ord('"'):
            return Literal(())
        return InString(escaped=True) if symbol == ord("\\") else _character(symbol)


_ESCAPES: Mapping[int, InString] = {ord(c): InString() for c in '"\\/bfnrt'}


def _character(first: int) -> Node | None:
    """What follows the first byte of a character, as UTF-8 has it (RFC 3629, section 4)."""
    if 0x20 <= first < 0x80:
        return InString()
    if 0xC2 <= first <= 0xDF:
        return InString(following=1)
    if 0xE0 <= first <= 0xEF:
        least, most = {0xE0: (0xA0, 0xBF), 0xED: (0x80, 0x9F)}.get(first, (0x80, 0xBF))
        return InString(following=2, least=least, most=most)
    if 0xF0 <= first <= 0xF4:
        least, most = {0xF0: (0x90, 0xBF), 0xF4: (0x80, 0x8F)}.get(first, (0x80, 0xBF))
        return InString(following=3, least=least, most=most)
    return None


@dataclass(frozen=True, slots=True)
class Digits:
    """At least one digit and at most so many more."""

    left: int = MOST_DIGITS
    whole: bool = True
    """Whether they stand before a point, where a zero at first is the only digit."""
    ended: bool = False

    @property
    def shortest(self) -> Symbols:
        """A zero, where none has come."""
        return () if self.ended else (_ZERO,)

    def after(self, symbol: int) -> Node | None:
        """Further digits."""
        if not (_ZERO <= symbol < _ZERO + 10 and self.left):
            return None
        if symbol == _ZERO and self.whole and not self.ended:
            return EMPTY
        return Digits(self.left - 1, self.whole, ended=True)


@dataclass(frozen=True, slots=True)
class Items:
    """A JSON list after its opening bracket, or after one of its items, the closing bracket included."""

    item: Node
    between: Symbols = ()

    ended = False

    @property
    def shortest(self) -> Symbols:
        """The closing bracket."""
        return (ord("]"),)

    def after(self, symbol: int) -> Node | None:
        """The end, or another item."""
        if symbol == ord("]"):
            return EMPTY
        return then(Literal(self.between), self.item, Items(self.item, _COMMA)).after(symbol)


@dataclass(frozen=True, slots=True)
class Members:
    """A JSON object after its opening brace, or after one of its members, the closing brace included."""

    members: tuple[tuple[str, Node], ...]
    """Those that may still come, in any order."""
    required: frozenset[str]
    """Names of those that must come."""
    between: Symbols = ()

    ended = False

    @property
    def shortest(self) -> Symbols:
        """Those that must come, then the closing brace."""
        needed = [(name, node) for name, node in self.members if name in self.required]
        if not needed:
            return (ord("}"),)
        name, node = needed[0]
        return (*self.between, *_key(name), *node.shortest, *self._without(name).shortest)

    def after(self, symbol: int) -> Node | None:
        """The end, or another member."""
        if symbol == ord("}") and not self.required:
            return EMPTY
        ways = (self._with(name, node).after(symbol) for name, node in self.members)
        return either([way for way in ways if way is not None])

    def _with(self, name: str, node: Node) -> Node:
        return then(Literal((*self.between, *_key(name))), node, self._without(name))

    def _without(self, name: str) -> Members:
        rest = tuple(member for member in self.members if member[0] != name)
        return Members(rest, self.required - {name}, _COMMA)


def literal(text: str) -> Literal:
    """A text, as bytes."""
    return Literal(tuple(text.encode()))


def value_of(schema: Mapping[str, Any]) -> Node:
    """The JSON values that a schema allows: its choices, or any value of its type."""
    if "enum" in schema:
        return Either(tuple(literal(json.dumps(choice, ensure_ascii=False)) for choice in schema["enum"]))
    match schema.get("type", "string"):
        case "integer":
            return INTEGER
        case "number":
            return NUMBER
        case "boolean":
            return BOOLEAN
        case "array":
            return Then(literal("["), Items(value_of(schema.get("items", {}))))
        case "object":
            return object_of(schema)
        case _:
            return STRING


def object_of(schema: Mapping[str, Any]) -> Node:
    """The JSON objects that a schema allows: its own members, those that are required among them."""
    members = tuple((name, value_of(member)) for name, member in schema.get("properties", {}).items())
    return Then(literal("{"), Members(members, frozenset(schema.get("required", ()))))


def _key(name: str) -> Symbols:
    return tuple(f"{json.dumps(name, ensure_ascii=False)}: ".encode())


EMPTY = Literal(())
_ZERO = ord("0")
_COMMA = tuple(b", ")
_WHOLE = Either((Digits(), Then(literal("-"), Digits())))
_FRACTION = Then(literal("."), Digits(MOST_DECIMALS, whole=False))
INTEGER: Node = _WHOLE
NUMBER: Node = Then(_WHOLE, Either((EMPTY, _FRACTION)))
BOOLEAN: Node = Either((literal("true"), literal("false")))
STRING: Node = Then(literal('"'), InString())
