"""Lines: what may stand in a line of JSONL, checked at the door, and its messages in the form of ours."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

from practicum.training.datasets.row import Toolset
from practicum.training.transcripts import Message, call_id


def _object(value: Any) -> Any:
    """An object, or the JSON text of one."""
    read = json.loads(value) if isinstance(value, str) else value
    if not isinstance(read, dict):
        raise ValueError(f"expected an object, or one as JSON text, not {type(read).__name__}")  # noqa: TRY004  # pydantic takes this one
    return read


def _listed(value: Any) -> Any:
    """A list, or the JSON text of one; nothing is an empty one."""
    return json.loads(value or "[]") if isinstance(value, str) else value or []


class Function(BaseModel):
    """A call: what, and with what."""

    name: str
    arguments: Annotated[dict[str, Any], BeforeValidator(_object)] = {}
    thought: str = ""


class Call(BaseModel):
    """A call with its id."""

    id: str = ""
    function: Function


class SaidMessage(BaseModel):
    """A message as OpenAI's chat API or a chat template has it."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    tool_calls: list[Call] | None = None
    tool_call_id: str = ""
    name: str = ""


Said = Annotated[list[SaidMessage], Field(min_length=1)]


class About(BaseModel):
    """Where an example came from, as far as the line says."""

    tools: Annotated[list[dict[str, Any]], BeforeValidator(_listed)] = []
    session: str | None = None
    sessions: tuple[str | None, ...] = ()
    env: str | None = None
    task: str | None = None
    split: str | None = None

    @property
    def toolset(self) -> Toolset:
        """The tools."""
        return Toolset(tuple(self.tools))

    @property
    def origin(self) -> dict[str, Any]:
        """The fields of an `Origin`."""
        own = {name: getattr(self, name) for name in ("toolset", "sessions", "env", "split")}
        return own | {"task_hash": self.task}


class ChatLine(About):
    """A line of the formats sft and openai."""

    messages: Said
    weights: list[float] | None = None
    turns: tuple[int, ...] = ()
    success: bool | None = None
    total_reward: float | None = Field(None, alias="return")
    terms: tuple[dict[str, float], ...] = ()
    scores: tuple[float | None, ...] = ()
    quality: float | None = None


class Turn(BaseModel):
    """A turn of a conversation as ShareGPT has it."""

    speaker: Literal[
        "system", "human", "user", "gpt", "assistant", "function_call", "observation", "tool"
    ] = Field(alias="from")
    value: str


class ShareGptLine(About):
    """A line of the format sharegpt."""

    conversations: Annotated[list[Turn], Field(min_length=1)]
    system: str = ""


class PairLine(About):
    """A line of the format dpo."""

    prompt: Said
    chosen: Said
    rejected: Said
    kind: str = "preference"
    margin: float | None = None


class LabelLine(About):
    """A line of the format kto."""

    prompt: Said
    completion: Said
    label: bool


class GroupLine(About):
    """A line of the format grpo."""

    prompt: Said
    completions: Annotated[list[Said], Field(min_length=1)]
    rewards: list[float]
    step_rewards: tuple[tuple[float | None, ...], ...] = ()


def ones(messages: Sequence[Message]) -> tuple[float, ...]:
    """A weight of 1 for each of the assistant's messages."""
    return tuple(1.0 for message in messages if message["role"] == "assistant")


def opening_size(messages: Sequence[Message]) -> int:
    """How many messages stand before the first of the assistant's."""
    roles = [message["role"] for message in messages]
    return roles.index("assistant") if "assistant" in roles else len(roles)


def as_messages(read: Sequence[SaidMessage], first: int = 1) -> tuple[Message, ...]:
    """Messages in the form of `transcripts`: calls numbered where they have no ids, answers named.

    Raises:
        ValueError: a tool's message answers no call.
    """
    made: list[Message] = []
    names: dict[str, str] = {}
    open_calls: list[str] = []
    for message in read:
        if message.tool_calls:
            numbers = range(first + len(names), first + len(names) + len(message.tool_calls))
            calls = [_call(*each) for each in zip(numbers, message.tool_calls, strict=True)]
            names |= {call["id"]: call["function"]["name"] for call in calls}
            open_calls += [call["id"] for call in calls]
            made.append({"role": "assistant", "content": message.content or "", "tool_calls": calls})
        elif message.role == "tool":
            made.append(_answer(message, names, open_calls))
        else:
            made.append({"role": message.role, "content": message.content or ""})
    return tuple(made)


def _call(number: int, call: Call) -> dict[str, Any]:
    function = {"name": call.function.name, "arguments": call.function.arguments}
    return {"id": call.id or call_id(number), "type": "function", "function": function}


def _answer(message: SaidMessage, names: Mapping[str, str], open_calls: list[str]) -> Message:
    """A tool's answer: to the call that it names, else to the first that has none yet."""
    known = message.tool_call_id if message.tool_call_id in names else next(iter(open_calls), None)
    if known is None:
        raise ValueError("a tool's message answers no call")
    if known in open_calls:
        open_calls.remove(known)
    name = message.name or names[known]
    return {"role": "tool", "tool_call_id": known, "name": name, "content": message.content or ""}


def going_on(prompt: Sequence[Message], read: Sequence[SaidMessage]) -> tuple[Message, ...]:
    """Messages after a beginning, their calls numbered on."""
    before = sum(len(message.get("tool_calls", ())) for message in prompt)
    return as_messages(read, before + 1)
