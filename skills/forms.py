"""Forms: how a world words what it tells, so that a program can read values out of its texts.

A form is a sentence with fields, such as `Coupon {code}: {percent:d}% off[ prices of {minimum:d} or more].`
`{name}` is a word, `{name:d}` a whole number; what stands in brackets may be left out. A field takes the
longest word there is and what may be left out is never tried twice, so that no text takes long to read.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_PART = re.compile(r"\{(\w+)(:d)?\}|\[|\]|[^\[\]{}]+|.", re.DOTALL)
_WORD = r"(?>[A-Za-z0-9_\-:.@#]*[A-Za-z0-9_@])"
"""What a field takes: a word with the signs that ids, times and dates have, not ending in one."""
_NUMBER = r"(?>-?[0-9]{1,15})(?![0-9]|\.[0-9])"
_BEGINNING = r"(?<![A-Za-z0-9_\-:.@#])"
"""Where a form may begin with a field."""
LONGEST_TEXT = 4000
"""Characters of a text that are read."""


@lru_cache(maxsize=256)
def _compiled(form: str) -> tuple[re.Pattern[str], dict[str, bool]] | None:
    """The pattern of a form and whether each field is a number; None where it is none."""
    pattern: list[str] = []
    numbers: dict[str, bool] = {}
    depth = 0
    for found in _PART.finditer(form[:LONGEST_TEXT]):
        name, number = found[1], found[2]
        if name:
            pattern.append(f"{'' if pattern else _BEGINNING}(?P<{name}>{_NUMBER if number else _WORD})")
            numbers[name] = bool(number)
        elif found[0] in "[]":
            depth += 1 if found[0] == "[" else -1
            pattern.append("(?:" if found[0] == "[" else ")?+")
        else:
            pattern.append(re.escape(found[0]))
        if depth not in (0, 1):
            return None
    try:
        return (re.compile("".join(pattern)), numbers) if depth == 0 else None
    except re.error:
        return None


def read_form(form: str, text: Any) -> dict[str, Any] | None:
    """The fields of a form in a text, those left out as None; None where the text is not worded so."""
    known = _compiled(form)
    if known is None or not isinstance(text, str):
        return None
    pattern, numbers = known
    found = pattern.search(text[:LONGEST_TEXT])
    if found is None:
        return None
    return {
        name: int(value) if value is not None and numbers[name] else value
        for name, value in found.groupdict().items()
    }


@lru_cache(maxsize=256)
def fields_of(form: str) -> tuple[str, ...]:
    """The names of a form's fields, in its order."""
    return tuple(found[1] for found in _PART.finditer(form) if found[1])
