"""τ-bench: its result files, a list of runs with the messages of each, as traces.

A run is `{task_id, reward, info, traj, trial}`; `traj` holds OpenAI's chat messages, of agents that call
tools and of those that write `Thought:` and `Action:` (https://github.com/sierra-research/tau-bench).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, Field

from practicum.envs.retail.customers import FAREWELL
from practicum.envs.retail.verdicts import TRANSFER
from practicum.memory.imports.dialogue import Dialogue, read_arguments
from practicum.memory.imports.protocol import checked
from practicum.memory.imports.traces import RESPOND, Trace, Unreadable

NEARLY_ONE = 1 - 1e-6
"""A reward from here on is a success, as τ-bench counts it."""
API_OUTPUT = "API output: "
"""How the answer of a tool begins for an agent that writes its actions."""
_ACTION = re.compile(r"(?:^|\n)Action:\s*")


class _Action(BaseModel):
    name: str
    arguments: dict[str, Any] = Field(validation_alias=AliasChoices("kwargs", "arguments"), default={})


class _Task(BaseModel):
    user_id: str = ""
    instruction: str = ""
    actions: list[_Action] = []
    outputs: list[str] = []


class _Info(BaseModel):
    task: _Task | None = None
    reward_info: dict[str, Any] | None = None
    error: str | None = None


class _Function(BaseModel):
    name: str
    arguments: Any = None


class _ToolCall(BaseModel):
    id: str | None = None
    function: _Function


class _Message(BaseModel):
    role: str
    content: str | list[Any] | None = None
    reasoning_content: str | None = None
    tool_calls: list[_ToolCall] | None = None
    tool_call_id: str | None = None

    @property
    def words(self) -> str:
        """The content as text; of its parts those that are text."""
        if isinstance(self.content, list):
            parts = [part.get("text") for part in self.content if isinstance(part, Mapping)]
            return "\n".join(filter(None, parts))
        return self.content or ""


class _Run(BaseModel):
    task_id: int | str
    reward: Annotated[float, Field(allow_inf_nan=False)]
    info: _Info = _Info()
    traj: list[_Message]
    trial: int | None = None


class TauImporter:
    """Reads τ-bench's result files."""

    name = "tau"
    expects = "a run of τ-bench: {task_id, reward, info, traj: chat messages, trial}"
    whole_file = False

    def recognises(self, record: Any) -> bool:
        """Whether it has a trajectory."""
        return isinstance(record, Mapping) and "traj" in record

    def traces(self, record: Any) -> Iterator[Trace]:
        """The run.

        Raises:
            Unreadable: it is none.
        """
        run = checked(_Run, record)
        dialogue = _dialogue(run.traj)
        last = dialogue.calls[-1] if dialogue.calls else None
        left = last is not None and (FAREWELL in str(last.result) or last.tool == TRANSFER)
        yield Trace(
            calls=dialogue.calls,
            instruction=dialogue.system,
            opening=dialogue.opening,
            secret=_secret(run.info.task),
            success=run.reward >= NEARLY_ONE,
            ended=left or run.info.reward_info is not None,
            reason="crashed" if run.info.error else "cut off",
            task_id=str(run.task_id),
            details=_details(run),
        )


def _secret(task: _Task | None) -> dict[str, Any]:
    return {} if task is None else task.model_dump()


def _details(run: _Run) -> dict[str, Any]:
    told = {"reward": run.reward, "trial": run.trial, "error": run.info.error}
    judged = (run.info.reward_info or {}).get("info")
    return {name: value for name, value in {**told, "judged": judged}.items() if value is not None}


def _dialogue(messages: Sequence[_Message]) -> Dialogue:
    explained = any(m.role == "system" and _ACTION.search(m.words) for m in messages)
    writes_actions = explained and not any(m.tool_calls for m in messages)
    dialogue = Dialogue()
    for number, message in enumerate(messages, 1):
        try:
            (_take_written if writes_actions else _take)(dialogue, message)
        except Unreadable as error:
            raise Unreadable(f"message {number}: {error}") from None
    return dialogue


def _take(dialogue: Dialogue, message: _Message) -> None:
    if message.role == "system":
        dialogue.is_told(message.words)
    elif message.role == "user":
        dialogue.hears(message.words)
    elif message.role == "tool":
        dialogue.sees(message.words, call_id=message.tool_call_id)
    elif message.role == "assistant":
        _take_assistant(dialogue, message)
    else:
        raise Unreadable(f"expected the role system, user, assistant or tool, not {message.role!r}")


def _take_assistant(dialogue: Dialogue, message: _Message) -> None:
    if not message.tool_calls:
        dialogue.says(message.words, thought=message.reasoning_content)
        return
    thought = "\n".join(filter(None, (message.reasoning_content, message.words))) or None
    for call in message.tool_calls:
        arguments = read_arguments(call.function.name, call.function.arguments)
        dialogue.does(call.function.name, arguments, thought=thought, call_id=call.id)
        thought = None


def _take_written(dialogue: Dialogue, message: _Message) -> None:
    """A message of an agent that writes its actions, or what it was told of them."""
    if message.role == "user" and message.words.startswith(API_OUTPUT):
        dialogue.sees(message.words.removeprefix(API_OUTPUT))
    elif message.role == "assistant":
        before, _, written = message.words.rpartition("Action:")
        thought = before.strip().removeprefix("Thought:").strip() or None
        tool, arguments = _written_call(written.strip())
        if tool == RESPOND:
            dialogue.says(str(arguments.get("content", "")), thought=thought)
        else:
            dialogue.does(tool, arguments, thought=thought)
    else:
        _take(dialogue, message)


def _written_call(text: str) -> tuple[str, dict[str, Any]]:
    """A call as an agent wrote it; what is no call was said to the customer, as τ-bench reads it."""
    try:
        found = json.loads(text)
        return str(found["name"]), read_arguments(found["name"], found["arguments"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return RESPOND, {"content": text}
