"""Dialogue: who said, called and answered what, turn by turn, as the calls of a trace."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from practicum.memory.imports.traces import RESPOND, TracedCall, Unreadable, read_result


class Dialogue:
    """Takes the turns of a conversation in their order.

    The assistant's words are calls of `respond`, whose result is what was answered to them; words that a tool
    call follows at once are its thought.
    """

    def __init__(self) -> None:
        self.system = ""
        """What the assistant was told before it began."""
        self.opening = ""
        """What it heard before its first turn."""
        self._calls: list[TracedCall] = []
        self._ids: list[str | None] = []
        self._waiting: list[int] = []
        """Places of the calls that have no answer yet."""

    @property
    def calls(self) -> tuple[TracedCall, ...]:
        """What the assistant has done so far."""
        return tuple(self._calls)

    def is_told(self, words: str) -> None:
        """The assistant is instructed."""
        self.system = _joined(self.system, words)

    def hears(self, words: str) -> None:
        """Somebody speaks to the assistant."""
        if not self._calls:
            self.opening = _joined(self.opening, words)
            return
        if self._calls[-1].tool != RESPOND:
            self.says("")
        last = self._calls[-1]
        heard = words if self._waiting else _joined(last.result, words)
        self._calls[-1] = replace(last, result=heard)
        self._waiting = []

    def says(self, words: str, *, thought: str | None = None) -> None:
        """The assistant speaks."""
        self._add(TracedCall(RESPOND, {"message": words}, thought=thought), None)
        self._waiting = [len(self._calls) - 1]

    def does(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        thought: str | None = None,
        call_id: str | None = None,
    ) -> None:
        """The assistant calls a tool; several may be called before the first is answered."""
        if self._waiting and self._calls[-1].tool == RESPOND:
            said = self._calls.pop()
            self._ids.pop()
            self._waiting = []
            words = (said.thought, said.arguments["message"], thought)
            thought = "\n".join(filter(None, words)) or None
        self._add(TracedCall(tool, arguments, thought=thought), call_id)
        self._waiting.append(len(self._calls) - 1)

    def sees(self, text: str, *, call_id: str | None = None) -> None:
        """A tool answers: the call of that id, or else the first that waits.

        Raises:
            Unreadable: no call waits for an answer.
        """
        waiting = [place for place in self._waiting if self._calls[place].tool != RESPOND]
        if not waiting:
            raise Unreadable("a tool answers, but no call waits for an answer")
        named = (place for place in waiting if call_id is not None and self._ids[place] == call_id)
        place = next(named, waiting[0])
        result, error = read_result(text)
        self._calls[place] = replace(self._calls[place], result=result, error=error)
        self._waiting.remove(place)

    def _add(self, call: TracedCall, call_id: str | None) -> None:
        self._calls.append(call)
        self._ids.append(call_id)


def _joined(before: str | None, words: str) -> str:
    return f"{before}\n\n{words}" if before else words


def read_arguments(tool: str, arguments: Any) -> dict[str, Any]:
    """The arguments of a call, an object or one as JSON text; none at all are an empty object.

    Raises:
        Unreadable: they are something else.
    """
    found = arguments
    if isinstance(arguments, str):
        try:
            found = json.loads(arguments or "{}")
        except (ValueError, RecursionError):
            raise Unreadable(
                f"expected the arguments of {tool} as a JSON object, not {arguments[:80]!r}"
            ) from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise Unreadable(f"expected the arguments of {tool} as a JSON object, not {json.dumps(found)[:80]}")
    return found
