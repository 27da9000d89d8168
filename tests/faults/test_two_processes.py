"""Several processes on one file: one session is stepped from both, and both answer what the log holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

from practicum.memory import Sessions, Store


def _server(db: Path) -> StdioServerParameters:
    return StdioServerParameters(command=sys.executable, args=["-m", "practicum", "serve", "--db", str(db)])


def _logged(db: Path, session_id: str) -> list[Any]:
    store = Store.open(db)
    steps = list(Sessions(store).steps(session_id))
    store.close()
    return steps


@pytest.mark.integration
def test_one_session_is_stepped_from_two_servers_in_turn(tmp_path: Path) -> None:
    db = tmp_path / "log.db"

    async def play() -> str:
        async with Client(_server(db)) as one, Client(_server(db)) as two:
            opened = await one.call_tool("open_session", {"env": "flight", "seed": 3})
            handle = {"session_id": opened.structured_content["session_id"]}
            for turn, client in enumerate((one, two, two, one, one, two), 1):
                answer = await client.call_tool("search_flights", {**handle, "turn": turn})
                assert answer.structured_content["turn"] == turn
            without_turn = await one.call_tool("search_flights", handle)
            assert without_turn.structured_content["turn"] == 7
            return str(handle["session_id"])

    session_id = anyio.run(play)
    assert [step.turn for step in _logged(db, session_id)] == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.integration
def test_two_servers_racing_for_each_turn_step_it_once(tmp_path: Path) -> None:
    db = tmp_path / "log.db"
    answers: dict[int, list[Any]] = {}

    async def call(client: Client, session_id: str, turn: int) -> None:
        answer = await client.call_tool("search_flights", {"session_id": session_id, "turn": turn})
        answers.setdefault(turn, []).append(answer.structured_content)

    async def play() -> str:
        async with Client(_server(db)) as one, Client(_server(db)) as two:
            opened = await one.call_tool("open_session", {"env": "flight", "seed": 4})
            session_id = str(opened.structured_content["session_id"])
            for turn in range(1, 16):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(call, one, session_id, turn)
                    tasks.start_soon(call, two, session_id, turn)
            return session_id

    session_id = anyio.run(play)
    assert [step.turn for step in _logged(db, session_id)] == list(range(1, 16))
    assert all(first == second for first, second in answers.values())


@pytest.mark.integration
def test_a_command_reads_and_forks_what_a_running_server_writes(tmp_path: Path) -> None:
    db = tmp_path / "log.db"

    def command(*arguments: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "practicum", *arguments, "--json", "--db", str(db)],
            capture_output=True, text=True, check=True, timeout=60, env=os.environ,
        )  # fmt: skip
        return json.loads(done.stdout)

    async def play() -> None:
        async with Client(_server(db)) as client:
            opened = await client.call_tool("open_session", {"env": "flight", "seed": 5})
            session_id = opened.structured_content["session_id"]
            await client.call_tool("search_flights", {"session_id": session_id})
            listed = await anyio.to_thread.run_sync(command, "sessions")
            assert [row["session"] for row in listed] == [session_id]
            forked = await anyio.to_thread.run_sync(command, "fork", session_id, "--at", "1")
            on = await client.call_tool("search_flights", {"session_id": forked["session"], "turn": 2})
            assert on.structured_content["turn"] == 2
            await anyio.to_thread.run_sync(command, "forget", session_id, "--yes")
            gone = await client.call_tool("search_flights", {"session_id": session_id, "turn": 2})
            assert gone.is_error

    anyio.run(play)
