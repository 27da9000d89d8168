"""What the contract test looks for: bad arguments, containers that note no changes, leaked secrets."""

from __future__ import annotations

import dataclasses
import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from practicum.envs.actions import Action
from practicum.envs.records import Record, Rows, Table
from practicum.envs.spaces import text_values

_UNNOTED = (dict, list, set, bytearray, deque, np.ndarray)
_LONGEST_WORD = 40
_WRONG: Any = {"neither": "scalar nor list"}


def spoil(action: Action, arguments: Mapping[str, Any], random: np.random.Generator) -> dict[str, Any]:
    """Arguments that the action's schema refuses: one is unknown, missing, null or of the wrong type."""
    spoilt = dict(arguments)
    required = action.schema["required"]
    kind = int(random.integers(4))
    if kind == 1 and required:
        del spoilt[required[int(random.integers(len(required)))]]
    elif kind == 2 and required:
        spoilt[required[int(random.integers(len(required)))]] = None
    elif kind == 3 and action.parameters:
        spoilt[action.parameters[int(random.integers(len(action.parameters)))]] = _WRONG
    else:
        spoilt["no_such_argument"] = 1
    return spoilt


def unnoted(value: Any, place: str = "state") -> Iterator[str]:
    """Places in a state whose changes cannot be taken back, each with what stands there."""
    if isinstance(value, Record):
        for name, part in vars(value).items():
            yield from unnoted(part, f"{place}.{name}")
    elif isinstance(value, Table):
        for key, part in value.items():
            yield from unnoted(part, f"{place}[{key!r}]")
    elif isinstance(value, Rows | tuple):
        for index, part in enumerate(value):
            yield from unnoted(part, f"{place}[{index}]")
    elif isinstance(value, _UNNOTED) or _is_mutable_dataclass(value):
        yield f"{place} is a {type(value).__name__}"


def _is_mutable_dataclass(value: Any) -> bool:
    is_instance = dataclasses.is_dataclass(value) and not isinstance(value, type)
    return is_instance and not value.__dataclass_params__.frozen


def words_in(value: Any) -> Iterator[str]:
    """Short texts in a JSON value that may serve as arguments: ids, names, keys, words of sentences."""
    for text in texts_in(value):
        if len(text) <= _LONGEST_WORD:
            yield text
        yield from re.findall(r"[\w#@.:+-]*\w", text)[:50]


def texts_in(value: Any) -> Iterator[str]:
    """Every text in a JSON value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield str(key)
            yield from texts_in(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from texts_in(part)


def public_words(action: Action) -> Iterator[str]:
    """Texts that every agent knows of an action: its name, its arguments, and the values that they may have.

    Values are those of a `Literal`, and those that the text of an argument has between single quotes.
    """
    yield action.name
    for name, schema in action.schema["properties"].items():
        yield name
        yield from map(str, schema.get("enum", ()))
        yield from re.findall(r"'([^']+)'", schema.get("description", ""))


def leaks(secret: Mapping[str, Any], shown: Any, public: frozenset[str]) -> Iterator[str]:
    """Keys of a secret of which something stands in what is shown.

    A text of more than 3 characters leaks by standing anywhere in a text, a list or object by standing there
    whole, a number of more than 3 digits by standing under the key that it has in the secret: numbers alone
    prove nothing.

    Args:
        secret: a task's.
        shown: JSON that the agent sees.
        public: texts that are no secret, such as the names of the tools.
    """
    everything = "\n".join(texts_in(shown))
    numbers = set(_numbers_in(shown))
    for key, value in secret.items():
        told = (text for text in text_values(value) if len(text) > 3 and text not in public)
        if (
            any(text in everything for text in told)
            or (_is_rich(value) and _holds(shown, value))
            or not numbers.isdisjoint(_numbers_in(value, key))
        ):
            yield key


def _numbers_in(value: Any, key: str | None = None) -> Iterator[tuple[str, float]]:
    """Every number of more than 3 digits, with the key that it or its list stands under."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _numbers_in(part, str(name))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _numbers_in(part, key)
    elif isinstance(value, int | float) and key is not None and sum(map(str.isdigit, repr(value))) > 3:
        yield key, value


def _is_rich(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple) and len(value) > 0


def _holds(shown: Any, value: Any) -> bool:
    if shown == value:
        return True
    parts = shown.values() if isinstance(shown, Mapping) else shown if isinstance(shown, list | tuple) else ()
    return any(_holds(part, value) for part in parts)
