"""ShareGPT form, as APIGen-MT and xLAM have it: conversations with tools, as traces.

A record is `{conversations: [{from: human | function_call | observation | gpt, value}], system, tools}`;
`tools` is a list or JSON text (https://huggingface.co/datasets/Salesforce/APIGen-MT-5k).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, Field

from practicum.memory.imports.dialogue import Dialogue, read_arguments
from practicum.memory.imports.protocol import checked
from practicum.memory.imports.traces import Trace, Unreadable

ROLES = {
    "system": "system",
    "human": "human",
    "user": "human",
    "gpt": "gpt",
    "assistant": "gpt",
    "function_call": "function_call",
    "tool_call": "function_call",
    "observation": "observation",
    "tool": "observation",
}
"""What each word for a speaker means."""


class _Turn(BaseModel):
    speaker: str = Field(alias="from")
    value: str | None


class _Conversation(BaseModel):
    conversations: list[_Turn]
    system: str | None = None
    tools: str | list[Any] | None = None
    id: int | str | None = None
    success: bool | None = None


class ShareGPTImporter:
    """Reads conversations in ShareGPT form."""

    name = "sharegpt"
    expects = "a conversation in ShareGPT form: {conversations: [{from, value}], system, tools}"
    whole_file = False

    def recognises(self, record: Any) -> bool:
        """Whether it has conversations."""
        return isinstance(record, Mapping) and "conversations" in record

    def traces(self, record: Any) -> Iterator[Trace]:
        """The conversation.

        Raises:
            Unreadable: it is none.
        """
        found = checked(_Conversation, record)
        dialogue = _dialogue(found)
        yield Trace(
            calls=dialogue.calls,
            instruction="\n\n".join(filter(None, (dialogue.opening, dialogue.system))),
            opening=dialogue.opening,
            tools=tuple(_tools(found.tools)),
            success=found.success,
            ended=found.success is not None,
            task_id="" if found.id is None else str(found.id),
        )


def _tools(tools: str | list[Any] | None) -> list[Any]:
    if not isinstance(tools, str):
        return tools or []
    try:
        listed = json.loads(tools or "[]")
    except (ValueError, RecursionError):
        raise Unreadable("tools: expected a list, or one as JSON text") from None
    return listed if isinstance(listed, list) else [listed]


def _dialogue(found: _Conversation) -> Dialogue:
    dialogue = Dialogue()
    if found.system:
        dialogue.is_told(found.system)
    for number, turn in enumerate(found.conversations, 1):
        try:
            _take(dialogue, turn)
        except Unreadable as error:
            raise Unreadable(f"turn {number}: {error}") from None
    return dialogue


def _take(dialogue: Dialogue, turn: _Turn) -> None:
    role, value = ROLES.get(turn.speaker), turn.value or ""
    if role == "system":
        dialogue.is_told(value)
    elif role == "human":
        dialogue.hears(value)
    elif role == "gpt":
        dialogue.says(value)
    elif role == "observation":
        dialogue.sees(value)
    elif role == "function_call":
        for call in _calls(value):
            dialogue.does(call["name"], read_arguments(call["name"], call.get("arguments")))
    else:
        raise Unreadable(f"expected from one of {', '.join(ROLES)}, not {turn.speaker!r}")


def _calls(value: str) -> list[Any]:
    """The calls of a turn: one, or a list of them."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        found = None
    calls = found if isinstance(found, list) else [found]
    if not all(isinstance(call, dict) and isinstance(call.get("name"), str) for call in calls):
        raise Unreadable(f"expected a call as JSON, {{name, arguments}}, not {value[:80]!r}")
    return calls
