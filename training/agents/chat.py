"""ChatAgent: a chat model that plays any environment by calling its tools, or by talking where one can."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from practicum.envs.domains import GENERIC
from practicum.envs.episodes import compact_json
from practicum.training.agents.agent import Decision, Tool
from practicum.training.agents.chat_conversation import Conversation
from practicum.training.llm import (
    CONTEXT_TOKENS,
    ChatModel,
    ContextTooLong,
    ModelFailed,
    Reply,
    ToolRequest,
    function_tool,
    tool_answer,
)

LEAST_CONTEXT = 500
"""Tokens below which a conversation is not shortened any more, however little the model can read."""
MOST_UNUSABLE = 3
"""Replies in a row that hold no call to make, after which the model has failed."""
GUIDANCE = "Do the task by calling the tools, step by step; look at what each call returns before the next."
TALK_GUIDANCE = "What you write without calling a tool is said by `{tool}`."
CALL_A_TOOL = "That called no tool. Go on by calling one of: {tools}."
CUT_OFF = "Your answer was cut off at its limit of tokens. Be brief, and call a tool."
NOT_SAID = "[That was not said: {error}]"


@dataclass(frozen=True)
class Voice:
    """The tool by which an agent talks, and the argument that holds its words."""

    tool: str
    argument: str


class ChatAgent:
    """Plays with a chat model. Where the model calls several tools at once, they are made one by one.

    Calls of unknown tools and with wrong arguments go to the world, whose refusal the model reads. A reply
    that is no call at all, or whose arguments are no JSON, is answered here, and the model is asked again.

    Args:
        model: who decides.
        context_tokens: about as much as the model is shown, the oldest exchanges left out; less where its
            server says that this is too much.
    """

    def __init__(self, model: ChatModel, *, context_tokens: int = CONTEXT_TOKENS) -> None:
        self._model = model
        self._room = context_tokens
        self._tools: list[dict[str, Any]] = []
        self._voice: Voice | None = None
        self._conversation = Conversation(())
        self._planned: deque[tuple[ToolRequest | None, Decision]] = deque()
        self._made: ToolRequest | None = None
        self._is_answered = True
        self._followed = 0
        self.unreadable = 0
        """What the model has said in the episode that held no call to make, so far."""

    def begin(self, instruction: str, observation: Any, tools: Sequence[Tool] = ()) -> None:
        """Start a conversation: the instruction, then what is seen first."""
        self._tools = [function_tool(tool.name, tool.description, tool.schema) for tool in tools]
        self._voice = voice_of(tools)
        self._planned.clear()
        self._is_answered = True
        self.unreadable = 0
        guidance = [GUIDANCE, *([TALK_GUIDANCE.format(tool=self._voice.tool)] if self._voice else [])]
        asked = [instruction] if observation != instruction else []
        system = "\n\n".join([*asked, " ".join(guidance)])
        self._conversation = Conversation(
            [{"role": "system", "content": system}, {"role": "user", "content": _as_text(observation)}]
        )

    def follow(self, made: Decision, result: Any, error: str | None) -> None:
        """Take in a call that somebody else made, as if the model had made it."""
        self._followed += 1
        request = ToolRequest(f"call_{self._followed}", made.tool, _as_text(dict(made.arguments)))
        self._conversation.add(Reply(made.thought, (request,)).message)
        self._conversation.add(tool_answer(request, _told(result, error)))

    def decide(self, result: Any, error: str | None = None) -> Decision:
        """Tell the model what came of its call, and make the next one that it asks for.

        Raises:
            ModelFailed: it gives no call that can be made.
            ModelUnavailable: it cannot be asked.
        """
        if not self._is_answered:
            self._answer(result, error)
        if not self._planned:
            self._planned.extend(self._asked())
        self._made, decision = self._planned.popleft()
        self._is_answered = False
        return decision

    def _answer(self, result: Any, error: str | None) -> None:
        if self._made is not None:
            self._conversation.add(tool_answer(self._made, _told(result, error)))
        else:
            words = _as_text(result) if error is None else NOT_SAID.format(error=error)
            self._conversation.add({"role": "user", "content": words})

    def _asked(self) -> list[tuple[ToolRequest | None, Decision]]:
        """The calls of the model's next reply that holds any."""
        for _ in range(MOST_UNUSABLE):
            reply = self._reply()
            planned = self._read(reply)
            if planned:
                return planned
        raise ModelFailed(f"{self._model.name} gave {MOST_UNUSABLE} replies without a call that can be made")

    def _reply(self) -> Reply:
        """The model's reply to as much of the conversation as it can read."""
        while True:
            try:
                return self._model.complete(self._conversation.within(self._room), self._tools)
            except ContextTooLong:
                self._room = min(self._room, self._conversation.tokens) * 3 // 4
                if self._room < LEAST_CONTEXT:
                    raise

    def _read(self, reply: Reply) -> list[tuple[ToolRequest | None, Decision]]:
        """Take a reply into the conversation; returns the calls in it that can be made."""
        if reply.tool_calls:
            self._conversation.add(reply.message)
            return self._readable(reply)
        if reply.text and self._voice is not None and not reply.cut_off:
            self._conversation.add(reply.message)
            words = {self._voice.argument: reply.text}
            return [(None, Decision(self._voice.tool, words, reply.reasoning))]
        self._send_back(reply)
        return []

    def _readable(self, reply: Reply) -> list[tuple[ToolRequest | None, Decision]]:
        thought = reply.text or reply.reasoning
        planned: list[tuple[ToolRequest | None, Decision]] = []
        for request in reply.tool_calls:
            try:
                arguments = request.read()
            except ValueError as error:
                self.unreadable += 1
                self._conversation.add(tool_answer(request, f"Error: {error}"))
            else:
                planned.append((request, Decision(request.name, arguments, thought)))
                thought = ""
        return planned

    def _send_back(self, reply: Reply) -> None:
        """Answer words that are said to nobody."""
        self.unreadable += 1
        names = ", ".join(tool["function"]["name"] for tool in self._tools)
        self._conversation.add({"role": "assistant", "content": reply.text or "…"})
        words = CUT_OFF if reply.cut_off else CALL_A_TOOL.format(tools=names)
        self._conversation.add({"role": "user", "content": words})


def voice_of(tools: Sequence[Tool]) -> Voice | None:
    """The tool that says something to somebody: `respond`, or the first that is named like one.

    It takes one text and needs nothing else.
    """
    named = sorted(tools, key=lambda tool: tool.name != "respond")
    for tool in named:
        needed = tool.schema.get("required", ())
        kinds = tool.schema.get("properties", {})
        is_talk = not tool.is_skill and GENERIC.category(tool.name) == "talk"
        if is_talk and len(needed) == 1 and kinds.get(needed[0], {}).get("type") == "string":
            return Voice(tool.name, needed[0])
    return None


def _told(result: Any, error: str | None) -> str:
    return _as_text(result) if error is None else f"Error: {error}"


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else compact_json(value).decode()
