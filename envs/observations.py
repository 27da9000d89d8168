"""What a Gymnasium environment shows, as plain JSON and plain text."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

_COLOURS = ("grey", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_COLOURED = re.compile(r"\x1b\[([\d;]*)m(.*?)\x1b\[0?m", re.DOTALL)
_CODE = re.compile(r"\x1b\[[\d;]*[A-Za-z]")


def observation_as_json(value: Any) -> Any:
    """An observation of any Gymnasium space as plain JSON that shares nothing with it.

    Arrays and tuples become lists, a graph an object of its `nodes`, `edges` and `edge_links`, a choice
    (`OneOf`) a list of its number and value. JSON has no infinite numbers: those become `inf`, `-inf` and
    `nan`, as text.

    Raises:
        TypeError: it holds what belongs to no space.
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if hasattr(value, "_asdict"):  # a named tuple, as a graph is
        value = value._asdict()
    if isinstance(value, Mapping):
        return {str(key): observation_as_json(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [observation_as_json(part) for part in value]
    raise TypeError(
        f"an observation holds {value!r}, which belongs to no Gymnasium space and has no JSON form"
    )


def without_escape_codes(text: str) -> str:
    """A terminal's drawing with its colours in words: `<red:S>` for an S that is red, or on red ground."""
    named = _COLOURED.sub(lambda found: _in_words(found[1], found[2]), text)
    return _CODE.sub("", named).strip("\n")


def _in_words(codes: str, text: str) -> str:
    numbers = [int(code) for code in codes.split(";") if code]
    colour = next((_COLOURS[n % 10] for n in numbers if 30 <= n <= 107 and n % 10 < 8), None)
    return text if colour is None else f"<{colour}:{text}>"
