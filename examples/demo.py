"""The main job in a minute: a client books flights, a skill is made of that, and it books with one call.

`make demo` runs it. Everything goes through `practicum serve` over stdio, as any client would use it; on the
way the server is killed and goes on, and a session is forked. `make demo DEMO_ARGS="--tasks 50 --rounds 3"`
shows more.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import anyio
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from playing_over_mcp import Play, open_play
from rich.console import Console
from rich.progress import track
from rich.table import Table

from practicum.envs import Episode, UsageError
from practicum.envs.flight_booking_env import FlightBookingEnv
from practicum.memory import Store
from practicum.memory.played import played_after
from practicum.skills.interpreter import applies
from practicum.skills.language import Skill
from practicum.skills.library import Library
from practicum.training.agents import SkilledAgent, scripted_agent
from practicum.training.plots import learning_curve

TASKS = 30
"""Sessions before the first round of learning, and after each."""
ROUNDS = 2
SPARE_ROUNDS = 2
"""Rounds that are added while no skill has passed."""
NOISE = 0.05
"""Share of the agent's own calls that are slips."""
KILLED_AFTER = 3
"""Turns of the task in whose middle the server is killed."""
SHOWN_SEED = 1_091
"""From here on the demo looks for a task to show being done with one call."""
SHOWN_LINES = 12
"""Of the program."""
NOTICE_WAIT_S = 10.0
FOLDER = Path("demo")
DB = FOLDER / "practicum.db"
PICTURE = FOLDER / "learning.png"
PID = FOLDER / "server.pid"
LAUNCH = (
    "import os, pathlib, runpy, sys; pathlib.Path(sys.argv.pop(1)).write_text(str(os.getpid())); "
    "runpy.run_module('practicum', run_name='__main__', alter_sys=True)"
)
"""Starts `practicum` like `python -m practicum`, but leaves its process id where the demo finds it."""

console = Console()


@asynccontextmanager
async def connected() -> AsyncIterator[Client]:
    """A client of a server of its own, which leaves learning to the demo."""
    served = ["serve", "--env", "flight", "--db", str(DB), "--no-learn"]
    command = StdioServerParameters(command=sys.executable, args=["-c", LAUNCH, str(PID), *served])
    async with Client(command) as client:
        yield client


def agent(number: int) -> SkilledAgent:
    """Who plays a session: runs what is suggested, everything else by hand, with slips."""
    return SkilledAgent(scripted_agent("flight", seed=number, noise=NOISE))


async def whole(client: Client, number: int, **where: Any) -> Play:
    """Play a session to its end: by default the next task that has not been played."""
    play = await open_play(client, agent(number), **(where or {"env": "flight"}))
    await play.go_on(client)
    return play


async def stretch(client: Client, first: int, last: int) -> list[Play]:
    """Play sessions to their ends, each on the next task that has not been played."""
    numbers = range(first, last + 1)
    shown = track(numbers, f"tasks {first} to {last}", console=console)
    return [await whole(client, number) for number in shown]


# By hand ----------------------------------------------------------------------------------------------------


async def killed(number: int) -> tuple[list[Play], Play]:
    """The sessions up to that one, in whose middle the server is killed."""
    async with connected() as client:
        done = await stretch(client, 1, number - 1)
        cut = await open_play(client, agent(number), env="flight")
        await cut.go_on(client, KILLED_AFTER)
        os.kill(int(PID.read_text()), signal.SIGKILL)
    at = f"in session {cut.session_id[:8]} at turn {cut.turn}"
    console.print(f"[yellow]  server killed (SIGKILL) {at}; restarting")
    return done, cut


async def resumed(client: Client, cut: Play) -> None:
    """Go on with that one."""
    before = cut.turn
    await cut.go_on(client)
    console.print(
        f"[green]  … and session {cut.session_id[:8]} went on from turn {before} to turn {cut.turn}"
    )


async def forked(client: Client, cut: Play) -> None:
    """Try another way from the same point."""
    play = await whole(client, 0, from_session=cut.session_id, at_turn=1)
    console.print(f"  fork of {cut.session_id[:8]} at turn 1: {play.session_id[:8]}, {play.turn} turns")


