"""Redact: hide a session's secrets in whatever is printed of it; the log itself keeps everything.

Hidden are, each replaced by `[redacted]`:

- by mark: what stands under the name of an argument whose schema says `writeOnly`, at any depth;
- by value: every other occurrence of what was given for such an argument, or of what the task's parameters
  hold under such a name, in texts and keys too, also escaped as JSON, Python, HTML or a web address has it;
- by pattern: what looks like a credential wherever it stands (`credentials.py`).
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import chain, count, takewhile
from typing import Any
from urllib.parse import quote, quote_plus

from practicum.memory.credentials import is_card, is_kept_under, spans
from practicum.memory.sessions import Session, Sessions
from practicum.memory.starts import Marks, marked_arguments

REDACTED = "[redacted]"
LEAST = 4
"""Characters from which on a secret is looked for everywhere. A shorter one is hidden under its name alone:
without every `7` nothing would be left to read."""
HEAD = 32
"""So many characters of a long secret are known as its beginning, where a message has cut it."""


class Redactor:
    """Hides secrets in JSON and in texts.

    Args:
        names: of arguments and parameters that are secret.
        values: that are secret wherever they stand; of lists and objects every part.
    """

    def __init__(self, names: Collection[str] = (), values: Iterable[Any] = ()) -> None:
        scalars = {(type(part), part): part for value in values for part in scalars_in(value)}.values()
        texts = {str(part) for part in scalars if len(str(part)) >= LEAST}
        self._names = frozenset(names)
        forms = {form for text in texts for form in forms_of(text) if len(form) >= LEAST}
        self._forms = sorted(forms, key=len, reverse=True)
        self._numbers = {number for text in texts if (number := _as_number(text)) is not None}

    def text(self, text: str) -> str:
        """A text without the secrets in it."""
        if len(text) < LEAST:
            return text
        return _without(text, sorted([*self._given(text), *spans(text)]), self.in_place_of)

    def value(self, value: Any) -> Any:
        """A JSON value without the secrets in it, keys included; no member of an object is lost."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return self._object(value)
        if isinstance(value, list | tuple):
            return [self.value(part) for part in value]
        return self.in_place_of(value) if _is_number(value) and self._is_secret_number(value) else value

    def in_place_of(self, secret: Any) -> Any:
        """What stands where a secret stood.

        Args:
            secret: a part of a text, or what stands under a name that is secret.
        """
        return REDACTED

    def _object(self, members: Mapping[str, Any]) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        for name, value in members.items():
            key = self.text(name)
            if key in shown:
                key = next(other for n in count(2) if (other := f"{key} {n}") not in {*members, *shown})
            shown[key] = self.in_place_of(value) if self._is_secret(name, value) else self.value(value)
        return shown

    def _is_secret(self, name: str, value: Any) -> bool:
        if value is None or value == "":
            return False
        return name in self._names or (
            (isinstance(value, str) or _is_number(value)) and is_kept_under(name, value)
        )

    def _is_secret_number(self, value: float) -> bool:
        return value in self._numbers or (isinstance(value, int) and is_card(str(value)))

    def _given(self, text: str) -> Iterator[tuple[int, int]]:
        for form in self._forms:
            head = form[:HEAD]
            start = text.find(head)
            while start >= 0:
                end = start + _agreeing(text, start, form)
                yield start, end
                start = text.find(head, end)


class InClear(Redactor):
    """Hides nothing: for whoever asked to see everything."""

    def text(self, text: str) -> str:
        """The text."""
        return text

    def value(self, value: Any) -> Any:
        """The value."""
        return value


Given = tuple[str, Mapping[str, Any]]
"""A call: its tool and what it was given."""
FindRedactor = Callable[[Sessions, Session], Redactor]
"""`redactor_of`, or `nothing_hidden`."""


def nothing_hidden(_sessions: Sessions, _session: Session) -> Redactor:
    """Hides nothing of a session: for whoever asked to see everything."""
    return InClear()


def redactor_of(sessions: Sessions, session: Session, call: Given | None = None) -> Redactor:
    """What hides the secrets of one session, as they stand in the log by now.

    Args:
        sessions: where its calls are read.
        session: which one.
        call: one that is not in the log.
    """
    return task_redactor(
        sessions, session.id, env=session.env, marks=session.marks, params=session.task.params, call=call
    )


def task_redactor(
    sessions: Sessions,
    session_id: str,
    *,
    env: str,
    marks: Marks | None,
    params: Mapping[str, Any],
    call: Given | None = None,
) -> Redactor:
    """As `redactor_of`, from the parts of a session.

    Args:
        sessions: where its calls are read.
        session_id: which one.
        env: the name of its environment, which is asked where the log does not know the marks.
        marks: its marked arguments.
        params: its task's.
        call: one that is not in the log.
    """
    marks = (marked_arguments(env) or {}) if marks is None else marks
    names = {name for marked in marks.values() for name in marked}
    unlogged = [call] if call is not None else []
    given = (
        arguments[name]
        for tool, arguments in chain(sessions.arguments(session_id, marks), unlogged)
        for name in marks.get(tool, ())
        if name in arguments
    )
    return Redactor(names, [*given, *values_under(names, params)])


def values_under(names: Collection[str], value: Any) -> Iterator[Any]:
    """What a JSON value holds under marked names or those of credentials."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            if name in names or (isinstance(part, str) and is_kept_under(name, part)):
                yield part
            else:
                yield from values_under(names, part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from values_under(names, part)


def scalars_in(value: Any) -> Iterator[str | int | float]:
    """The texts and numbers of a JSON value, without the keys."""
    if isinstance(value, Mapping):
        for part in value.values():
            yield from scalars_in(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from scalars_in(part)
    elif isinstance(value, str) or _is_number(value):
        yield value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_number(text: str) -> float | None:
    try:
        return int(text) if text.isdecimal() else float(text)
    except ValueError:
        return None


def forms_of(text: str) -> tuple[str, ...]:
    """A secret as it stands in a text, and in texts that hold it as JSON, Python, HTML or an address."""
    if _PLAIN.fullmatch(text):
        return (text,)
    whole = text.encode("utf-8", "replace")
    return (
        text, text.strip(), repr(text)[1:-1], repr(f"'\"{text}")[4:-1], html.escape(text),
        *(json.dumps(text, ensure_ascii=escaped)[1:-1] for escaped in (True, False)),
        quote(whole), quote(whole, safe=""), quote_plus(whole),
    )  # fmt: skip


_PLAIN = re.compile(r"[A-Za-z0-9_.~-]+")
"""Of such a text all forms are the same."""


def _agreeing(text: str, start: int, form: str) -> int:
    """How many first characters of a form stand in a text from `start` on, read no further than they do."""
    size = 0
    while size < len(form) and text.startswith(form[size : size + HEAD], start + size):
        size += HEAD
    rest = zip(text[start + size : start + size + HEAD], form[size : size + HEAD], strict=False)
    return min(size, len(form)) + sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], rest))


def _without(text: str, found: Iterable[tuple[int, int]], in_place_of: Callable[[str], str]) -> str:
    """The text with its spans replaced, those that overlap or touch as one."""
    parts: list[str] = []
    end = 0
    for first, last in _merged(found):
        parts += [text[end:first], in_place_of(text[first:last])]
        end = last
    return "".join([*parts, text[end:]])


def _merged(found: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in found:
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged
