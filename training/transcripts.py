"""Transcripts: how an episode is shown to a model, the same in play and in the rows that it learns from.

The messages have the form of OpenAI's chat API, but that the arguments of a call are an object, as chat
templates of transformers take them: a system message, the opening as the user's, and then each call as an
assistant's message that is answered by a tool's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from practicum.envs.episodes import Step, compact_json
from practicum.training.llm import function_tool

Message = dict[str, Any]
INSTRUCTION = "{instruction}"
"""Where the task's instruction stands in a system prompt; alone it is the default prompt."""


class Listed(Protocol):
    """A tool as it is listed to agents: the world's `Action`, an agent's `Tool`."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def description(self) -> str:
        """What it does."""

    @property
    def schema(self) -> Mapping[str, Any]:
        """JSON schema of its arguments."""


def opening_messages(instruction: str, opening_text: str, *, system: str = INSTRUCTION) -> list[Message]:
    """What stands before the first call.

    Args:
        instruction: the task's.
        opening_text: `Opening.text`, what the world shows first.
        system: the system message; `{instruction}` in it stands for the instruction. Where the opening is
            nothing but the instruction it is not said twice, and an empty system message is left out.
    """
    asked = "" if opening_text == instruction else instruction
    head = system.replace(INSTRUCTION, asked).strip()
    messages = [{"role": "system", "content": head}] if head else []
    return [*messages, {"role": "user", "content": opening_text}]


def call_message(number: int, tool: str, arguments: Mapping[str, Any], thought: str = "") -> Message:
    """A call, as the agent's message.

    Args:
        number: of the call among those that the agent chose, from 1; a run of a skill is one.
        tool: its name, a world's or a skill's.
        arguments: as they were given.
        thought: the agent's own words beside the call.
    """
    function = {"name": tool, "arguments": dict(arguments)}
    calls = [{"id": call_id(number), "type": "function", "function": function}]
    return {"role": "assistant", "content": thought, "tool_calls": calls}


def answer_message(number: int, tool: str, text: str) -> Message:
    """What a call is answered: `Step.text`, or for a run of a skill `run_text`.

    Args:
        number: of the call, as in `call_message`.
        tool: its name.
        text: the answer.
    """
    return {"role": "tool", "tool_call_id": call_id(number), "name": tool, "content": text}


def call_id(number: int) -> str:
    """The id by which an answer names its call."""
    return f"call_{number}"


def run_text(skill: str, finish: Mapping[str, Any], steps: Sequence[Step]) -> str:
    """What the agent is answered when it has run a skill.

    Where the skill stopped, the calls that it made and those it still had to make follow, since nothing of
    it was undone and the agent goes on by hand.

    Args:
        skill: its name.
        finish: how it ended, as `Finish.as_json` has it.
        steps: its own calls that were played, in their order.
    """
    return "\n".join(_run_lines(skill, finish, [step for step in steps if not step.noted]))


def _run_lines(skill: str, finish: Mapping[str, Any], steps: Sequence[Step]) -> Iterator[str]:
    stop = finish["stop"]
    if stop is None:
        yield f"{skill} finished, calls: {len(steps)}"
    else:
        yield f"{skill} stopped, {stop['reason']}: {stop['detail']}"
        for step in steps:
            refused = " refused" if step.refused else ""
            yield f"done {step.tool} {compact_json(step.arguments).decode()}{refused}"
        if stop["remaining"]:
            yield f"to do {' '.join(stop['remaining'])}"
    if steps:
        yield steps[-1].text


def tool_schemas(tools: Iterable[Listed]) -> list[dict[str, Any]]:
    """The tools as chat templates and models take them."""
    return [function_tool(tool.name, tool.description, tool.schema) for tool in tools]
