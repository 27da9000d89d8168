"""Retail over MCP: the peer's calls come out as the peer's, and the policy can be read."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError

from practicum.envs import Episode, Task
from practicum.envs.retail.env import RetailEnv
from practicum.envs.retail.generate import write_world
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.server import PracticumServer, bind_handle
from practicum.training.agents.retail_oracle import oracle_agent
from tests.envs.retail_records import FOLDER, WorldHash, agrees, needs_records, records
from tests.mcp_server.clients import ask, call

pytestmark = pytest.mark.anyio


async def _played(client: Client, record: dict[str, Any]) -> str:
    """Play a record's calls in a session of its own and compare each; returns the session's id."""
    session_id = str((await call(client, "open_session", seed=0))["session_id"])
    for each in record["actions"]:
        body = await ask(client, each["name"], session_id=session_id, **each["arguments"])
        assert agrees(each, body.get("result"), body.get("error")), (record["task_id"], each, body)
    return session_id


@needs_records
async def test_fifty_foreign_sequences_agree_over_mcp(practise: Callable[..., Practice]) -> None:
    practice = practise("retail", settings={"data": str(FOLDER)})
    chosen = list(itertools.chain(records("train")[:25], records("fuzz")[:25]))
    world_hash = WorldHash()
    async with Client(PracticumServer(practice, bind_handle(alone=True, hide_rewards=False))) as client:
        for record in chosen:
            session_id = await _played(client, record)
            session = practice.sessions.get(session_id, "local")
            assert session is not None
            env = RetailEnv()
            episode = Episode(env, session.task)
            for step in practice.sessions.steps(session_id):
                episode.act(step.tool, step.arguments)
            assert world_hash.of(env.world()) == record["final_sha256"], record["task_id"]


async def test_the_policy_is_in_the_data_sheet_and_in_the_instruction(
    serve: Callable[..., PracticumServer],
) -> None:
    async with Client(serve("retail")) as client:
        found = await client.read_resource("practicum://environments/retail")
        opened = await call(client, "open_session", seed=0)
        policy = RetailEnv.handbook()
        assert policy in found.contents[0].text  # type: ignore[union-attr]  # it is Markdown
        assert policy in opened["instruction"]


async def test_the_policy_is_a_resource_of_its_own(
    serve: Callable[..., PracticumServer], tmp_path: Path
) -> None:
    policy = tmp_path / "kind.md"
    policy.write_text("# Be kind\n", encoding="utf-8")
    async with Client(serve("retail", settings={"policy": str(policy)})) as client:
        listed = [str(each.uri) for each in (await client.list_resources()).resources]
        assert "practicum://handbooks/retail" in listed
        found = await client.read_resource("practicum://handbooks/retail")
        assert found.contents[0].text == "# Be kind\n"  # type: ignore[union-attr]  # it is Markdown
        policy.unlink()
        assert "practicum://handbooks/retail" not in str((await client.list_resources()).resources)
        with pytest.raises(MCPError, match="retail has no handbook"):
            await client.read_resource("practicum://handbooks/retail")


async def test_a_session_serves_the_customer_to_the_end(serve: Callable[..., PracticumServer]) -> None:
    task = RetailEnv.make_task(6)
    async with Client(serve("retail")) as client:
        opened = await call(client, "open_session", seed=6)
        assert opened["observation"].startswith("Hello, this is ")
        (output,) = task.secret["outputs"]
        await call(client, "respond", message="May I have your e-mail address, or your name and zip code?")
        last = await call(client, "respond", message=f"It is {output}.")
        assert last["terminated"]
        assert last["outcome"]["success"]


class Serving:
    """A session that the oracle plays over MCP, as far as it is told to."""

    def __init__(self, client: Client, task: Task) -> None:
        self.task, self.turn = task, 0
        self._oracle, self._client = oracle_agent(task), client
        self.session_id = ""
        self._came: tuple[Any, str | None] = ("", None)

    async def open(self) -> None:
        opened = await call(self._client, "open_session", seed=self.task.seed)
        self.session_id = str(opened["session_id"])
        self._oracle.begin(opened["instruction"], opened["observation"])
        self._came = (opened["observation"], None)

    async def go_on(self, client: Client, turns: int = 50) -> dict[str, Any]:
        """Play so many turns, or to the end; returns the last."""
        body: dict[str, Any] = {}
        while not body.get("terminated") and (turns := turns - 1) >= 0:
            made = self._oracle.decide(*self._came)
            body = await ask(client, made.tool, session_id=self.session_id, **made.arguments)
            self._came = (body.get("result"), body.get("error"))
        return body


async def test_sessions_side_by_side_go_on_after_a_restart_and_as_forks(
    practise: Callable[..., Practice], tmp_path: Path
) -> None:
    write_world(tmp_path / "shop", seed=3)
    settings = {"data": str(tmp_path / "shop")}
    bind = bind_handle(alone=True, hide_rewards=False)
    tasks = [RetailEnv.make_task(seed, **settings) for seed in range(16)]
    async with Client(PracticumServer(practise("retail", settings=settings), bind)) as first:
        visits = [Serving(first, task) for task in tasks]
        async with anyio.create_task_group() as group:
            for visit in visits:
                group.start_soon(visit.open)
        for _ in range(2):
            async with anyio.create_task_group() as group:
                for visit in visits:
                    group.start_soon(visit.go_on, first, 1)
    practice = practise("retail", settings=settings)
    async with Client(PracticumServer(practice, bind)) as second:
        for visit in visits:
            fork = await call(second, "open_session", from_session=visit.session_id, at_turn=2)
            assert (await visit.go_on(second))["outcome"]["success"], visit.task.id
            assert str(tmp_path) not in str(fork)
            for step in list(practice.sessions.steps(visit.session_id))[2:]:
                last = await ask(second, step.tool, session_id=fork["session_id"], **step.arguments)
            assert last["outcome"]["success"], visit.task.id


async def test_sessions_go_on_over_a_folder_that_was_moved(
    practise: Callable[..., Practice], tmp_path: Path
) -> None:
    write_world(tmp_path / "shop", seed=4)
    bind = bind_handle(alone=True, hide_rewards=False)
    opened = []
    for place in ("shop", "moved"):
        practice = practise("retail", settings={"data": str(tmp_path / place)})
        async with Client(PracticumServer(practice, bind)) as client:
            opened.append((await call(client, "open_session", seed=0))["session_id"])
            await call(client, "list_all_product_types", session_id=opened[-1])
        if place == "shop":
            (tmp_path / "shop").rename(tmp_path / "moved")
    practice = practise("retail", settings={"data": str(tmp_path / "moved")})
    async with Client(PracticumServer(practice, bind)) as client:
        for session_id in opened:
            assert (await call(client, "list_all_product_types", session_id=session_id))["turn"] == 2
