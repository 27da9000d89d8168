"""Conversation: what a chat model is shown of an episode, the oldest left out where it grows too long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from practicum.envs.episodes import compact_json
from practicum.envs.errors import shortened
from practicum.training.llm import Message

BYTES_PER_TOKEN = 3
"""Fewer than English text has, since JSON and ids take more tokens."""
LEAST_CONTENT = 200
"""Characters that are left of a message, however little room there is."""


class Conversation:
    """A head that always stays, and exchanges: what the model said, with all that it was answered.

    Args:
        head: what comes first, its last message a user's.
    """

    def __init__(self, head: Sequence[Message]) -> None:
        self._head = list(head)
        self._exchanges: list[list[Message]] = []

    def add(self, message: Message) -> None:
        """Append a message; an assistant's begins an exchange."""
        if message["role"] == "assistant" or not self._exchanges:
            self._exchanges.append([])
        self._exchanges[-1].append(message)

    @property
    def tokens(self) -> int:
        """About how long the whole is."""
        exchanged = sum(_size(message) for exchange in self._exchanges for message in exchange)
        return (sum(map(_size, self._head)) + exchanged) // BYTES_PER_TOKEN

    def within(self, tokens: int) -> list[Message]:
        """The messages, oldest first, those of the oldest exchanges left out as far as need be.

        The last exchange always stays; where it alone is too much, what the model was answered is shortened.

        Args:
            tokens: about so many at most.
        """
        room = tokens * BYTES_PER_TOKEN - sum(map(_size, self._head))
        kept = list(self._newest_within(room))[::-1]
        left_out = len(self._exchanges) - len(kept)
        if len(kept) == 1:
            kept = [_shortened(kept[0], room)]
        head = [*self._head[:-1], _noted(self._head[-1], left_out)] if left_out else self._head
        return [*head, *(message for exchange in kept for message in exchange)]

    def _newest_within(self, room: int) -> Iterator[list[Message]]:
        for place, exchange in enumerate(reversed(self._exchanges)):
            room -= sum(map(_size, exchange))
            if room < 0 and place > 0:
                return
            yield exchange


def _size(message: Message) -> int:
    return len(compact_json(message))


def _noted(message: Message, left_out: int) -> dict[str, Any]:
    """The last message of the head, with word of what is missing after it."""
    note = f"[{left_out} earlier exchanges are left out here.]"
    return {**message, "content": f"{message['content']}\n\n{note}"}


def _shortened(exchange: list[Message], room: int) -> list[Message]:
    """An exchange whose answers share the room that what the model said leaves."""
    answers = [message for message in exchange if message["role"] != "assistant"]
    said = sum(_size(message) for message in exchange if message["role"] == "assistant")
    if not answers or sum(map(_size, exchange)) <= room:
        return exchange
    each = (room - said) // len(answers)
    return [message if message["role"] == "assistant" else _cut(message, each) for message in exchange]


def _cut(message: Message, size: int) -> dict[str, Any]:
    """A message of about so many bytes."""
    content = message["content"]
    most = max(len(content) * size // _size(message), LEAST_CONTENT)
    return {**message, "content": shortened(content, most)}
