"""Features: a task's parameters as numbers, so that what suited one task can be told to suit another.

Nothing is declared: a parameter with few values counts by its value, one with many by whether it holds
anything and, if it is a number or a list, by its order of magnitude. Which it is shows as tasks come, and the
columns of values that turned out to be many are dropped. Whoever adds up products of the vectors (`Moments`)
drops the same rows and columns, and has what the tasks would have given had those columns never been there.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Column = tuple[str, ...]
"""`("one",)`, `("holds", parameter)`, `("size", parameter)` or `("is", parameter, value as JSON)`."""

FEW = 8
"""A parameter of at most so many values counts by its value."""
LONGEST_VALUE = 80
"""Characters of a value as JSON; a longer one is no low-cardinality value."""
LARGEST_SIZE = 1e18
"""A larger number counts as this one."""


class Vocabulary:
    """The columns of an environment's tasks, in the order in which they were first needed."""

    def __init__(self, columns: Iterable[Column] = (("one",),), many: Iterable[str] = ()) -> None:
        self._many = set(many)
        self._keep(list(columns))

    def _keep(self, columns: list[Column]) -> None:
        self.columns = columns
        self._places = {column: place for place, column in enumerate(columns)}

    def meet(self, params: Mapping[str, Any]) -> list[int]:
        """Take in the parameters of a task: new columns come last, those of many values go.

        Returns:
            The places, before the call, of the columns that are gone, in ascending order.
        """
        turned = {name for name, value in params.items() if self._turns_many(name, value)}
        gone = [p for p, column in enumerate(self.columns) if column[0] == "is" and column[1] in turned]
        self._many |= turned
        if turned:
            self._keep([column for column in self.columns if column[0] != "is" or column[1] not in turned])
        for name, value in params.items():
            for column, _ in self._cells(name, value):
                if column not in self._places:
                    self._places[column] = len(self.columns)
                    self.columns.append(column)
        return gone

    def vector(self, params: Mapping[str, Any]) -> Vector:
        """The parameters of a task in the columns as they are; a value never met has none."""
        vector = np.zeros(len(self.columns))
        vector[0] = 1.0
        for name, value in params.items():
            for column, cell in self._cells(name, value):
                if column in self._places:
                    vector[self._places[column]] = cell
        return vector

    def used(self) -> list[int]:
        """The places of the columns that tell tasks apart: sizes only where values are many."""
        return [
            place
            for place, column in enumerate(self.columns)
            if column[0] in ("one", "is") or column[1] in self._many
        ]

    def sizes(self) -> list[int]:
        """The places of the columns that are no zeros and ones."""
        return [place for place, column in enumerate(self.columns) if column[0] == "size"]

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object."""
        return {"columns": [list(column) for column in self.columns], "many": sorted(self._many)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Vocabulary:
        """Read what `as_json` wrote."""
        return cls((tuple(column) for column in record["columns"]), record["many"])

    def _turns_many(self, name: str, value: Any) -> bool:
        if name in self._many:
            return False
        text = _as_text(value)
        if len(text) > LONGEST_VALUE:
            return True
        known = {column[2] for column in self.columns if column[0] == "is" and column[1] == name}
        return len(known | {text}) > FEW

    def _cells(self, name: str, value: Any) -> Iterable[tuple[Column, float]]:
        yield ("holds", name), float(bool(value))
        size = _size(value)
        if size is not None:
            yield ("size", name), size
        if name not in self._many:
            yield ("is", name, _as_text(value)), 1.0


class Moments:
    """Sums over observations of one kind: of products of features, and of features with what was earned."""

    def __init__(
        self, products: Vector | None = None, earned: Vector | None = None, squares: float = 0.0
    ) -> None:
        self.products = np.zeros((1, 1)) if products is None else products
        """Sum of x xᵀ; the corner counts the observations."""
        self.earned = np.zeros(1) if earned is None else earned
        """Sum of x times what was earned."""
        self.squares = squares
        """Sum of the squares of what was earned."""

    @property
    def count(self) -> float:
        """How many observations there are."""
        return float(self.products[0, 0])

    def add(self, vector: Vector, earned: float) -> None:
        """Take in an observation; the vector may have grown since the last one."""
        self.fit(len(vector))
        self.products += np.outer(vector, vector)
        self.earned += earned * vector
        self.squares += earned**2

    def fit(self, size: int) -> None:
        """Let new columns be zero in all that was observed before."""
        more = size - len(self.earned)
        if more > 0:
            self.products = np.pad(self.products, (0, more))
            self.earned = np.pad(self.earned, (0, more))

    def drop(self, places: Sequence[int]) -> None:
        """Forget columns, by their places in the order before."""
        kept = [place for place in places if place < len(self.earned)]
        self.products = np.delete(np.delete(self.products, kept, axis=0), kept, axis=1)
        self.earned = np.delete(self.earned, kept)

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object: the lower triangle of the products, row after row."""
        triangle = self.products[np.tril_indices(len(self.earned))]
        return {"products": triangle.tolist(), "earned": self.earned.tolist(), "squares": self.squares}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Moments:
        """Read what `as_json` wrote."""
        earned = np.array(record["earned"], dtype=np.float64)
        lower = np.zeros((len(earned), len(earned)))
        lower[np.tril_indices(len(earned))] = record["products"]
        return cls(lower + lower.T - np.diag(np.diag(lower)), earned, record["squares"])


def _as_text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _size(value: Any) -> float | None:
    """The order of magnitude of a number, or of a list's length: log(1 + x), below 0 as above it."""
    if isinstance(value, list | tuple | dict):
        return math.log1p(len(value))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return 0.0 if math.isnan(value) else math.copysign(math.log1p(min(abs(value), LARGEST_SIZE)), value)
