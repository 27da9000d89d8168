"""Copying: what the tiny base learns before any task: to repeat, to look up, to fill in calls, to choose.

Four kinds of exercise, all made up of words and ids that mean nothing: sequences that are repeated, values
looked up by key, labelled fields turned into a call, and rows of a table chosen under limits.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from string import ascii_uppercase, digits
from typing import Any

from practicum.training.models.templates import CALL, END

SHARES = {"tokens": 1, "sequences": 1, "pairs": 2, "fields": 2, "numbers": 2, "tables": 4}
"""How often each kind of exercise comes."""
Encode = Callable[[str], list[int]]
Part = tuple[str, bool]
"""A piece of text, and whether it is to be learned."""


@dataclass(frozen=True)
class Exercise:
    """Token ids, and which of them are to be learned."""

    ids: tuple[int, ...]
    learned: tuple[bool, ...]


class Exercises:
    """An endless stream of exercises.

    Args:
        encode: turns text into token ids.
        vocabulary: number of tokens; sequences of single tokens are drawn from all but the special ones.
        words: that keys, tools and arguments are named by.
        special: number of special tokens, which come first.
        seed: of all draws.
    """

    def __init__(
        self, encode: Encode, *, vocabulary: int, words: Sequence[str], special: int, seed: int
    ) -> None:
        self._encode = encode
        self._ids = range(special, vocabulary)
        self._words = list(words)
        self._random = random.Random(seed)  # noqa: S311  # exercises, no secrets

    def __iter__(self) -> Iterator[Exercise]:
        kinds: dict[str, Callable[[], list[Part]]] = {
            "sequences": self._sequences,
            "pairs": self._pairs,
            "fields": self._fields,
            "numbers": self._numbers,
            "tables": self._tables,
        }
        names, shares = list(SHARES), list(SHARES.values())
        while True:
            name = self._random.choices(names, shares)[0]
            yield self._tokens() if name == "tokens" else self._encoded(kinds[name]())

    def _encoded(self, parts: list[Part]) -> Exercise:
        ids: list[int] = []
        learned: list[bool] = []
        for text, is_learned in parts:
            found = self._encode(text)
            ids += found
            learned += [is_learned] * len(found)
        return Exercise(tuple(ids), tuple(learned))

    def _tokens(self) -> Exercise:
        """Tokens in no order, repeated."""
        drawn = self._random.choices(self._ids, k=self._random.randint(4, 30))
        times = self._random.randint(1, 3)
        learned = (False,) * len(drawn) + (True,) * len(drawn) * times
        return Exercise(tuple(drawn * (1 + times)), learned)

    def _sequences(self) -> list[Part]:
        """Words, ids and times of day, repeated."""
        makers = (self._id, self._word, self._time)
        pieces = [self._random.choice(makers)() for _ in range(self._random.randint(3, 12))]
        line = " ".join(pieces) + "\n"
        return [(line, False), *[(line, True)] * self._random.randint(1, 3)]

    def _pairs(self) -> list[Part]:
        """Keys with values, then some of the keys."""
        count = self._random.randint(2, 12)
        keys = self._some_words(count) if self._random.random() < 0.5 else [self._id() for _ in range(count)]
        values = {key: self._id() if self._random.random() < 0.7 else self._time() for key in keys}
        parts: list[Part] = [("".join(f"{key} {value}\n" for key, value in values.items()), False)]
        for key in self._random.sample(list(values), min(len(values), self._random.randint(1, 4))):
            parts += [(f"{CALL}{key} ", False), (f"{values[key]}{END}", True)]
        return parts

    def _fields(self) -> list[Part]:
        """Labelled fields, then a call with some of them."""
        names = self._some_words(self._random.randint(2, 6))
        fields = {name: self._random.choice((self._id, self._time, self._small))() for name in names}
        tool, joint = self._word(), self._random.choice((", ", "\n", "; "))
        labels = ("is ", "", "at ")
        told = joint.join(f"{name} {self._random.choice(labels)}{value}" for name, value in fields.items())
        asked = self._random.sample(names, self._random.randint(1, len(names)))
        arguments = {name: _as_json(fields[name]) for name in names if name in asked}
        head = f"<|system|>{tool} {' '.join(arguments)}{END}<|user|>{told}{END}<|assistant|>{CALL}"
        return [(head, False), (f"{tool} {json.dumps(arguments)}{END}", True)]

    def _numbers(self) -> list[Part]:
        """Pairs of numbers, and whether the first is within the second."""
        parts: list[Part] = []
        for _ in range(self._random.randint(4, 10)):
            price = self._price()
            limit = max(10, round(price * self._random.uniform(0.6, 1.6)))
            parts += [(f"{price}; {limit} is allowed, ", False), (f"{_judged(price, limit)}\n", True)]
        return parts

    def _price(self) -> int:
        return self._random.randint(12, self._random.choice((99, 400, 999, 1500)))

    def _tables(self) -> list[Part]:
        """Rows and limits, then what fits: the least or most and its price judged, all, or a next row."""
        rows, limits = self._rows(), self._limits()
        shown = "\n".join(f"{row.price} {row.time} {row.stops} {row.id}" for row in rows)
        head: Part = (f"<|user|>{limits}\n{shown}{END}", False)
        kind = self._random.choice(("least", "least", "most", "next", "all"))
        if kind == "next":
            place = self._random.randrange(len(rows))
            after = rows[place + 1].id if place + 1 < len(rows) else "none"
            return [head, (f"<|assistant|>next {rows[place].id}: ", False), (f"{after}{END}", True)]
        said = _chosen(kind, [row for row in rows if limits.allow(row)], limits.price)
        return [head, (f"<|assistant|>{kind}: ", False), (f"{said}{END}", True)]

    def _rows(self) -> list[_Row]:
        most = self._random.choice((99, 400, 1500))
        rows = [
            _Row(self._random.randint(most // 8, most), self._time(), self._random.randint(0, 2), self._id())
            for _ in range(self._random.randint(2, 14))
        ]
        return sorted(rows, key=lambda row: row.price) if self._random.random() < 0.6 else rows

    def _limits(self) -> _Limits:
        return _Limits(
            self._price() if self._random.random() < 0.7 else None,
            self._random.choice((0, 1, 2, None, None)),
            f"{self._random.randint(4, 16):02d}:00" if self._random.random() < 0.4 else None,
        )

    def _some_words(self, count: int) -> list[str]:
        return self._random.sample(self._words, count)

    def _word(self) -> str:
        return self._random.choice(self._words)

    def _time(self) -> str:
        return f"{self._random.randrange(24):02d}:{self._random.randrange(0, 60, 5):02d}"

    def _small(self) -> str:
        return str(self._random.randrange(13))

    def _id(self) -> str:
        letters = self._random.choices(ascii_uppercase, k=3)
        number = "".join(self._random.choices(digits, k=10))
        day = f"20{number[:2]}-{self._random.randint(1, 12):02d}-{self._random.randint(1, 28):02d}"
        flight = "".join(letters[:2]) + number[:4]
        forms = (flight, flight, number[: self._random.randint(2, 6)], "".join(letters), f"tok_{number}", day)
        return self._random.choice(forms)


@dataclass(frozen=True)
class _Row:
    price: int
    time: str
    stops: int
    id: str


@dataclass(frozen=True)
class _Limits:
    price: int | None
    stops: int | None
    time: str | None

    def __str__(self) -> str:
        told = [f"at most {self.price}"] if self.price is not None else []
        told += [f"at most {self.stops} stops"] if self.stops is not None else []
        return ", ".join([*told, *([f"at {self.time} or later"] if self.time is not None else [])])

    def allow(self, row: _Row) -> bool:
        """Whether a row keeps all but the price."""
        return (self.stops is None or row.stops <= self.stops) and (
            self.time is None or row.time >= self.time
        )


def _judged(price: int, limit: int) -> str:
    return "within" if price <= limit else "too much"


def _chosen(kind: str, fitting: list[_Row], limit: int | None) -> str:
    if not fitting:
        return "none fit"
    if kind == "all":
        return " ".join(row.id for row in fitting)
    pick = min if kind == "least" else max
    best = pick(fitting, key=lambda row: row.price)
    judged = "" if limit is None else f"; {limit} is allowed, {_judged(best.price, limit)}"
    return f"{best.id} {kind}: {best.price}{judged}"


def _as_json(text: str) -> Any:
    return int(text) if text.isdigit() and len(text) < 3 else text
