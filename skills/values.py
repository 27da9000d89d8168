"""Values: plain JSON, the parts of it that pointers name, and what stands for no value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

Json = Any
_INDEX = re.compile(r"-?[0-9]{1,9}")


class Missing:
    """What an expression has where there is no value; there is one of it."""

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = Missing()


def at_path(value: Json, path: str) -> Json:
    """The part of a JSON value at a JSON pointer (RFC 6901); `/0` and `/-1` count items."""
    if not path:
        return value
    if path[0] != "/":
        return MISSING
    for key in path[1:].split("/"):
        name = key.replace("~1", "/").replace("~0", "~") if "~" in key else key
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif isinstance(value, list | tuple) and _is_place(name, len(value)):
            value = value[int(name)]
        else:
            return MISSING
    return value


def _is_place(name: str, length: int) -> bool:
    return _INDEX.fullmatch(name) is not None and -length <= int(name) < length


def same(first: Json, second: Json) -> bool:
    """Whether two JSON values are equal; `true` is no 1."""
    return first == second and isinstance(first, bool) == isinstance(second, bool)
