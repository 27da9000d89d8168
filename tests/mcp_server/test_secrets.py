"""No secret of a task is in anything that an agent sees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError

from practicum.envs import find
from practicum.envs.tasks import TaskSet
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.server import PracticumServer
from tests.mcp_server.clients import MODES, call, http_client, over_http, world
from tests.mcp_server.worlds import SECRET

Serve = Callable[..., PracticumServer]
pytestmark = pytest.mark.anyio


async def seen(client: Client, session_id: str | None) -> str:
    """All that an agent can get to see beside the results of its calls."""
    named = {} if session_id is None else {"session_id": session_id}
    parts: list[Any] = [client.instructions, await client.list_tools(), await client.list_resources()]
    asked: list[dict[str, Any]] = [{}, {"turn": 0}, {"turn": 1}, {"turn": 2}]
    asked += [
        {"turn": turn, "path": path}
        for turn in (0, 1)
        for path in ("", "/secret", "/task", "/task/secret", "/params/secret", "/params/word")
    ]
    parts += [await client.call_tool("get_session", {**named, **arguments}) for arguments in asked]
    for tool in ("list_environments", "list_sessions"):
        try:
            parts.append(await client.call_tool(tool, {}))
        except MCPError as error:
            parts.append(error)
    resources = (await client.list_resources()).resources
    parts += [await client.read_resource(resource.uri) for resource in resources]
    if session_id is not None:
        parts.append(await client.get_prompt("debrief", {"session": session_id}))
    parts.append(await client.get_prompt("practise", {"environment": "sealed"}))
    return "\n".join(map(str, parts))


async def play(client: Client, **named: Any) -> str:
    """Right, wrong, refused and crashing calls, as the agent sees them."""
    answers = [
        await client.call_tool("guess", {"word": "wrong", **named}),
        await client.call_tool("guess", {"word": 7, **named}),
        await client.call_tool("say", {"json_text": "{}", **named}),
    ]
    return "\n".join(map(str, answers))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("purpose", ["practice", "evaluation"])
async def test_a_secret_stays_in_the_world(serve: Serve, mode: str, purpose: str) -> None:
    async with Client(serve(world("Sealed")), mode=mode) as client:
        opened = await client.call_tool("open_session", {"purpose": purpose})
        assert opened.structured_content is not None
        session_id = opened.structured_content["session_id"]
        text = f"{opened}\n{await play(client)}\n{await seen(client, session_id)}"
        forked = await client.call_tool("open_session", {"from_session": session_id})
        crashed = await client.call_tool("crash", {"session_id": session_id})
        after = await seen(client, session_id)
    assert SECRET not in "\n".join(map(str, (text, forked, crashed, after)))


async def test_the_world_itself_knows_the_secret(serve: Serve) -> None:
    async with Client(serve(world("Sealed"))) as client:
        await call(client, "open_session")
        assert (await call(client, "guess", word=SECRET))["outcome"]["success"] is True


@pytest.mark.integration
async def test_a_secret_stays_in_the_world_at_a_scoped_endpoint(practise: Callable[..., Practice]) -> None:
    async with over_http(practise(world("Sealed"))) as (url, _):
        async with http_client(f"{url}/mcp") as client:
            opened = await call(client, "open_session", scoped=True)
        async with http_client(opened["url"], token=opened["token"]) as client:
            text = f"{opened}\n{await play(client)}\n{await seen(client, None)}"
    assert SECRET not in text


async def test_a_secret_of_a_task_file_stays_in_the_world(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "tasks.jsonl"
    TaskSet([find(world("Sealed")).make_task(1)]).save(file, 1)
    assert SECRET in file.read_text()
    async with Client(serve(world("Sealed"), task_file=file)) as client:
        opened = await call(client, "open_session", split="test")
        text = f"{opened}\n{await play(client)}\n{await seen(client, opened['session_id'])}"
    assert SECRET not in text


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in strings(item)]
    if isinstance(value, list | tuple):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


async def test_no_text_of_a_flight_secret_is_shown_when_its_session_begins(serve: Serve) -> None:
    async with Client(serve("flight")) as client:
        for seed in range(10):
            task = find("flight").make_task(seed)
            opened = str(await call(client, "open_session", seed=seed))
            for text in strings(dict(task.secret)):
                assert text not in opened or text in str(task.params) + task.instruction
