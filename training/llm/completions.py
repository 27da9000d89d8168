"""Completions: reads what a server answers, which differs in small things from one to the next."""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from practicum.envs.errors import shortened
from practicum.training.llm.chat_model import ModelFailed, ModelUnavailable, Reply, ToolRequest, Usage

_THOUGHTS = re.compile(r"\s*(?:<think>(.*?)(?:</think>|\Z))?(.*)", re.DOTALL)
"""What a model thought, where its server leaves that in the text, and what it said."""
LONGEST_SAID = 300
"""Characters of a server's own words that are passed on."""


class _Function(BaseModel):
    name: str
    arguments: str | dict[str, Any] | None = None
    """Text by the book; some servers send the object itself."""


class _Call(BaseModel):
    id: str | None = None
    function: _Function


class _Part(BaseModel):
    type: str = "text"
    text: str = ""


class _Message(BaseModel):
    content: str | list[_Part] | None = None
    """Text by the book; some servers send parts, of which some are thoughts."""
    refusal: str | None = None
    tool_calls: list[_Call] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Completion(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None


def read_completion(answer: Any, who: str) -> Reply:
    """The reply in a server's answer.

    Args:
        answer: what the `openai` package made of it.
        who: the model and its server, for messages.

    Raises:
        ModelFailed: the answer is a completion without what belongs into one.
        ModelUnavailable: it is something else altogether.
    """
    if not hasattr(answer, "to_dict"):
        raise ModelUnavailable(f"{who} answers no chat completion; most base URLs end in /v1")
    body = answer.to_dict(warnings=False)
    try:
        return _reply(_Completion.model_validate(body))
    except ValidationError as error:
        raise ModelFailed(f"{who} answered no chat completion: {_problem(body, error)}") from None


def _problem(body: dict[str, Any], error: ValidationError) -> str:
    """What is wrong with an answer: what the server says itself, or else what is missing."""
    if body.get("error"):
        return shortened(" ".join(str(body["error"]).split()), LONGEST_SAID)
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _reply(found: _Completion) -> Reply:
    choice = found.choices[0]
    message, counted = choice.message, found.usage or _Usage()
    calls = [_request(call, number) for number, call in enumerate(message.tool_calls or (), 1)]
    thought, text = _THOUGHTS.match(_words(message)).groups()  # type: ignore[union-attr]  # it matches all
    return Reply(
        text=(text or message.refusal or "").strip(),
        tool_calls=tuple(calls),
        usage=Usage(1, counted.prompt_tokens or 0, counted.completion_tokens or 0),
        reasoning=(message.reasoning_content or message.reasoning or thought or "").strip(),
        cut_off=choice.finish_reason == "length",
    )


def _words(message: _Message) -> str:
    if isinstance(message.content, list):
        return "".join(part.text for part in message.content if part.type == "text")
    return message.content or ""


def _request(call: _Call, number: int) -> ToolRequest:
    arguments = call.function.arguments
    text = json.dumps(arguments) if isinstance(arguments, dict) else arguments or ""
    return ToolRequest(call.id or f"call_{number}", call.function.name, text)
