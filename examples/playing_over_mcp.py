"""Playing over MCP: what an agent decides becomes a client's calls, runs of skills among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp.client import Client

from practicum.mcp_server.skill_tools import META
from practicum.training.agents import Agent, Decision, Learner, Tool


class Play:
    """One session, played by an agent.

    Args:
        opened: what `open_session` answered.
        tools: what the agent may call.
        agent: who plays.
    """

    def __init__(self, opened: Mapping[str, Any], tools: list[Tool], agent: Agent) -> None:
        self.session_id = str(opened["session_id"])
        self.instruction = str(opened["instruction"])
        self.turn = int(opened["turn"])
        self.decisions = 0
        """Calls that the agent chose: a run of a skill is one, however many calls it makes."""
        self.rewards = 0.0
        self.outcome: dict[str, Any] = {}
        """How the world judged the end; empty until then."""
        self.over = False
        self.runs: list[dict[str, Any]] = []
        """What the server answered to each run of a skill."""
        self._agent = agent
        self._seen: Any = opened["observation"]
        self._error: str | None = None
        agent.begin(opened["instruction"], opened["observation"], tools)

    async def go_on(self, client: Client, decisions: int = 1_000) -> None:
        """Play up to so many decisions, or to the end."""
        for _ in range(decisions):
            if self.over:
                return
            decision = self._agent.decide(self._seen, self._error)
            self.decisions += 1
            body = await self._make(client, decision)
            self._take_in(body)
            if "skill" in body:
                self.runs.append(body)
                self._seen = {**body, "steps": [] if self.over else await self._steps(client, body)}
            if self.over and isinstance(self._agent, Learner):
                self._agent.end(self._seen, self._error, self.outcome)

    async def _make(self, client: Client, decision: Decision) -> dict[str, Any]:
        handle = {"session_id": self.session_id, "turn": self.turn + 1}
        meta = {"practicum/thought": decision.thought}
        answer = await client.call_tool(decision.tool, {**decision.arguments, **handle}, meta=meta)
        return dict(answer.structured_content or {})

    def _take_in(self, body: Mapping[str, Any]) -> None:
        self.turn = body["turn"]
        self._seen, self._error = body.get("result"), body.get("error")
        self.rewards += body["reward"]
        self.outcome = body.get("outcome") or {}
        self.over = body["terminated"] or body["truncated"]

    async def _steps(self, client: Client, run: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The calls that a skill made, so that the agent can go on from them by hand."""
        first = run["first_turn"]
        steps = []
        for turn in range(first, first + run["calls"]):
            asked = {"session_id": self.session_id, "turn": turn}
            step = (await client.call_tool("get_session", asked)).structured_content
            steps.append({name: step.get(name) for name in ("tool", "arguments", "result", "error")})
        return steps


async def open_play(client: Client, agent: Agent, **where: Any) -> Play:
    """Open a session and hand it to an agent.

    Args:
        client: connected.
        agent: plays no other session at the same time.
        where: arguments of `open_session`.
    """
    opened = (await client.call_tool("open_session", where)).structured_content
    suggestion = opened["suggestion"] or {}
    tools = await _tools(client, opened["tools"], suggestion.get("skill"))
    return Play(opened, tools, agent)


async def _tools(client: Client, names: list[str], suggested: str | None) -> list[Tool]:
    """The environment's tools and its skills, without the arguments that name a session and a turn."""
    listed = {tool.name: tool for tool in (await client.list_tools()).tools}
    return [
        Tool(
            name,
            listed[name].description or "",
            _without_handle(listed[name].input_schema),
            is_skill=META in (listed[name].meta or {}),
            suggested=name == suggested,
        )
        for name in names
    ]


def _without_handle(schema: Mapping[str, Any]) -> dict[str, Any]:
    own = {name: value for name, value in schema["properties"].items() if name not in ("session_id", "turn")}
    return {**schema, "properties": own}
