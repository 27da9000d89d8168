"""A full disk, a locked file: an error to the agent, nothing half-written, the session goes on afterwards."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from mcp.client import Client

from practicum.mcp_server.practice import Practice
from practicum.mcp_server.served import serve_environments
from practicum.mcp_server.server import PracticumServer, bind_handle
from practicum.memory import Sessions, Store, replay_all


@asynccontextmanager
async def _connected(store: Store) -> AsyncIterator[Client]:
    server = PracticumServer(Practice(store, serve_environments(["flight"])), bind_handle(alone=True))
    async with Client(server) as client:
        yield client


async def _open(client: Client) -> dict[str, Any]:
    opened = await client.call_tool("open_session", {"env": "flight", "seed": 1})
    return {"session_id": opened.structured_content["session_id"]}


def _whole(store: Store, session_id: str, turns: int) -> None:
    assert [step.turn for step in Sessions(store).steps(session_id)] == list(range(1, turns + 1))
    assert all(report.agrees for report in replay_all(store))


def test_a_full_disk_is_told_to_the_agent_and_the_session_goes_on_once_there_is_room(tmp_path: Path) -> None:
    async def play() -> None:
        store = Store.open(tmp_path / "log.db")
        async with _connected(store) as client:
            handle = await _open(client)
            await client.call_tool("search_flights", handle)
            pages = store.connection.execute("PRAGMA page_count").fetchone()[0]
            store.connection.execute(f"PRAGMA max_page_count = {pages}")
            kept, refusal = 1, None
            while refusal is None:
                answer = await client.call_tool("search_flights", {**handle, "turn": kept + 1})
                refusal, kept = (answer, kept) if answer.is_error else (None, kept + 1)
            assert "full" in refusal.structured_content["error"]
            assert "turn" not in refusal.structured_content
            store.connection.execute("PRAGMA max_page_count = 1000000")
            again = await client.call_tool("search_flights", {**handle, "turn": kept + 1})
            assert again.structured_content["turn"] == kept + 1
            _whole(store, handle["session_id"], kept + 1)
        store.close()

    anyio.run(play)


def test_a_locked_file_is_told_to_the_agent_and_the_session_goes_on_once_it_is_free(tmp_path: Path) -> None:
    async def play() -> None:
        store = Store.open(tmp_path / "log.db")
        store.connection.execute("PRAGMA busy_timeout = 100")
        other = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
        async with _connected(store) as client:
            handle = await _open(client)
            await client.call_tool("search_flights", handle)
            other.execute("BEGIN IMMEDIATE")
            answer = await client.call_tool("search_flights", {**handle, "turn": 2})
            assert answer.is_error
            assert "locked" in answer.structured_content["error"]
            other.execute("ROLLBACK")
            again = await client.call_tool("search_flights", {**handle, "turn": 2})
            assert again.structured_content["turn"] == 2
            _whole(store, handle["session_id"], 2)
        other.close()
        store.close()

    anyio.run(play)
