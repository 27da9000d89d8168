"""The core tools: what they show, which task they choose, and how they refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client

from practicum.envs import find
from practicum.envs.tasks import Task, TaskSet
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.results import CAP, compact
from practicum.mcp_server.server import PracticumServer
from practicum.memory import Store
from tests.mcp_server.clients import MODES, PARCELS, call, refusal, world

Serve = Callable[..., PracticumServer]
pytestmark = pytest.mark.anyio


def task_of(store: Store, opened: dict[str, Any]) -> Task:
    rows = store.read("SELECT task FROM session_starts WHERE id = ?", (opened["session_id"],))
    from practicum.memory import Sessions

    task = Sessions(store).task(rows[0]["task"])
    assert task is not None
    return task


async def test_environments_are_listed_with_goal_tools_and_rewards(serve: Serve) -> None:
    async with Client(serve(PARCELS, world("Talk"))) as client:
        parcels, talk = (await call(client, "list_environments"))["environments"]
    assert (parcels["name"], parcels["version"], talk["name"]) == ("parcels", 1, "talk")
    assert parcels["goal"] == "Store every parcel in a free locker that is at least as large."
    assert [tool["name"] for tool in parcels["tools"]] == ["look", "store", "take_out"]
    assert parcels["rewards"]["solved"] == 1.0


@pytest.mark.parametrize("mode", MODES)
async def test_a_session_opens_with_instruction_observation_and_tools(serve: Serve, mode: str) -> None:
    async with Client(serve("flight"), mode=mode) as client:
        opened = await call(client, "open_session", env="flight", seed=7)
    task = find("flight").make_task(7)
    assert opened["turn"] == 0
    assert opened["env"] == "flight-v1"
    assert opened["instruction"] == task.instruction
    assert opened["params"] == task.params
    assert opened["observation"]
    assert opened["tools"] == list(find("flight").actions)
    assert opened["suggestion"] is None
    assert not {"url", "token"} & set(opened)


async def test_the_environment_must_be_named_where_there_are_several(serve: Serve) -> None:
    async with Client(serve(PARCELS, world("Talk"))) as client:
        assert await refusal(client, "open_session") == "env is missing; this server has parcels, talk"
        said = await refusal(client, "open_session", env="parcel")
        assert said == "no environment 'parcel'; did you mean 'parcels'?; this server has parcels, talk"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"seed": -1}, "'seed' is -1"),
        ({"seed": "7"}, "'seed' is '7', expected integer"),
        ({"split": "training"}, "expected one of train, verify, test"),
        ({"purpose": "import"}, "expected one of practice, evaluation"),
        ({"min_try": 0}, "'min_try' is 0"),
        ({"colour": "red"}, "there is no argument 'colour'"),
        ({"task": "nope"}, "no task 'nope' of parcels"),
        ({"from_session": "nope"}, "no session 'nope'"),
    ],
)
async def test_what_cannot_be_opened_is_named(serve: Serve, given: dict[str, Any], said: str) -> None:
    async with Client(serve()) as client:
        assert said in await refusal(client, "open_session", **given)
        assert (await call(client, "list_sessions"))["sessions"] == []


async def test_without_a_wish_each_session_has_a_training_task_not_played_before(
    serve: Serve, store: Store
) -> None:
    hashes: list[str] = []
    for _ in range(2):
        async with Client(serve()) as client:
            for _ in range(5):
                task = task_of(store, await call(client, "open_session"))
                assert task.split == "train"
                hashes.append(task.hash)
    assert len(set(hashes)) == 10


@pytest.mark.parametrize("split", ["train", "verify", "test"])
async def test_a_split_is_kept_to(serve: Serve, store: Store, split: str) -> None:
    async with Client(serve()) as client:
        tasks = [task_of(store, await call(client, "open_session", split=split)) for _ in range(3)]
    assert {task.split for task in tasks} == {split}
    assert len({task.hash for task in tasks}) == 3


async def test_an_evaluation_draws_test_tasks_unless_told_otherwise(serve: Serve, store: Store) -> None:
    async with Client(serve()) as client:
        assert task_of(store, await call(client, "open_session", purpose="evaluation")).split == "test"
        opened = await call(client, "open_session", purpose="evaluation", split="verify")
        assert task_of(store, opened).split == "verify"


async def test_a_task_is_played_again_by_its_hash(serve: Serve, store: Store) -> None:
    async with Client(serve()) as client:
        first = await call(client, "open_session", seed=3)
        task = task_of(store, first)
        again = await call(client, "open_session", task=task.hash)
        assert task_of(store, again).hash == task.hash
        looks = [await call(client, "look", session_id=o["session_id"]) for o in (first, again)]
        assert looks[0]["result"] == looks[1]["result"]


async def test_tasks_of_a_file_are_served_in_order_by_id_and_by_split(
    serve: Serve, store: Store, tmp_path: Path
) -> None:
    from dataclasses import replace

    env = find(PARCELS)
    tasks = [replace(env.make_task(seed), id=f"task-{seed}") for seed in range(20)]
    file = tmp_path / "tasks.jsonl"
    TaskSet(tasks).save(file, len(tasks))
    held = next(task for task in tasks if task.split != "train")
    async with Client(serve(task_file=file)) as client:
        for task in tasks[:3]:
            assert task_of(store, await call(client, "open_session")).hash == task.hash
        assert task_of(store, await call(client, "open_session", task="task-9")).hash == tasks[9].hash
        assert task_of(store, await call(client, "open_session", split=held.split)).hash == held.hash
        assert "no task 'task-99'" in await refusal(client, "open_session", task="task-99")


async def test_a_final_answer_is_sent_back_until_the_last_try(serve: Serve) -> None:
    async with Client(serve("flight")) as client:
        session_id = (await call(client, "open_session", seed=3, min_try=2))["session_id"]
        first = await call(client, "abort", session_id=session_id)
        assert "Not accepted yet" in str(first["result"])
        assert first["terminated"] is False
        assert (await call(client, "abort", session_id=session_id))["terminated"] is True


async def test_sessions_are_listed_newest_first_by_environment_and_by_page(serve: Serve) -> None:
    async with Client(serve(PARCELS, world("Talk"))) as client:
        ids = [(await call(client, "open_session", env=env))["session_id"] for env in ("parcels", "talk") * 3]
        await call(client, "look", session_id=ids[0])
        listed = (await call(client, "list_sessions"))["sessions"]
        assert [each["session_id"] for each in listed] == ids[::-1]
        assert (listed[-1]["turn"], listed[-1]["open"], listed[-1]["return"]) == (1, True, -0.01)
        only = (await call(client, "list_sessions", env="talk"))["sessions"]
        assert [each["session_id"] for each in only] == ids[::-2]
        page = (await call(client, "list_sessions", limit=2))["sessions"]
        rest = (await call(client, "list_sessions", before=page[-1]["session_id"]))["sessions"]
        assert [each["session_id"] for each in page + rest] == ids[::-1]


async def test_a_long_list_of_sessions_says_where_to_read_on(serve: Serve) -> None:
    async with Client(serve(world("Talk"))) as client:
        ids = []
        for _ in range(100):
            ids.append((await call(client, "open_session", seed=1))["session_id"])
            await call(client, "finish", session_id=ids[-1])
        found: list[str] = []
        before: dict[str, Any] = {}
        while True:
            body = await call(client, "list_sessions", limit=100, **before)
            assert len(compact(body)) <= CAP
            found += [each["session_id"] for each in body["sessions"]]
            if "more" not in body:
                break
            before = body["more"]
        assert found == ids[::-1]


async def test_get_session_shows_the_standing_and_each_turn(serve: Serve) -> None:
    async with Client(serve()) as client:
        opened = await call(client, "open_session", seed=3)
        session_id = opened["session_id"]
        looked = await call(client, "look")
        standing = await call(client, "get_session")
        assert standing["last"] == looked
        assert (standing["turn"], standing["open"]) == (1, True)
        assert standing["instruction"] == opened["instruction"]
        turn = await call(client, "get_session", session_id=session_id, turn=1)
        assert turn == {"tool": "look", "arguments": {}, **looked}
        beginning = await call(client, "get_session", turn=0)
        assert beginning["observation"] == opened["observation"]
        assert "has no turn 2; it has 1" in await refusal(client, "get_session", turn=2)
        assert "nothing at '/nope' in turn 1" in await refusal(client, "get_session", turn=1, path="/nope")


async def test_a_closed_session_takes_no_more_calls_and_closing_it_again_changes_nothing(
    serve: Serve,
) -> None:
    async with Client(serve()) as client:
        session_id = (await call(client, "open_session"))["session_id"]
        await call(client, "look")
        closed = await call(client, "close_session")
        assert (closed["open"], closed["turn"]) == (False, 1)
        assert await call(client, "close_session", session_id=session_id) == closed
        assert "has ended" in await refusal(client, "look", session_id=session_id)
        assert (await call(client, "get_session", session_id=session_id, turn=1))["tool"] == "look"


async def test_a_session_that_its_world_ended_is_not_closed_again(serve: Serve) -> None:
    async with Client(serve(world("Talk"))) as client:
        session_id = (await call(client, "open_session"))["session_id"]
        await call(client, "finish")
        closed = await call(client, "close_session", session_id=session_id)
        assert closed["outcome"]["success"] is True


@pytest.mark.parametrize("at_turn", [None, 0, 1, 2])
async def test_a_fork_goes_on_from_a_turn(serve: Serve, at_turn: int | None) -> None:
    async with Client(serve(world("Talk"))) as client:
        parent = (await call(client, "open_session"))["session_id"]
        said = [await call(client, "say", json_text=str(number)) for number in (1, 2)]
        given = {} if at_turn is None else {"at_turn": at_turn}
        fork = await call(client, "open_session", from_session=parent, **given)
        kept = 2 if at_turn is None else at_turn
        assert fork["turn"] == kept
        assert fork["observation"] == (said[kept - 1]["result"] if kept else "Say something.")
        following = await call(client, "say", json_text="9", session_id=fork["session_id"], turn=kept + 1)
        assert following["result"] == 9
        assert (await call(client, "get_session", session_id=parent))["turn"] == 2
        assert "cannot be forked at 3" in await refusal(
            client, "open_session", from_session=parent, at_turn=3
        )


async def test_the_library_says_that_it_is_empty(serve: Serve) -> None:
    async with Client(serve()) as client:
        await call(client, "open_session")
        assert (await call(client, "search_skills", query="store a parcel"))["skills"] == []
        assert "the library has no skill 'x'" in await refusal(client, "run_skill", name="x")


async def test_the_client_and_its_protocol_are_in_the_log(
    serve: Serve, practise: Callable[..., Practice]
) -> None:
    for mode, version in zip(MODES, ("2026-07-28", "2025-11-25"), strict=True):
        async with Client(serve(), mode=mode) as client:
            session_id = (await call(client, "open_session"))["session_id"]
        session = practise().sessions.get(session_id, "local")
        assert session is not None
        assert (session.client_name, session.protocol_version) == ("mcp", version)
        assert session.tools_fingerprint


async def test_a_thought_beside_a_call_is_in_the_log(serve: Serve, practise: Callable[..., Practice]) -> None:
    async with Client(serve()) as client:
        session_id = (await call(client, "open_session"))["session_id"]
        await client.call_tool("look", {}, meta={"practicum/thought": "where do they fit?"})
    step = practise().sessions.step(session_id, 1)
    assert step is not None
    assert step.thought == "where do they fit?"
