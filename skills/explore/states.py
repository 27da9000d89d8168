"""Abstract states: what kind of situation a result shows, whatever the world."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_CONTROL_WORD = re.compile(r"[a-z]{2,}(?:[_-][a-z]+)*")
_NAMED_THING = re.compile(r"\w*\d\w*")
LONGEST_WORD = 30
"""Characters of a text that can still be a control field, such as `search_results`."""
LONGEST_TEXT = 80
"""Characters that are kept of a result which is nothing but text."""

PROSE = "prose"

Path = tuple[str, ...]


def abstract_state(result: Any, opening: Any = None) -> str:
    """The situation that a result shows, as compact JSON; equal situations give equal text.

    Control fields (short lower-case words, such as `"view": "payment"`) count with their value. Of everything
    else only whether it is there counts, of lists and of objects by id whether it is one thing or more, and
    that only where it differs from the opening: what was given at the start says nothing of how far one has
    come. Sentences do not count, but for a result that is nothing but text: its words do, names and numbers
    masked.

    Args:
        result: plain JSON.
        opening: the first observation of the episode.
    """
    before = dict(_features(opening, ()))
    found = {
        ".".join(path): feature
        for path, feature in _features(result, ())
        if feature.startswith("=")
        or (feature != before.get(path) and PROSE not in (feature, before.get(path)))
    }
    return json.dumps(found, sort_keys=True, separators=(",", ":"))


def is_by_id(value: Mapping[str, Any]) -> bool:
    """Whether the keys of an object are ids: each has a digit in it, as in `{"P0": 2, "P1": 3}`."""
    return bool(value) and all(any(c.isdigit() for c in key) for key in value)


def masked(text: str) -> str:
    """A text with every word that has a digit in it masked: `P0 is in L1` and `P2 is in L0` are the same."""
    return _NAMED_THING.sub("#", text)


def _features(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, Mapping) and not is_by_id(value):
        for key, part in value.items():
            yield from _features(part, (*path, key))
    elif isinstance(value, Mapping | list | tuple):
        yield path, PROSE if _is_prose(value) else _size(len(value))
    elif isinstance(value, str) and not path:
        yield path, f"={masked(value)[:LONGEST_TEXT]}"
    elif isinstance(value, str) and len(value) <= LONGEST_WORD and _CONTROL_WORD.fullmatch(value):
        yield path, f"={value}"
    elif _is_prose(value):
        yield path, PROSE
    else:
        yield path, "set" if value else "unset"


def _is_prose(value: Any) -> bool:
    """Whether it is a sentence, or a list with one."""
    if isinstance(value, list | tuple):
        return any(isinstance(item, str) and " " in item for item in value)
    return isinstance(value, str) and " " in value


def _size(count: int) -> str:
    return ("unset", "one", "some")[min(count, 2)]
