"""One spelling for arguments that mean the same, before they are compared or scored; never before a call.

What an argument means, its JSON schema says:

- a name that the schema does not have is dropped;
- so is an optional argument that is null, or that has its default;
- `integer` and `number`: `1`, `1.0`, `"1"` and `"1.0"` are 1; true is no number;
- `boolean`: `"true"` and `"False"` are what they say;
- `string`: a number becomes its digits (`1.0` is `"1"`), text loses the space around it and is written in
  Unicode's composed form; digits in text stay as they are, so `"02139"` is no number;
- a date (`format: date`, or a string argument called `date` or `…_date`) becomes `2026-03-04`. Year first,
  `4.3.2026`, `4 March 2026` and `Mar 4th, 2026` are understood; `3/4/2026` may be either of two days and
  stays as it is, `13/4/2026` may not;
- a time (`format: date-time`) becomes ISO 8601, in UTC where its zone is given;
- an array keeps its order, unless the schema says `x-unordered: true` or the caller declares it.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

UNORDERED = "x-unordered"
"""Marks a list whose order means nothing, by `Field(json_schema_extra={UNORDERED: True})`."""
MOST_DIGITS = 300
"""Text that is longer is no number."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_MONTH_NAMES = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTHS = {form: number for number, name in enumerate(_MONTH_NAMES, 1) for form in (name, name[:3])}
_MONTHS["sept"] = 9
_YEAR_FIRST = re.compile(r"(\d{4})([-/.]?)(\d{1,2})\2(\d{1,2})(?:[T ]00:00(?::00)?Z?)?", re.ASCII)
_DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", re.ASCII)
_SLASHES = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})", re.ASCII)
_BETWEEN_WORDS = re.compile(r"[\s.,/-]+")
_NO_DATE_WORDS = re.compile(
    r"(?<=\d)(st|nd|rd|th)\b|\b(mon|tues?|wed(nes)?|thu(rs?)?|fri|sat(ur)?|sun)(day)?\b|\bof\b|\bthe\b"
)


def normalised(
    arguments: Mapping[str, Any], schema: Mapping[str, Any], *, unordered: Collection[str] = ()
) -> dict[str, Any]:
    """Arguments in their one spelling, names sorted; normalising again changes nothing.

    Args:
        arguments: plain JSON, as they were called.
        schema: JSON schema of the arguments, a flat object.
        unordered: arguments whose order means nothing, beside those that the schema marks.
    """
    required = schema.get("required", ())
    found: dict[str, Any] = {}
    for name, shape in sorted(schema.get("properties", {}).items()):
        if name not in arguments or (arguments[name] is None and name not in required):
            continue
        value = _value(arguments[name], shape, name, unordered)
        is_default = "default" in shape and _same(value, _value(shape["default"], shape, name, unordered))
        if name in required or not is_default:
            found[name] = value
    return found


def same_arguments(
    one: Mapping[str, Any],
    other: Mapping[str, Any],
    schema: Mapping[str, Any],
    *,
    unordered: Collection[str] = (),
) -> bool:
    """Whether two calls of a tool have the same arguments, however they are spelt."""
    return _same(normalised(one, schema, unordered=unordered), normalised(other, schema, unordered=unordered))


def _same(one: Any, other: Any) -> bool:
    return _spelt(one) == _spelt(other)


def _spelt(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _value(value: Any, shape: Mapping[str, Any], name: str, unordered: Collection[str]) -> Any:
    match shape.get("type"):
        case "integer" | "number":
            return _number(value)
        case "boolean":
            return _boolean(value)
        case "string":
            return _text(value, shape, name)
        case "array" if isinstance(value, list | tuple):
            items = [_value(item, shape.get("items", {}), name, unordered) for item in value]
            return sorted(items, key=_spelt) if shape.get(UNORDERED) or name in unordered else items
        case _:
            return _untyped(value)


def _number(value: Any) -> Any:
    if isinstance(value, str):
        text = _trimmed(value)
        is_number = len(text) <= MOST_DIGITS and _NUMBER.fullmatch(text)
        return _from_digits(Decimal(text)) if is_number else text
    return _untyped(value)


def _from_digits(number: Decimal) -> Any:
    """An integer, whole as it is, or else the nearest float."""
    return int(number) if number == number.to_integral_value() else _untyped(float(number))


def _boolean(value: Any) -> Any:
    if isinstance(value, str):
        text = _trimmed(value)
        return {"true": True, "false": False}.get(text.lower(), text)
    return _untyped(value)


def _text(value: Any, shape: Mapping[str, Any], name: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return _untyped(value)
    text = _trimmed(value if isinstance(value, str) else str(_untyped(value)))
    if shape.get("format") == "date-time":
        return _time(text)
    if shape.get("format") == "date" or name == "date" or name.endswith("_date"):
        return _date(text)
    return text


def _trimmed(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


def _untyped(value: Any) -> Any:
    """A value that no schema describes: whole numbers are integers, everything else stays."""
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {str(key): _untyped(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, list | tuple):
        return [_untyped(part) for part in value]
    return _trimmed(value) if isinstance(value, str) else value


def _time(text: str) -> str:
    try:
        found = datetime.fromisoformat(text)
        return (found.astimezone(UTC) if found.tzinfo else found).isoformat()
    except (ValueError, OverflowError):
        return text


def _date(text: str) -> str:
    """The date as ISO 8601 writes it; the text itself where it is none, or may be two."""
    readings = {found.isoformat() for found in (_day(*reading) for reading in _readings(text)) if found}
    return readings.pop() if len(readings) == 1 else text


def _readings(text: str) -> list[tuple[int, int, int]]:
    """Year, month and day as a text may be read."""
    if found := _YEAR_FIRST.fullmatch(text):
        return [(int(found[1]), int(found[3]), int(found[4]))]
    if found := _DAY_FIRST.fullmatch(text):
        return [(int(found[3]), int(found[2]), int(found[1]))]
    if found := _SLASHES.fullmatch(text):
        first, second, year = map(int, found.groups())
        return [(year, first, second), (year, second, first)]
    return _reading_with_a_month(text)


def _reading_with_a_month(text: str) -> list[tuple[int, int, int]]:
    words = [word for word in _BETWEEN_WORDS.split(_NO_DATE_WORDS.sub("", text.lower())) if word]
    numbers = [int(word) for word in words if word.isascii() and word.isdigit() and len(word) <= 4]
    months = [number for word in words if (number := _MONTHS.get(word))]
    if len(words) != 3 or len(numbers) != 2 or len(months) != 1:
        return []
    day, year = sorted(numbers)
    return [(year, months[0], day)] if year > 999 else []


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
