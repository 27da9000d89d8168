"""A customer who does not answer costs no turn and no session; asked again, they do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from mcp.client import Client

from practicum.envs import TaskSet
from practicum.envs.retail.customers import register_customer
from practicum.envs.retail.env import RetailEnv
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.server import PracticumServer, bind_handle
from practicum.memory import replay
from practicum.training.agents.chat_customer import LEAVES, hire
from practicum.training.llm import ModelFailed, ModelUnavailable, ScriptedChat
from tests.mcp_server.clients import PATIENCE_S, call, refusal

pytestmark = pytest.mark.anyio
NAME = "unsteady"


class Slow:
    """Says nothing before the gate is open."""

    def __init__(self) -> None:
        self.asked, self.gate = threading.Semaphore(0), threading.Event()

    def opening(self) -> str:
        self.asked.release()
        assert self.gate.wait(PATIENCE_S)
        return "Hello at last."

    def reply(self, said: str) -> None:
        return None


async def test_others_are_served_while_the_customer_of_a_task_file_makes_up_their_mind(
    practise: Callable[..., Practice], tmp_path: Path
) -> None:
    slow = Slow()
    register_customer("slow", lambda task, conversation: slow)
    tasks = [replace(RetailEnv.make_task(0, customer="slow"), id="slow"), RetailEnv.make_task(0)]
    TaskSet(tasks).save(tmp_path / "tasks.jsonl", 2)
    practice = practise("retail", task_file=tmp_path / "tasks.jsonl")
    async with Client(PracticumServer(practice, bind_handle(alone=True, hide_rewards=False))) as client:
        with anyio.fail_after(PATIENCE_S):
            async with anyio.create_task_group() as group:
                opened: list[dict[str, Any]] = []

                async def visit() -> None:
                    opened.append(await call(client, "open_session", task="slow"))

                group.start_soon(visit)
                await anyio.to_thread.run_sync(slow.asked.acquire)
                await call(client, "open_session", task=tasks[1].id)
                assert not opened
                slow.gate.set()
        assert opened[0]["observation"] == "Hello at last."
        assert opened[0]["params"] == {"scenario": "order_cancellation", "customer": "slow"}


@pytest.mark.parametrize(
    "failure",
    [ModelFailed("m answers 503"), ModelUnavailable("http://10.0.0.7:8000/v1 is not there")],
)
async def test_a_customer_whose_model_fails_at_once_opens_no_session_and_tells_nothing_of_it(
    practise: Callable[..., Practice], failure: Exception
) -> None:
    hire(ScriptedChat([failure, "I have a wish."]), NAME)
    practice = practise("retail", settings={"customer": NAME})
    async with Client(PracticumServer(practice, bind_handle(alone=True, hide_rewards=False))) as client:
        why = await refusal(client, "open_session")
        assert "10.0.0.7" not in why
        assert "503" not in why
        assert "somebody whom the world asks" in why
        assert (await call(client, "open_session"))["observation"] == "I have a wish."


@pytest.mark.parametrize("failure", [ModelFailed("m answers 503"), ModelUnavailable("no server")])
async def test_a_customer_whose_model_fails_is_asked_again_by_the_same_turn(
    practise: Callable[..., Practice], failure: Exception
) -> None:
    hire(ScriptedChat(["I have a wish.", failure, "I am Zoe.", LEAVES]), NAME)
    practice = practise("retail", settings={"customer": NAME})
    async with Client(PracticumServer(practice, bind_handle(alone=True, hide_rewards=False))) as client:
        session_id = str((await call(client, "open_session"))["session_id"])
        said = {"session_id": session_id, "message": "Who are you?", "turn": 1}
        why = await refusal(client, "respond", **said)
        assert why.startswith("nothing was played: somebody whom the world asks")
        assert "503" not in why
        assert "no server" not in why
        assert (await call(client, "respond", **said))["result"] == "I am Zoe."
        assert (await call(client, "respond", **said | {"turn": 2}))["terminated"]
    report = replay(practice.sessions, session_id)
    assert (report.agrees, report.steps) == (True, 2)
