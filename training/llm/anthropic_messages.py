"""Messages and tools in the form of Anthropic's Messages API, and the reply in what it answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from pydantic import BaseModel

from practicum.training.llm.chat_model import Message, Reply, ToolRequest, Usage

Block = Mapping[str, Any]
"""A piece of a message's content: `text`, `tool_use`, `tool_result`."""


def system_of(messages: Sequence[Message]) -> str:
    """What stands beside the conversation in that API: the texts of the system's messages."""
    return "\n\n".join(_text(message) for message in messages if message["role"] == "system")


def turns_of(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """A conversation in turns of user and assistant; answers of tools are the user's."""
    said = [(_role(each), list(_blocks(each))) for each in messages if each["role"] != "system"]
    return [
        {"role": role, "content": [block for _, blocks in turn for block in blocks]}
        for role, turn in groupby((each for each in said if each[1]), key=itemgetter(0))
    ]


def tools_of(tools: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Tools as `function_tool` makes them, in that API's form."""
    functions = [tool["function"] for tool in tools]
    return [
        {"name": each["name"], "description": each["description"], "input_schema": each["parameters"]}
        for each in functions
    ]


def _role(message: Message) -> str:
    return "assistant" if message["role"] == "assistant" else "user"


def _blocks(message: Message) -> Iterator[Block]:
    if "blocks" in message:
        yield from message["blocks"]
        return
    if message["role"] == "tool":
        content = _text(message)
        result = {"type": "tool_result", "tool_use_id": message["tool_call_id"], "content": content}
        yield {**result, "is_error": content.startswith("Error: ")}
        return
    if text := _text(message):
        yield {"type": "text", "text": text}
    for call in message.get("tool_calls", ()):
        request = ToolRequest(call["id"], call["function"]["name"], call["function"]["arguments"])
        yield {"type": "tool_use", "id": request.id, "name": request.name, "input": _input(request)}


def _text(message: Message) -> str:
    """The words of a message; the API takes no text that is blank."""
    return str(message["content"] or "").strip()


def _input(request: ToolRequest) -> dict[str, Any]:
    """The arguments of a call; none where they could not be read, as the answer to that call says."""
    try:
        return request.read()
    except ValueError:
        return {}


class _Block(BaseModel):
    type: str
    text: str = ""
    thinking: str = ""
    id: str = ""
    name: str = ""
    input: dict[str, Any] = {}


class _Counted(BaseModel):
    input_tokens: int = 0
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int = 0


class _Answer(BaseModel):
    content: list[_Block]
    stop_reason: str | None = None
    usage: _Counted = _Counted()


def read_message(body: Mapping[str, Any]) -> Reply:
    """The reply in an answer.

    Raises:
        ValidationError: it is none.
    """
    answer = _Answer.model_validate(body)
    counted = answer.usage
    is_plain = all(block.type in ("text", "tool_use") for block in answer.content)
    cached = (counted.cache_creation_input_tokens or 0) + (counted.cache_read_input_tokens or 0)
    calls = [block for block in answer.content if block.type == "tool_use"]
    return Reply(
        text="".join(block.text for block in answer.content if block.type == "text").strip(),
        tool_calls=tuple(ToolRequest(each.id, each.name, json.dumps(each.input)) for each in calls),
        usage=Usage(1, counted.input_tokens + cached, counted.output_tokens),
        reasoning="\n".join(block.thinking for block in answer.content if block.type == "thinking").strip(),
        cut_off=answer.stop_reason in ("max_tokens", "model_context_window_exceeded"),
        blocks=() if is_plain else tuple(body["content"]),
    )