# Learning ---------------------------------------------------------------------------------------------------


async def learn(client: Client) -> bool:
    """Mine and verify, and show the tools that the client sees for it; returns whether it sees any."""
    before = await skills(client)
    async with client.listen(tools_list_changed=True) as notices:
        if await mine():
            with anyio.move_on_after(NOTICE_WAIT_S):
                await anext(aiter(notices))
                console.print("[green]  the client hears: notifications/tools/list_changed")
    now = await skills(client)
    new = {name: text for name, text in now.items() if before.get(name) != text}
    for name, description in new.items():
        await show(client, name, description)
        await in_one_call(client, name)
    if not new:
        console.print(
            "[yellow]  no new skill has passed, so the tools stay as they are; playing on with them"
        )
    return bool(now)


async def mine() -> bool:
    """One round of learning, in a process of its own; `practicum serve` does the same unless told not to.

    Returns whether the published skills are others now.
    """
    before = published()
    console.print(f"\n[bold]$ practicum skills mine --db {DB}")
    command = [sys.executable, "-m", "practicum", "skills", "mine", "--db", str(DB)]
    await anyio.run_process(command, stdout=None, stderr=None)
    return published() != before


def published() -> dict[str, Skill]:
    """The published skills by name, as they stand in the log."""
    with closing(Store.open_existing(DB)) as store:
        return {entry.skill.name: entry.skill for entry in Library(store).entries("local")}


async def skills(client: Client) -> dict[str, str]:
    """The descriptions of the skills that the client sees as tools, by name."""
    tools = (await client.list_tools()).tools
    return {tool.name: tool.description or "" for tool in tools if tool.name.startswith("skill_")}


async def show(client: Client, name: str, description: str) -> None:
    """Show a tool that is new, and the beginning of its program."""
    console.print(f"[green]  tools/list now has {name}:[/green] {description}")
    card = (await client.read_resource(f"practicum://skills/{name}")).contents[0].text
    program = [line for line in card.splitlines() if line.startswith("    ")]
    for line in program[:SHOWN_LINES]:
        console.print(line, markup=False, highlight=False, no_wrap=True, overflow="ellipsis")
    if len(program) > SHOWN_LINES:
        console.print(f"    … {len(program) - SHOWN_LINES} more lines")


async def in_one_call(client: Client, name: str) -> None:
    """Do a task with a skill and nothing else, and show what was asked and answered."""
    wanted = {"env": "flight", "seed": seed_for(published()[name])}
    opened = (await client.call_tool("open_session", wanted)).structured_content
    handle = {"session_id": opened["session_id"]}
    console.print(f"  open_session: {opened['instruction'].partition('. ')[0]}.")
    answer = (await client.call_tool(name, handle)).structured_content
    console.print(f"  {name}(): {answer['calls']} calls, reward {answer['reward']:+.2f}, {_end(answer)}")
    if "stop" in answer:
        await client.call_tool("close_session", handle)


def seed_for(skill: Skill) -> int:
    """A task that a skill is for, of the split that nothing is mined from."""
    tasks = map(FlightBookingEnv.make_task, range(SHOWN_SEED, 2 * SHOWN_SEED))
    unseen = (Episode(FlightBookingEnv(), task) for task in tasks if task.split == "test")
    suits = (each.task.seed for each in unseen if applies(skill, each.task.params, each.opening.observation))
    return next(suits, SHOWN_SEED)


def _end(answer: dict[str, Any]) -> str:
    if "stop" in answer:
        return f"stopped, for an agent to go on by hand: {answer['stop']['reason']}"
    return ", ".join(fact for fact, holds in answer["outcome"].items() if holds is True)


# What came of it --------------------------------------------------------------------------------------------


def report(stretches: list[list[Play]], seconds: float) -> None:
    """Print before against after."""
    tasks = len(stretches[0])
    places = [f"{tasks * n + 1} to {tasks * (n + 1)}" for n in range(len(stretches))]
    table = Table("sessions", *places, title=f"flight-v1 over MCP in {seconds:.1f} s")
    for row in zip(*map(figures, stretches), strict=True):
        table.add_row(row[0][0], *(value for _, value in row))
    console.print(table)


