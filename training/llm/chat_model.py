"""ChatModel: what answers a conversation, in words or with calls of tools, and what an answer holds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from practicum.envs.errors import UsageError
from practicum.envs.outside import OutsideFailed

Message = Mapping[str, Any]
"""A message as OpenAI's chat completions have it: `role`, `content`, and where it has them `tool_calls`."""


class ModelFailed(OutsideFailed):
    """A model gave no answer that can be used; the next question may well be answered."""


class ContextTooLong(ModelFailed):
    """A conversation is longer than the model can read; a shorter one may be answered."""


class ModelUnavailable(UsageError, OutsideFailed):  # noqa: N818  # says what is so
    """A model cannot be asked at all, now or later, until a person sets something right."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What calls of a model took."""

    calls: int = 0
    prompt_tokens: int = 0
    """As the server counts them; 0 where it does not say."""
    completion_tokens: int = 0
    seconds: float = 0.0
    """Waited for answers, tries that failed included."""

    @property
    def tokens(self) -> int:
        """Read and written."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.seconds + other.seconds,
        )

    def __sub__(self, other: Usage) -> Usage:
        return Usage(
            self.calls - other.calls,
            self.prompt_tokens - other.prompt_tokens,
            self.completion_tokens - other.completion_tokens,
            self.seconds - other.seconds,
        )


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """A call of a tool that a model asks for."""

    id: str
    """What the answer refers to."""
    name: str
    arguments: str
    """JSON as the model wrote it, which may be malformed."""

    def read(self) -> dict[str, Any]:
        """The arguments; none at all where the model left them out.

        Raises:
            ValueError: they are no JSON object; says why.
        """
        try:
            found = json.loads(self.arguments) if self.arguments.strip() else {}
        except json.JSONDecodeError as error:
            raise ValueError(f"the arguments of {self.name!r} are no JSON: {error}") from None
        except RecursionError:
            raise ValueError(f"the arguments of {self.name!r} are nested too deeply") from None
        if not isinstance(found, dict):
            raise ValueError(f"the arguments of {self.name!r} are no JSON object, such as {{}}")  # noqa: TRY004  # a value the model wrote
        return found

    def as_json(self) -> dict[str, Any]:
        """As it stands in an assistant's message."""
        function = {"name": self.name, "arguments": self.arguments}
        return {"id": self.id, "type": "function", "function": function}


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model answered."""

    text: str = ""
    tool_calls: tuple[ToolRequest, ...] = ()
    usage: Usage = Usage()
    reasoning: str = ""
    """What it thought before it answered, where the server tells; no part of the conversation."""
    cut_off: bool = False
    """Whether it reached the limit of tokens before it had finished."""
    blocks: tuple[Mapping[str, Any], ...] = ()
    """The answer as it came, where its server wants it back so: with signed thoughts, for one."""

    @classmethod
    def calling(cls, name: str, arguments: Mapping[str, Any], text: str = "") -> Reply:
        """A reply that calls one tool."""
        return cls(text, (ToolRequest(f"call_{name}", name, json.dumps(dict(arguments))),))

    @property
    def message(self) -> dict[str, Any]:
        """The assistant's message that goes into the conversation."""
        own = {"blocks": list(self.blocks)} if self.blocks else {}
        if not self.tool_calls:
            return {"role": "assistant", "content": self.text, **own}
        calls = [call.as_json() for call in self.tool_calls]
        return {"role": "assistant", "content": self.text or None, "tool_calls": calls, **own}


class ChatModel(Protocol):
    """What answers a conversation. Several threads may ask at the same time."""

    @property
    def name(self) -> str:
        """The model's, for people and logs."""

    @property
    def used(self) -> Usage:
        """What all calls so far took."""

    def complete(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None = None, **options: Any
    ) -> Reply:
        """Answer a conversation.

        Args:
            messages: oldest first.
            tools: what can be called, each as `function_tool` makes it.
            options: fields of the request beside these, such as `temperature` or `response_format`.

        Raises:
            ModelFailed: no answer came that can be used.
            ModelUnavailable: none will come until a person sets something right.
        """


def function_tool(name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """A tool as a chat model is offered it.

    Args:
        name: of at most 64 letters, digits, `_` and `-`.
        description: what it does.
        schema: JSON schema of its arguments, an object.
    """
    function = {"name": name, "description": description, "parameters": dict(schema)}
    return {"type": "function", "function": function}


def tool_answer(request: ToolRequest, content: str) -> dict[str, Any]:
    """The message that tells a model what came of its call."""
    return {"role": "tool", "tool_call_id": request.id, "content": content}
