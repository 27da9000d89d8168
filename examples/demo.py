"""The main job in a minute: a client books flights, the server is killed and comes back, a session is forked.

`make demo` runs it. Everything goes through `practicum serve` over stdio, as any client would use it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from practicum.training.agents import Agent, Tool, scripted_agent

TASKS = 30
NOISE = 0.05
"""Share of the agent's calls that are slips."""
KILLED = 14
"""Number of the task in whose middle the server is killed."""
KILLED_AFTER = 3
"""Turns that it has played by then."""
FOLDER = Path("demo")
DB = FOLDER / "practicum.db"
PID = FOLDER / "server.pid"
LAUNCH = (
    "import os, pathlib, runpy, sys; pathlib.Path(sys.argv.pop(1)).write_text(str(os.getpid())); "
    "runpy.run_module('practicum', run_name='__main__', alter_sys=True)"
)
"""Starts `practicum` like `python -m practicum`, but leaves its process id where the demo finds it."""

console = Console()


@asynccontextmanager
async def connected() -> AsyncIterator[Client]:
    """A client of a server of its own."""
    command = StdioServerParameters(
        command=sys.executable, args=["-c", LAUNCH, str(PID), "serve", "--env", "flight", "--db", str(DB)]
    )
    async with Client(command) as client:
        yield client


class Booking:
    """One session, played by the scripted agent through MCP."""

    def __init__(self, opened: dict[str, Any], tools: list[Tool], agent: Agent) -> None:
        self.session_id = str(opened["session_id"])
        self.turn = int(opened["turn"])
        self.agent = agent
        self.rewards = 0.0
        self.outcome: dict[str, Any] | None = None
        self.over = False
        agent.begin(opened["instruction"], opened["observation"], tools)
        self._seen: Any = opened["observation"]
        self._error: str | None = None

    async def play(self, client: Client, turns: int = 1_000) -> None:
        """Play up to so many turns, or to the end."""
        for _ in range(turns):
            if self.over:
                return
            decision = self.agent.decide(self._seen, self._error)
            handle = {"session_id": self.session_id, "turn": self.turn + 1}
            meta = {"practicum/thought": decision.thought}
            answer = await client.call_tool(decision.tool, {**decision.arguments, **handle}, meta=meta)
            self._learn(answer.structured_content)

    def _learn(self, body: dict[str, Any]) -> None:
        self.turn = body["turn"]
        self._seen, self._error = body.get("result"), body.get("error")
        self.rewards += body["reward"]
        self.outcome = body.get("outcome")
        self.over = body["terminated"] or body["truncated"]


async def open_booking(client: Client, seed: int, **where: Any) -> Booking:
    """Open a session and hand it to an agent."""
    opened = await client.call_tool("open_session", where or {"env": "flight"})
    body = opened.structured_content
    return Booking(
        body, await flight_tools(client, body["tools"]), scripted_agent("flight", seed=seed, noise=NOISE)
    )


async def flight_tools(client: Client, names: list[str]) -> list[Tool]:
    """The environment's own tools, without the arguments that name a session and a turn."""
    listed = {tool.name: tool for tool in (await client.list_tools()).tools}
    return [
        Tool(name, listed[name].description or "", _without_handle(listed[name].input_schema))
        for name in names
    ]


def _without_handle(schema: dict[str, Any]) -> dict[str, Any]:
    own = {name: value for name, value in schema["properties"].items() if name not in ("session_id", "turn")}
    return {**schema, "properties": own}


async def play_all() -> tuple[list[Booking], Booking]:
    """Play every task, with a kill in the middle of one, and a fork of it at the end."""
    done: list[Booking] = []
    with Progress(console=console) as progress:
        bar = progress.add_task("booking flights over MCP", total=TASKS)
        async with connected() as client:
            while len(done) < KILLED:
                done.append(await _whole(client, len(done)))
                progress.advance(bar)
            cut = await open_booking(client, KILLED)
            await cut.play(client, KILLED_AFTER)
            _kill(progress, cut)
        async with connected() as client:
            await cut.play(client)
            progress.console.print(f"[green]  … and session {cut.session_id[:8]} went on to turn {cut.turn}")
            done.append(cut)
            progress.advance(bar)
            while len(done) < TASKS:
                done.append(await _whole(client, len(done)))
                progress.advance(bar)
            forked = await open_booking(client, 99, from_session=cut.session_id, at_turn=1)
            await forked.play(client)
    return done, forked


async def _whole(client: Client, seed: int) -> Booking:
    booking = await open_booking(client, seed)
    await booking.play(client)
    return booking


def _kill(progress: Progress, cut: Booking) -> None:
    os.kill(int(PID.read_text()), signal.SIGKILL)
    progress.console.print(
        f"[yellow]  server killed (SIGKILL) in session {cut.session_id[:8]} at turn {cut.turn}; restarting"
    )


def report(done: list[Booking], forked: Booking, seconds: float) -> None:
    """Print what came of it."""
    outcomes = [booking.outcome or {} for booking in done]
    regrets = [outcome["regret"] for outcome in outcomes if outcome.get("regret") is not None]
    rows = (
        ("sessions", f"{len(done)}"),
        ("success", f"{sum(bool(outcome.get('success')) for outcome in outcomes)} of {len(done)}"),
        ("  ticketed", f"{sum(bool(outcome.get('ticketed')) for outcome in outcomes)}"),
        ("  declined", f"{sum(bool(outcome.get('declined')) for outcome in outcomes)}"),
        ("steps per session", f"{sum(booking.turn for booking in done) / len(done):.1f}"),
        ("reward per session", f"{sum(booking.rewards for booking in done) / len(done):+.2f}"),
        ("regret per ticket", f"{sum(regrets) / max(len(regrets), 1):.2f}"),
        ("violations", f"{sum(bool(outcome.get('violations')) for outcome in outcomes)}"),
    )
    table = Table("flight-v1, scripted agent", "", title=f"{len(done)} sessions over MCP in {seconds:.1f} s")
    for name, value in rows:
        table.add_row(name, value)
    console.print(table)
    console.print(
        f"fork of {done[KILLED].session_id[:8]} at turn 1: {forked.session_id[:8]}, {forked.turn} turns"
    )
    console.print(f"the log: {DB.resolve()}", soft_wrap=True)
    console.print(f"look at it:  .venv/bin/practicum sessions --db {DB}")
    console.print(f"check it:    .venv/bin/practicum replay --all --db {DB}")


def main() -> None:
    """Run the demo in a fresh folder."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("practicum.db*"):
        old.unlink()
    began = time.monotonic()
    done, forked = anyio.run(play_all)
    report(done, forked, time.monotonic() - began)


if __name__ == "__main__":
    main()
