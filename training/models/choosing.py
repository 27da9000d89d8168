"""Choosing: which token comes next, the likeliest or drawn, among those that a grammar allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from practicum.envs.errors import UsageError
from practicum.training.models.grammar import Literal, Node, Then, Until, then
from practicum.training.models.symbols import SPECIAL, Alphabet

if TYPE_CHECKING:
    from collections.abc import Iterator

Logits = npt.NDArray[np.float32]
"""One number a token: of the vocabulary, in the order of ids."""
FIRST_LOOK = 64
"""Tokens that are tried before all are sorted."""


@dataclass(frozen=True)
class Limits:
    """How long a reply may be, in tokens."""

    reply: int = 256
    thought: int = 96
    """After so many tokens without a call the call begins; for constrained replies alone."""


class Free:
    """Any token, until the message ends.

    Args:
        end: ids of the tokens that end it.
        limits: of the reply.
        temperature: 0 takes the likeliest token.
        random: for drawing.
    """

    def __init__(
        self,
        end: frozenset[int],
        limits: Limits,
        *,
        temperature: float = 0.0,
        random: np.random.Generator | None = None,
    ) -> None:
        self.done = False
        self._end, self._left = end, limits.reply
        self._temperature, self._random = temperature, random

    def choose(self, logits: Logits) -> int:
        """The next token; `done` says whether it is the last."""
        token = int(np.argmax(perturbed(logits, self._temperature, self._random)))
        self._left -= 1
        self.done = token in self._end or self._left <= 0
        return token


class Constrained:
    """Tokens that a grammar allows, until it ends; it always does, also where the limit is reached.

    Args:
        node: the grammar.
        alphabet: of the tokenizer.
        limits: of the reply.
        temperature: 0 takes the likeliest token that is allowed; else one is drawn from those allowed, each
            with the share that it has among them.
        random: for drawing.
    """

    def __init__(
        self,
        node: Node,
        alphabet: Alphabet,
        limits: Limits,
        *,
        temperature: float = 0.0,
        random: np.random.Generator | None = None,
    ) -> None:
        self.done = node.ended
        self._node, self._alphabet, self._limits = node, alphabet, limits
        self._temperature, self._random = temperature, random
        self._written = 0

    def choose(self, logits: Logits) -> int:
        """The next token; `done` says whether it is the last."""
        self._hurry()
        token, self._node = self._allowed(perturbed(logits, self._temperature, self._random))
        self._written += 1
        self.done = self._node.ended and not self._node.shortest
        return token

    def _hurry(self) -> None:
        """Leave only the way to the call when the thought is long, only the shortest way at the end."""
        node = self._node
        if self._written >= self._limits.thought and isinstance(node, Then) and isinstance(node.first, Until):
            self._node = then(Literal(node.first.shortest), node.second)
        if self._written + len(self._node.shortest) >= self._limits.reply:
            self._node = Literal(self._node.shortest)

    def _allowed(self, scores: Logits) -> tuple[int, Node]:
        for token in best_first(scores):
            left = self._alphabet.read(self._node, token)
            if left is not None:
                return token, left
        wanted = bytes(symbol for symbol in self._node.shortest if symbol < SPECIAL)
        raise UsageError(f"the tokenizer has no token for {wanted!r}; play this model with --free")


def perturbed(logits: Logits, temperature: float, random: np.random.Generator | None) -> Logits:
    """Logits whose greatest is a draw from their softmax at a temperature (the Gumbel-max trick)."""
    if temperature <= 0:
        return logits
    draws = (random or np.random.default_rng()).gumbel(size=logits.shape)
    found: Logits = (logits / temperature + draws).astype(np.float32)
    return found


def best_first(scores: Logits) -> Iterator[int]:
    """Token ids by falling score, equals by id; sorted only as far as they are asked for."""
    if len(scores) > FIRST_LOOK:
        some = np.argpartition(-scores, FIRST_LOOK)[:FIRST_LOOK]
        least = scores[some].min()
        first = np.flatnonzero(scores > least)
        first = first[np.argsort(-scores[first], kind="stable")]
        yield from map(int, first)
        rest = np.flatnonzero(scores <= least)
    else:
        rest = np.arange(len(scores))
    yield from map(int, rest[np.argsort(-scores[rest], kind="stable")])


def logprob(logits: Logits, token: int) -> float:
    """The natural logarithm of a token's probability, at temperature 1 and among all tokens."""
    top = float(logits.max())
    return float(logits[token]) - top - float(np.log(np.exp(logits - top).sum(dtype=np.float64)))
