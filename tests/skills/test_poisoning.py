"""Poisoning: nothing that is said in sessions is told of skills, and no principal reaches another."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from mcp.client import Client

from practicum.envs import find
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.served import serve_environments
from practicum.mcp_server.server import PracticumServer, bind_handle
from practicum.memory import Store
from practicum.skills.learning import learn
from practicum.skills.library import EVERY, Library
from practicum.skills.naming import free_name
from tests.mcp_server.clients import ask, call
from tests.mcp_server.conftest import Somebody
from tests.skills.poisoned_env import CLEAN_SEED, POISON, TRACES

pytestmark = pytest.mark.anyio
POISONED = f"{Path(__file__).parent / 'poisoned_env.py'}:Poisoned"
PLANTED = "PLANTED-4711"
Serve = Callable[..., PracticumServer]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def somebody() -> Somebody:
    return Somebody()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store.open(tmp_path / "practicum.db")) as opened:
        yield opened


@pytest.fixture
def serve(store: Store) -> Serve:
    """Make a server of the kiosk."""
    return lambda bind=None: PracticumServer(
        Practice(store, serve_environments([POISONED])),
        bind or bind_handle(alone=True, hide_rewards=False),
        look_every_s=0.01,
    )


def train_seeds(count: int) -> list[int]:
    seeds = (seed for seed in range(10 * count) if find(POISONED).make_task(seed).split == "train")
    return list(islice(seeds, count))


async def bought(
    client: Client, *greetings: str, seed: int | None = None, paper: str = "plain"
) -> dict[str, Any]:
    """Buy over MCP, by hand, and write greetings on the paper; what the opening told."""
    opened = await call(client, "open_session", **({} if seed is None else {"seed": seed}))
    params, handle = opened["params"], {"session_id": opened["session_id"]}
    found = await call(client, "find_ware", ware=params["ware"], **handle)
    await call(client, "take", number=found["result"]["number"], copies=params["copies"], **handle)
    await call(client, "wrap", paper=paper, **handle)
    for text in greetings:
        await ask(client, "greet", text=text, **handle)
    await call(client, "pay", card_token=params["card_token"], **handle)


async def learned(store: Store) -> tuple[str, ...]:
    return (await anyio.to_thread.run_sync(learn, store)).published


async def read_by_agents(client: Client) -> list[Any]:
    """All that an agent is told of skills, and of tools beside them, before it asks for a program."""
    found: list[Any] = [await client.list_tools(), await client.list_resources(), client.instructions]
    queries = ("buy a ware", "Good day.", "skill")
    found += [await call(client, "search_skills", query=query) for query in queries]
    for number in range(6):
        opened = await call(client, "open_session", seed=CLEAN_SEED + number)
        found.append(opened["suggestion"])
        await call(client, "close_session", session_id=opened["session_id"])
    return [*found, await call(client, "list_environments")]


def shown(parts: list[Any]) -> str:
    return json.dumps(
        [each.model_dump(mode="json") if hasattr(each, "model_dump") else each for each in parts]
    )


async def test_nothing_said_in_a_session_is_read_by_agents_of_skills(serve: Serve, store: Store) -> None:
    async with Client(serve()) as client:
        before = {tool.name for tool in (await client.list_tools()).tools}
        for seed in train_seeds(18):
            await bought(client, POISON[seed % len(POISON)], POISON[0], "refuse", seed=seed)
        await ask(client, "find_ware", ware=POISON[0])
        assert await learned(store)
        parts = await read_by_agents(client)
        new = [tool for tool in (await client.list_tools()).tools if tool.name not in before]
        [program] = (await client.read_resource("practicum://skills/skill_buy_ware")).contents
    assert [tool.name for tool in new] == ["skill_buy_ware"]
    assert (new[0].description or "").isprintable()
    assert all(sign.isprintable() or sign == "\n" for sign in program.text)
    text = shown(parts)
    assert "skill_buy_ware" in text
    tokens = [find(POISONED).make_task(seed).params["card_token"] for seed in train_seeds(18)]
    for trace in (*TRACES, *tokens):
        assert json.dumps(trace)[1:-1] not in text, trace


async def test_what_one_principal_plants_never_enters_anothers_skill(
    serve: Serve, store: Store, somebody: Somebody
) -> None:
    async with Client(serve(somebody)) as client:
        for seed in train_seeds(14):
            somebody.principal = "mallory"
            await bought(client, PLANTED, seed=seed, paper="red")
            somebody.principal = "ann"
            await bought(client, seed=seed)
        assert len(await learned(store)) == 2
        library = Library(store)
        [own] = library.entries("ann", statuses=EVERY)
        assert own.skill.name == free_name("buy_ware", (), principal="ann"), "nor does a name tell of others"
        assert "greet" not in own.skill.tools
        assert '"red"' not in json.dumps(own.skill.as_json())
        assert PLANTED in json.dumps(
            [each.skill.as_json() for each in library.entries("mallory", statuses=EVERY)]
        )
        assert PLANTED not in shown(await read_by_agents(client))
        opened = await call(client, "open_session", seed=CLEAN_SEED)
        ran = await call(client, own.skill.name, session_id=opened["session_id"])
        assert ran["terminated"]
        session = await call(client, "get_session", session_id=opened["session_id"])
        assert PLANTED not in json.dumps(session)


async def test_a_planted_value_is_in_no_skill_where_it_is_in_fewer_than_three_tasks(
    serve: Serve, store: Store
) -> None:
    async with Client(serve()) as client:
        for number, seed in enumerate(train_seeds(14)):
            await bought(client, *([PLANTED] if number < 2 else []), seed=seed)
        assert await learned(store) == ("skill_buy_ware",)
    assert PLANTED not in json.dumps(Library(store).entries("local")[0].skill.as_json())
