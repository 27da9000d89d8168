"""ScriptedChat: a chat model that gives prepared replies, for tests, examples and dry runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Lock
from typing import Any

from practicum.training.llm.chat_model import Message, ModelFailed, Reply, Usage

Line = str | Reply | Exception | Callable[[Sequence[Message]], "str | Reply"]
"""A reply, its words alone, what to raise instead, or what makes a reply of the conversation."""


class ScriptedChat:
    """Gives its replies one after the other, whatever it is asked; costs nothing and needs no server.

    Args:
        replies: in their order.
        name: what it is called.
    """

    def __init__(self, replies: Iterable[Line], *, name: str = "scripted") -> None:
        self.name = name
        self.asked: list[tuple[Message, ...]] = []
        """The conversation of each call so far."""
        self.offered: list[tuple[Mapping[str, Any], ...]] = []
        """The tools of each call so far."""
        self._replies = iter(replies)
        self._used = Usage()
        self._lock = Lock()

    @property
    def used(self) -> Usage:
        """The calls so far; tokens are those of the replies' own usage."""
        return self._used

    def complete(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None = None, **options: Any
    ) -> Reply:
        """The next reply.

        Raises:
            ModelFailed: there is none any more.
            Exception: the script says so.
        """
        with self._lock:
            self.asked.append(tuple(messages))
            self.offered.append(tuple(tools or ()))
            line = next(self._replies, None)
            reply = self._read(line, messages)
            self._used += Usage(1) + reply.usage
        return reply

    def _read(self, line: Line | None, messages: Sequence[Message]) -> Reply:
        if line is None:
            raise ModelFailed(f"the script of {self.name!r} ended after {len(self.asked) - 1} replies")
        if isinstance(line, Exception):
            raise line
        said = line(messages) if callable(line) else line
        return Reply(said) if isinstance(said, str) else said
