"""Sources: what an argument can be made of, from what an episode has shown so far."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from practicum.skills.explore.states import is_by_id

LONGEST_TEXT = 60
"""Characters of a text that can be an argument."""
WORDS_BEFORE = 3
"""Words of a sentence that tell what the name after them is: `your 3DS code is 648547`."""
_WORD = re.compile(r"[A-Za-z]+")
_NAME_IN_TEXT = re.compile(r"[\w:+-]*(?:\d|[A-Z]{2})[\w:+-]*")
"""A word of a sentence that names something: one with a digit or with capitals, such as `BK123456`."""


@dataclass(frozen=True, slots=True)
class Source:
    """A way to make an argument: where its value stands, and which of several it is."""

    name: str
    """Such as `forms.date`, or `flights[].id least price`."""
    values: tuple[Any, ...]
    """One of these."""
    kinship: float
    """From 0 to 1: how much the argument's name and the tool's have in common with the place's."""


@dataclass(slots=True)
class Surroundings:
    """What an episode has shown, newest first to mind: the scalars at each place, and the names in its texts.

    A place is a JSON path with `[]` for any item of a list and `{}` for any key of an object by id.
    """

    _columns: dict[str, list[Any]] = field(default_factory=dict)
    _sentences: dict[str, list[str]] = field(default_factory=dict)

    def see(self, value: Any, name: str = "") -> None:
        """Take in an observation, a result or an instruction; what it shows replaces what stood there before.

        Args:
            value: plain JSON.
            name: of the place it stands in.
        """
        found: dict[str, list[Any]] = {}
        for place, scalar in _scalars(value, name):
            found.setdefault(place, []).append(scalar)
        sentences = {p: [v for v in values if _is_sentence(v)] for p, values in found.items()}
        self._sentences |= {place: values for place, values in sentences.items() if values}
        self._columns |= {place: values for place, values in found.items() if not sentences[place]}

    def sources(self, tool: str, argument: str, schema: Mapping[str, Any]) -> list[Source]:
        """Everything that fits an argument."""
        if schema.get("type") == "array":
            items = self.sources(tool, argument, schema["items"])
            return [Source(s.name, tuple([value] for value in s.values), s.kinship) for s in items]
        asked, beside = words_of(argument), words_of(tool)
        found = [*self._of_columns(asked, beside), *self._of_sentences(asked, beside), *_own(schema)]
        fitting = (Source(s.name, tuple(v for v in s.values if _fits(v, schema)), s.kinship) for s in found)
        return [source for source in fitting if source.values]

    def _of_columns(self, asked: frozenset[str], beside: frozenset[str]) -> Iterator[Source]:
        for place, values in self._columns.items():
            kinship = _kinship(asked, beside, words_of(place))
            if len(values) == 1:
                yield Source(place, tuple(values), kinship)
                continue
            yield Source(f"{place} any", tuple(values), kinship)
            yield Source(f"{place} first", (values[0],), kinship)
            for name, numbers in self._numbers_beside(place, len(values)):
                yield Source(f"{place} least {name}", (values[int(np.argmin(numbers))],), kinship)
                yield Source(f"{place} most {name}", (values[int(np.argmax(numbers))],), kinship)

    def _numbers_beside(self, place: str, rows: int) -> Iterator[tuple[str, list[Any]]]:
        """The columns of numbers in the same table."""
        table = _table_of(place)
        for other, values in self._columns.items():
            is_beside = table and other != place and _table_of(other) == table and len(values) == rows
            if is_beside and all(isinstance(value, int | float) for value in values):
                yield other.removeprefix(table).strip(".") or "value", values

    def _of_sentences(self, asked: frozenset[str], beside: frozenset[str]) -> Iterator[Source]:
        for place, sentences in self._sentences.items():
            named = [found for sentence in sentences for found in _names_in(sentence)]
            for shared in sorted({tuple(sorted((asked | beside) & before)) for _, before in named}):
                names = [name for name, before in named if tuple(sorted((asked | beside) & before)) == shared]
                kinship = _kinship(asked, beside, frozenset(shared))
                after = f" after {' '.join(shared)}" if shared else ""
                yield Source(f"{place} name{after}", tuple(dict.fromkeys(names)), kinship)


def _names_in(sentence: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Each name in a sentence, with the words just before it."""
    words = sentence.split()
    for place, word in enumerate(words):
        if found := _NAME_IN_TEXT.search(word):
            yield found[0], words_of(" ".join(words[max(0, place - WORDS_BEFORE) : place]))


@lru_cache(maxsize=4096)
def words_of(text: str) -> frozenset[str]:
    """The words of a name or a sentence, lower case, plurals as singulars."""
    return frozenset(word.lower().removesuffix("s") for word in _WORD.findall(text.replace("_", " ")))


def _own(schema: Mapping[str, Any]) -> Iterator[Source]:
    """What the schema itself says: its choices, its default, its least number."""
    choices = schema.get("enum", (False, True) if schema.get("type") == "boolean" else ())
    for choice in choices:
        yield Source(f"choice {choice}", (choice,), 0.5)
    if schema.get("type") in ("integer", "number"):
        yield Source("least", (schema.get("minimum", 1),), 0.2)


def _scalars(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        by_id = is_by_id(value)
        for key, part in value.items():
            if by_id:
                yield f"{place}{{}}", key
            yield from _scalars(part, f"{place}{{}}." if by_id else f"{place}.{key}" if place else key)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _scalars(part, f"{place}[]")
    elif value is not None and not isinstance(value, bool) and value != "":
        yield place, value


def _table_of(place: str) -> str:
    """The part of a place up to its last list or object by id; empty where it lies in none."""
    end = max(place.rfind("[]"), place.rfind("{}"))
    return place[: end + 2] if end >= 0 else ""


def _is_sentence(value: Any) -> bool:
    return isinstance(value, str) and " " in value


def _kinship(asked: frozenset[str], beside: frozenset[str], place: frozenset[str]) -> float:
    """Share of the argument's words at the place, more where it has few others; some for the tool's words."""
    common = asked & place
    if common:
        return len(common) / len(asked) * (0.5 + 0.5 * len(common) / len(place))
    return 0.25 if beside & place else 0.0


def _fits(value: Any, schema: Mapping[str, Any]) -> bool:
    if "enum" in schema:
        return value in schema["enum"]
    match schema.get("type"):
        case "string":
            return isinstance(value, str) and len(value) <= LONGEST_TEXT
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool) and _in_bounds(value, schema)
        case "number":
            return (
                isinstance(value, int | float) and not isinstance(value, bool) and _in_bounds(value, schema)
            )
        case "boolean":
            return isinstance(value, bool)
        case _:
            return False


def _in_bounds(value: float, schema: Mapping[str, Any]) -> bool:
    least, most = schema.get("minimum", float("-inf")), schema.get("maximum", float("inf"))
    return bool(least <= value <= most)


def drawn(values: Sequence[Any], random: np.random.Generator) -> Any:
    """One of several, each as likely."""
    return values[int(random.integers(len(values)))]
