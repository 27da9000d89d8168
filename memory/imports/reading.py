"""Reading: the records of a JSON or JSONL file one after the other, however large it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TextIO

from practicum.memory.imports.traces import Unreadable

CHUNK = 1 << 20
"""Characters read at a time."""
MOST_WAITED = 1 << 28
"""Characters of one record after which no more are read for it."""
_GAP = re.compile(r"[\s,]*")
_KEY = re.compile(r'\{\s*("(?:[^"\\]|\\.)*")')
_NEXT_LINE = re.compile(r"\n\{")
_CUT = 12
"""A value that breaks off so near to the end of what was read may go on behind it."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record, or why there is none at its place."""

    line: int
    """Where it begins, from 1."""
    value: Any = None
    problem: str | None = None


def records(file: TextIO) -> Iterator[Record]:
    """The elements of a JSON list, or JSON values that follow each other, such as lines.

    What is no JSON comes as a record with a problem, and reading goes on at the next: in a list where an
    object begins with the same key, elsewhere at a line that begins with a brace.

    Args:
        file: open for reading; characters that are no UTF-8 come as lone surrogates.
    """
    return _Reader(file).records()


class _Reader:
    """What is read of a file and not yet taken as records."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._text = ""
        self._place = 0
        self._line = 1
        self._at_end = False

    def records(self) -> Iterator[Record]:
        """See `records`."""
        in_list = self._begins_list()
        while self._skip_gap() and not (in_list and self._text[self._place] == "]"):
            line = self._line
            try:
                value, end = self._value()
                _check_text(self._text[self._place : end])
            except Unreadable as error:
                yield Record(line, problem=str(error))
                if not self._skip_broken(in_list=in_list):
                    return
            else:
                self._advance(end)
                yield Record(line, value)
        if in_list and self._at_end and self._place >= len(self._text):
            yield Record(self._line, problem="the file ends within its list; expected ] at the end")

    def _begins_list(self) -> bool:
        if not self._skip_gap() or self._text[self._place] != "[":
            return False
        self._advance(self._place + 1)
        return True

    def _value(self) -> tuple[Any, int]:
        """The value at the place, and where it ends."""
        while True:
            try:
                return _DECODER.raw_decode(self._text, self._place)
            except json.JSONDecodeError as error:
                line = self._line + self._text.count("\n", self._place, error.pos)
                if not self._may_go_on(error) or not self._read_more():
                    raise Unreadable(f"no JSON: {error.msg} (line {line})") from None
            except RecursionError:
                raise Unreadable("no JSON that can be read: it is nested too deeply") from None
            except ValueError as error:  # a number with too many digits
                raise Unreadable(f"no JSON that can be read: {error}") from None

    def _may_go_on(self, error: json.JSONDecodeError) -> bool:
        is_cut = error.msg.startswith("Unterminated string") or error.pos >= len(self._text) - _CUT
        return is_cut and len(self._text) - self._place < MOST_WAITED

    def _read_more(self) -> bool:
        """Read on, twice as much as waits already, so that a long record is not tried too often."""
        if self._at_end:
            return False
        more = self._file.read(max(CHUNK, len(self._text) - self._place))
        self._at_end = not more
        self._text = self._text[self._place :] + more
        self._place = 0
        return bool(more)

    def _skip_gap(self) -> bool:
        """Go to the next character that is neither a space nor a comma; False where there is none."""
        while True:
            found = _GAP.match(self._text, self._place)
            self._advance(found.end() if found else self._place)
            if self._place < len(self._text):
                return True
            if not self._read_more():
                return False

    def _skip_broken(self, *, in_list: bool) -> bool:
        """Go to where the next record seems to begin; False where none does."""
        begin = _KEY.match(self._text, self._place)
        in_list_next = re.compile(r"\{\s*" + re.escape(begin[1] if begin else ""))
        pattern = in_list_next if in_list else _NEXT_LINE
        while True:
            if found := pattern.search(self._text, self._place + 1):
                self._advance(found.start())
                return True
            self._advance(max(self._place, len(self._text) - 1000))
            if not self._read_more():
                return False

    def _advance(self, place: int) -> None:
        self._line += self._text.count("\n", self._place, place)
        self._place = place


_DECODER = json.JSONDecoder(parse_constant=lambda _: None)
"""Takes NaN and the infinities, which are no JSON though Python writes them, for null."""


def _check_text(text: str) -> None:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Unreadable("expected UTF-8, and some of it is not") from None
