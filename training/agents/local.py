"""LocalAgent: a model in this process that plays any environment, and what it wrote, token by token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from practicum.training.agents.agent import Decision, Tool
from practicum.training.llm import ModelFailed
from practicum.training.models.decoding import Completion
from practicum.training.models.writer import Conversation, Reply, Writer
from practicum.training.transcripts import INSTRUCTION, answer_message, call_message, opening_messages

MOST_UNREADABLE = 3
"""Replies in a row that hold no call, after which the model has failed."""
NO_CALL = "Error: that is no call of a tool"


class LocalAgent:
    """Plays with a model in this process. It reads `Step.text`, the world's compact rendering.

    Args:
        writer: the model; agents may share one.
        seed: of what is drawn, at a temperature above 0.
        system: the system message; `{instruction}` in it stands for the task's instruction.
    """

    reads_text = True

    def __init__(self, writer: Writer, *, seed: int = 0, system: str = INSTRUCTION) -> None:
        self.writer = writer
        self._seed, self._system = seed, system
        self._conversation: Conversation
        self._made: Decision | None = None
        self._number = self._in_a_row = 0
        self.written: Completion | None = None
        """The last reply, with its prompt, as tokens."""
        self.unreadable = 0
        """Replies of the episode that held no call."""

    def begin(self, instruction: str, observation: Any, tools: Sequence[Tool] = ()) -> None:
        """Start a conversation: the instruction, then what is seen first."""
        messages = opening_messages(instruction, str(observation), system=self._system)
        self._conversation = Conversation(tools, messages, np.random.default_rng(self._seed))
        self._made, self.written = None, None
        self._number = self._in_a_row = self.unreadable = 0

    def follow(self, made: Decision, result: Any, error: str | None) -> None:
        """Take in a call that somebody else made, as if the model had made it."""
        self._add_call(made)
        self._answer(result, error)

    def decide(self, result: Any, error: str | None = None) -> Decision:
        """Tell the model what came of its call, and make the next one that it writes.

        Raises:
            ModelFailed: it writes no call, several times in a row.
        """
        return decide_together([self], [(result, error)])[0]

    def hear(self, result: Any, error: str | None) -> Conversation:
        """Take in what came of the last call; returns the conversation, for the model to go on with."""
        if self._made is not None:
            self._answer(result, error)
        return self._conversation

    def take(self, reply: Reply) -> Decision | None:
        """Take in what the model wrote; None where it held no call, and it has to be asked again.

        Raises:
            ModelFailed: that has happened several times in a row.
        """
        self.written = reply.completion
        if reply.call is None:
            self._complain(reply)
            return None
        decision = Decision(reply.call.tool, reply.call.arguments, reply.call.thought)
        self._add_call(decision)
        self._in_a_row = 0
        return decision

    def _add_call(self, made: Decision) -> None:
        self._number += 1
        self._made = made
        message = call_message(self._number, made.tool, made.arguments, made.thought)
        self._conversation.messages.append(message)

    def _answer(self, result: Any, error: str | None) -> None:
        assert self._made is not None
        text = str(result) if error is None else f"Error: {error}"
        self._conversation.messages.append(answer_message(self._number, self._made.tool, text))
        self._made = None

    def _complain(self, reply: Reply) -> None:
        self.unreadable += 1
        self._in_a_row += 1
        if self._in_a_row >= MOST_UNREADABLE:
            raise ModelFailed(f"{self.writer.loaded.name} gave {MOST_UNREADABLE} replies without a call")
        said = self.writer.words(reply)
        self._conversation.messages += [
            {"role": "assistant", "content": said},
            {"role": "user", "content": NO_CALL},
        ]


def decide_together(agents: Sequence[LocalAgent], told: Sequence[tuple[Any, str | None]]) -> list[Decision]:
    """The next call of each agent; what they write is written together.

    Args:
        agents: that share one writer.
        told: each agent's result and error, as `decide` takes them.

    Raises:
        ModelFailed: the model writes no call for one of them, several times in a row.
    """
    writer = agents[0].writer
    waiting = {place: agent.hear(*each) for place, (agent, each) in enumerate(zip(agents, told, strict=True))}
    decided: dict[int, Decision] = {}
    while waiting:
        for place, reply in zip(list(waiting), writer.reply(list(waiting.values())), strict=True):
            decision = agents[place].take(reply)
            if decision is not None:
                decided[place] = decision
                del waiting[place]
    return [decided[place] for place in range(len(agents))]
