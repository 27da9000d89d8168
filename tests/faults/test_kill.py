"""SIGKILL at random instants: nothing acknowledged is lost, nothing is doubled, every session goes on."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from mcp.client import Client

from practicum.memory import Sessions, Store, replay_all
from tests.faults.server_process import ServerProcess

ROUNDS = int(os.environ.get("PRACTICUM_KILL_ROUNDS", "5"))
CLIENTS = 20
STEPS_AFTERWARDS = 3
PATIENCE_S = 60.0
CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("search_flights", {}),
    ("filter_results", {"max_stops": 1}),
    ("add_to_cart", {"flight_id": "XX0"}),
    ("restart", {}),
)


class Player:
    """One client: plays on and on, keeps what was acknowledged, and repeats a call whose answer was lost."""

    def __init__(self, url: str, seed: int) -> None:
        self.url = url
        self.seed = seed
        self.session_id = ""
        self.acknowledged: dict[str, dict[int, Any]] = {}
        self.turn = 0
        self.acknowledgements = 0
        self._progress = anyio.Event()

    async def play(self, stop: anyio.Event) -> None:
        while not stop.is_set():
            try:
                async with Client(self.url, mode="2026-07-28") as client:
                    while not stop.is_set():
                        await self.step(client)
            except* Exception:  # noqa: BLE001  # whatever the transport raises when its server is killed
                await anyio.sleep(0.05)

    async def step(self, client: Client) -> None:
        if not self.session_id or self.turn >= 48:
            opened = await client.call_tool("open_session", {"env": "flight", "seed": self.seed})
            body = opened.structured_content
            self.session_id, self.turn = body["session_id"], 0
            self.acknowledged[self.session_id] = {}
        tool, arguments = CALLS[self.turn % len(CALLS)]
        handle = {"session_id": self.session_id, "turn": self.turn + 1}
        answer = await client.call_tool(tool, {**arguments, **handle})
        body = answer.structured_content
        assert body.get("turn") == self.turn + 1, body
        self.turn += 1
        self.acknowledged[self.session_id][self.turn] = body
        self.acknowledgements += 1
        self._progress.set()
        self._progress = anyio.Event()

    async def reaches(self, acknowledgements: int) -> None:
        while self.acknowledgements < acknowledgements:
            await self._progress.wait()


@pytest.mark.integration
def test_a_killed_server_loses_and_doubles_nothing_and_every_session_goes_on(tmp_path: Path) -> None:
    db = tmp_path / "log.db"
    server = ServerProcess(db)
    players = [Player(server.url, seed) for seed in range(CLIENTS)]
    try:
        anyio.run(_rounds, server, players)
    finally:
        server.stop()
    _check_log(db, players)


async def _rounds(server: ServerProcess, players: list[Player]) -> None:
    chance = random.Random(20_26)
    await anyio.to_thread.run_sync(server.start)
    stop = anyio.Event()
    with anyio.fail_after(PATIENCE_S * (ROUNDS + 1)):
        async with anyio.create_task_group() as tasks:
            for player in players:
                tasks.start_soon(player.play, stop)
            for _ in range(ROUNDS):
                await anyio.sleep(chance.uniform(0.2, 1.0))
                server.kill()
                await anyio.to_thread.run_sync(server.start)
            before = [player.acknowledgements for player in players]
            for player, target in zip(players, before, strict=True):
                await player.reaches(target + STEPS_AFTERWARDS)
            stop.set()


def _check_log(db: Path, players: list[Player]) -> None:
    store = Store.open(db)
    sessions = Sessions(store)
    acknowledged = 0
    for player in players:
        for session_id, answers in player.acknowledged.items():
            logged = {step.turn: step for step in sessions.steps(session_id)}
            assert list(logged) == list(range(1, len(logged) + 1))
            for turn, body in answers.items():
                assert (logged[turn].result, logged[turn].error) == (body.get("result"), body.get("error"))
            assert len(logged) - len(answers) in (0, 1), "only the call in flight may be unknown"
            acknowledged += len(answers)
    assert acknowledged >= CLIENTS * ROUNDS
    assert all(report.agrees for report in replay_all(store))
    store.close()