def figures(plays: list[Play]) -> Iterator[tuple[str, str]]:
    """What is told of some sessions: names and values."""
    with_skill = [play for play in plays if play.runs]
    runs = [(play, "stop" in run) for play in plays for run in play.runs]
    yield "success", f"{_count(plays, 'success')} of {len(plays)}"
    yield from _ends(plays)
    yield "decisions per task", _mean([play.decisions for play in plays])
    yield "  where a skill was run", _mean([play.decisions for play in with_skill])
    yield "tasks where a skill was run", str(len(with_skill))
    yield "  runs that stopped", str(sum(stopped for _, stopped in runs))
    yield "  done but wrong", str(sum(not stopped and not play.outcome["success"] for play, stopped in runs))
    yield "steps per task", _mean([play.turn for play in plays])
    yield "reward per task", _mean([play.rewards for play in plays], "+.2f")
    yield "regret per ticket", _mean([play.outcome["regret"] for play in plays if _has_regret(play)], ".2f")
    yield "violations", str(_count(plays, "violations"))


def _ends(plays: list[Play]) -> Iterator[tuple[str, str]]:
    ticketed, declined = _count(plays, "ticketed"), _count(plays, "declined")
    yield "  ticketed", str(ticketed)
    yield "  declined, as nothing fitted", str(declined)


def _has_regret(play: Play) -> bool:
    return play.outcome.get("regret") is not None


def _count(plays: list[Play], fact: str) -> int:
    return sum(bool(play.outcome.get(fact)) for play in plays)


def _mean(values: list[float], form: str = ".1f") -> str:
    return format(sum(values) / len(values), form) if values else "-"


def draw() -> str:
    """Draw the learning curve from the log; says where it is, or why there is none."""
    world = FlightBookingEnv
    try:
        with closing(Store.open_existing(DB)) as store:
            played = played_after(store, 0, principal="local", env=world.name, version=world.version)
            learning_curve(list(played), PICTURE, title=f"Practice in {world.env_id()}")
    except UsageError as error:
        return str(error)
    return str(PICTURE.resolve())


def look_further() -> None:
    """Say where everything is, and which commands show more."""
    commands = ["sessions", "replay --all", "skills list", *(f"skills show {name}" for name in published())]
    lines = [f".venv/bin/practicum {command} --db {DB}" for command in commands]
    facts = {"picture": draw(), "log": str(DB.resolve()), "look at": "\n         ".join(lines)}
    for what, where in facts.items():
        console.print(f"{what + ':':9}{where}", markup=False, highlight=False, soft_wrap=True)


# The story --------------------------------------------------------------------------------------------------


async def story(tasks: int, rounds: int) -> list[list[Play]]:
    """Play by hand, then learn and play with what was learnt, so many times; returns the sessions of each."""
    done, cut = await killed((tasks + 1) // 2)
    async with connected() as client:
        await resumed(client, cut)
        stretches = [[*done, cut, *await stretch(client, len(done) + 2, tasks)]]
        await forked(client, cut)
        has_skill = False
        while len(stretches) <= rounds + (0 if has_skill else SPARE_ROUNDS):
            has_skill = await learn(client)
            played = tasks * len(stretches)
            stretches.append(await stretch(client, played + 1, played + tasks))
    return stretches


def main() -> None:
    """Run the demo in a fresh folder."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--tasks", type=int, default=TASKS, help="sessions before the first round, and after each"
    )
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, help="how often it learns; more while no skill passes"
    )
    asked = parser.parse_args()
    if min(asked.tasks, asked.rounds) < 1:
        parser.error("--tasks and --rounds are 1 or more")
    FOLDER.mkdir(exist_ok=True)
    for old in (*FOLDER.glob("practicum.db*"), PICTURE):
        old.unlink(missing_ok=True)
    began = time.monotonic()
    stretches = anyio.run(story, asked.tasks, asked.rounds)
    report(stretches, time.monotonic() - began)
    look_further()


if __name__ == "__main__":
    main()
