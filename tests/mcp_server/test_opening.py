"""`open_session`: one way to begin at a time, and nothing that was asked for is dropped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError

from practicum.envs import Task, TaskSet, find
from practicum.mcp_server.bindings import Scoped
from practicum.mcp_server.calls import Caller
from practicum.mcp_server.choosing import OpenRequest
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.server import PracticumServer, bind_fixed
from tests.mcp_server.clients import PARCELS, call, refusal

pytestmark = pytest.mark.anyio

Serve = Callable[..., PracticumServer]


async def test_a_fork_declared_an_evaluation_is_one(serve: Serve) -> None:
    async with Client(serve()) as client:
        parent = await call(client, "open_session")
        await call(client, "look", session_id=parent["session_id"])
        fork = await call(client, "open_session", from_session=parent["session_id"], purpose="evaluation")
        standing = await call(client, "get_session", session_id=fork["session_id"])
        assert standing["purpose"] == "evaluation"
        assert "return" not in standing


@pytest.mark.parametrize(
    "given",
    [
        {"seed": 1, "split": "test"},
        {"seed": 1, "task": "x"},
        {"from_session": "x", "seed": 1},
        {"from_session": "x", "min_try": 2},
        {"at_turn": 1},
    ],
)
async def test_contradictory_wishes_are_refused(serve: Serve, given: dict[str, Any]) -> None:
    async with Client(serve()) as client:
        said = await refusal(client, "open_session", **given)
        assert next(iter(given)) in said or "min_try" in said
        assert (await call(client, "list_sessions"))["sessions"] == []


def _tasks(count: int, split: str) -> list[Task]:
    return find(PARCELS).tasks(parcels=2).split(split).take(count)  # type: ignore[arg-type]  # one of the three


async def test_a_task_file_gives_its_training_tasks_and_then_goes_round(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "tasks.jsonl"
    test, train = _tasks(1, "test"), _tasks(2, "train")
    TaskSet([*test, *train]).save(file, 3)
    async with Client(serve(PARCELS, task_file=file)) as client:
        ids = [(await call(client, "open_session"))["session_id"] for _ in range(4)]
        sessions = {row["session_id"]: row for row in (await call(client, "list_sessions"))["sessions"]}
        assert list(sessions) == ids[::-1]
        evaluated = await call(client, "open_session", purpose="evaluation")
        assert evaluated["params"] == dict(test[0].params)
        assert "it has test, train" in await refusal(client, "open_session", split="verify")


async def test_a_closed_session_still_gives_its_stored_results(serve: Serve) -> None:
    async with Client(serve()) as client:
        session_id = (await call(client, "open_session"))["session_id"]
        first = await call(client, "look", session_id=session_id, turn=1)
        await call(client, "close_session", session_id=session_id)
        assert await call(client, "look", session_id=session_id, turn=1) == first
        assert "has ended; open_session begins another" in await refusal(
            client, "look", session_id=session_id, turn=2
        )


async def test_a_connection_of_one_session_is_shown_no_other(practise: Callable[..., Practice]) -> None:
    practice = practise()
    own, other = [await practice.open(Caller(), _asked()) for _ in range(2)]
    binding = Scoped(Caller(), session_id=own.session.id, env="parcels")
    async with Client(PracticumServer(practice, bind_fixed(binding))) as client:
        assert (await client.get_prompt("debrief", {"session": own.session.id})).messages
        with pytest.raises(MCPError, match="at this endpoint"):
            await client.get_prompt("debrief", {"session": other.session.id})
        with pytest.raises(MCPError, match="at this endpoint"):
            await client.read_resource(f"practicum://sessions/{other.session.id}")


def _asked() -> OpenRequest:
    return OpenRequest("parcels", seed=1)


async def test_a_session_that_another_process_closed_counts_as_open_no_more(
    practise: Callable[..., Practice],
) -> None:
    one, other = practise(), practise()
    me = Caller(alone=True)
    closed = await one.open(me, _asked())
    await one.open(me, _asked())
    await other.close(me, closed.session.id)
    assert one.session(me, None).id != closed.session.id
