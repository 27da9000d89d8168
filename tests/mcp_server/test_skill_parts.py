"""Skills of a service desk over MCP: mined between turns with customers, used in the middle of a session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from mcp.client import Client

from practicum.envs import Task
from practicum.envs.retail.env import RetailEnv
from practicum.mcp_server.calls import Call, Caller
from practicum.mcp_server.choosing import OpenRequest
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.server import PracticumServer
from practicum.memory import Log, Store
from practicum.skills.learning import learn
from practicum.training.agents.retail_oracle import oracle_agent
from practicum.training.rollouts import Stage, roll_out_all
from tests.mcp_server.clients import call, refusal
from tests.mcp_server.skilled import logged, skills_of

pytestmark = pytest.mark.anyio

SWAPS: dict[str, Any] = {"scenario": "order_modification"}


def taught(store: Store) -> tuple[str, ...]:
    """Let the oracle serve customers who want other items, and learn from it."""
    tasks = RetailEnv.tasks(**SWAPS).split("train").take(70)
    stage = Stage(env=RetailEnv, place="retail-v1", log=Log(store))
    roll_out_all(stage, tasks, lambda task: oracle_agent(task, seed=task.seed, noise=0.05), name="oracle")
    return learn(store).published


def planned(task: Task, tool: str) -> dict[str, Any]:
    """What the plan of a task gives a tool."""
    return next(dict(each["arguments"]) for each in task.secret["actions"] if each["name"] == tool)


async def test_a_part_is_listed_with_what_its_caller_must_tell_and_serves_a_customer(
    serve: Callable[..., PracticumServer], store: Store
) -> None:
    assert taught(store) == ("skill_get_product_details",)
    task = RetailEnv.tasks(**SWAPS).split("test").take(1)[0]
    async with Client(serve("retail", settings=SWAPS)) as client:
        assert await skills_of(client) == ["skill_get_product_details"]
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}
        shown = listed["skill_get_product_details"]
        order_id = listed["get_order_details"].input_schema["properties"]["order_id"]
        assert shown.input_schema["properties"]["order_id"] == order_id
        assert shown.annotations is not None
        assert shown.annotations.read_only_hint is True
        opened = await call(client, "open_session", seed=task.seed)
        assert (opened.get("suggestion") or {}).get("skill") is None
        await call(client, "respond", message="May I have your e-mail address, or your name and zip code?")
        wish = await call(client, "respond", message="Which order, which items, what instead, which payment?")
        swap = planned(task, "modify_pending_order_items")
        assert swap["order_id"] in wish["result"]
        assert "order_id" in await refusal(client, "skill_get_product_details")
        asked = {"order_id": swap["order_id"], "turn": wish["turn"] + 1}
        ran = await call(client, "skill_get_product_details", **asked)
        assert ran["finished"] is True
        assert await call(client, "skill_get_product_details", **asked) == ran
        assert [each["tool"] for each in ran["shown"]][:1] == ["get_order_details"]
        assert ran["shown"][0]["result"]["order_id"] == swap["order_id"]
        results = str((ran["shown"], ran["result"]))
        assert all(item_id in results for item_id in swap["new_item_ids"])
        await _agreed(client, swap)
        await call(client, "modify_pending_order_items", **swap)
        last = await call(client, "respond", message="That is done. Is there anything else?")
        assert last["outcome"]["success"]
        played = logged(store, opened["session_id"])
    assert {skill for tool, skill in played if tool == "get_product_details"} == {"skill_get_product_details"}
    assert {skill for tool, skill in played if tool == "respond"} == {None}


async def test_a_part_that_a_kill_cut_off_is_told_as_far_as_it_came_and_can_be_run_again(
    practise: Callable[..., Practice], serve: Callable[..., PracticumServer], store: Store
) -> None:
    [name] = taught(store)
    task = RetailEnv.tasks(**SWAPS).split("test").take(1)[0]
    order = {"order_id": planned(task, "modify_pending_order_items")["order_id"]}
    async with practise("retail", settings=SWAPS) as killed:
        opened = await killed.open(Caller(), OpenRequest("retail", seed=task.seed))
        session_id = opened.session.id
        hello = {"message": "May I have your e-mail address, or your name and zip code?"}
        await killed.act(Caller(), session_id, Call("respond", hello))
        await killed.act(Caller(), session_id, Call("get_order_details", order, via_skill=name))
    async with Client(serve("retail", settings=SWAPS)) as client:
        again = {**order, "session_id": session_id}
        cut_off = await call(client, name, turn=2, **again)
        assert (cut_off["stop"]["reason"], cut_off["calls"]) == ("interrupted", 1)
        assert cut_off["result"]["order_id"] == order["order_id"]
        ran = await call(client, name, turn=3, **again)
        assert ran["finished"] is True
        assert ran["shown"][0]["result"] == cut_off["result"]
        said = await call(client, "respond", session_id=session_id, message="Which order, which items?")
        assert order["order_id"] in said["result"]


async def _agreed(client: Client, swap: dict[str, Any]) -> None:
    """Ask for a yes until it comes."""
    for _ in range(4):
        items = (*swap["item_ids"], *swap["new_item_ids"])
        ids = ", ".join([swap["order_id"], *items, swap["payment_method_id"]])
        answer = await call(client, "respond", message=f"I would swap items: {ids}. Do you confirm?")
        if answer["result"].startswith("Yes"):
            return
    raise AssertionError(answer)
