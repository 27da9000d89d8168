"""A server that is killed while a skill is played: what was done is told, and one goes on by hand."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from mcp.client import Client

from practicum.memory import Sessions, Store, replay_all
from tests.faults.server_process import ServerProcess
from tests.mcp_server.clients import GATED, PATIENCE_S, call, refusal
from tests.mcp_server.skilled import a_skill, call_of, publish

BESIDE = '''
    @action
    def knock(self) -> str:
        """Knock."""
        return "knocked"
'''


@pytest.mark.integration
def test_a_skill_that_a_crash_cut_off_tells_what_is_done_and_one_goes_on_by_hand(tmp_path: Path) -> None:
    (tmp_path / "gated.py").write_text(GATED + BESIDE)
    gate, db = tmp_path / "gate", tmp_path / "practicum.db"
    store = Store.open(db)
    body = (call_of("knock", "a"), call_of("knock", "b"), call_of("wait", "c"))
    publish(store, a_skill("skill_enter", env="gated", body=body))
    env = f"{tmp_path / 'gated.py'}:Gated"
    server = ServerProcess(db, "--env", env, "--set", f"gate={gate}", "--no-learn")
    try:
        anyio.run(_cut_off, server, store, gate)
    finally:
        server.stop()
    assert all(report.agrees for report in replay_all(store))
    store.close()


async def _cut_off(server: ServerProcess, store: Store, gate: Path) -> None:
    await anyio.to_thread.run_sync(server.start)
    async with Client(server.url) as client:
        session_id = (await call(client, "open_session"))["session_id"]
    run = {"session_id": session_id, "turn": 1}
    with anyio.fail_after(3 * PATIENCE_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_lost, server.url, run)
            await anyio.to_thread.run_sync(_wait_for_steps, store, session_id, 2)
            server.kill()
        await anyio.to_thread.run_sync(gate.touch)
        await anyio.to_thread.run_sync(server.start)
        async with Client(server.url) as client:
            told = await call(client, "skill_enter", **run)
            assert (told["stop"]["reason"], told["calls"], told["turn"]) == ("interrupted", 2, 2)
            done = [(each["turn"], each["tool"]) for each in told["stop"]["done"]]
            assert done == [(1, "knock"), (2, "knock")]
            assert await call(client, "skill_enter", **run) == told
            assert "another call" in await refusal(client, "skill_enter", session_id=session_id, turn=2)
            by_hand = await call(client, "wait", session_id=session_id, turn=3)
            assert by_hand["result"] == "through"


async def _lost(url: str, run: dict[str, Any]) -> None:
    """Run the skill; the answer never comes."""
    answers = []
    try:
        async with Client(url) as client:
            answers.append(await client.call_tool("skill_enter", run))
    except* Exception:  # noqa: BLE001  # whatever the transport raises when its server is killed
        pass
    assert answers == []


def _wait_for_steps(store: Store, session_id: str, steps: int) -> None:
    until = time.monotonic() + PATIENCE_S
    while len(list(Sessions(store).steps(session_id))) < steps:
        assert time.monotonic() < until
        time.sleep(0.01)
