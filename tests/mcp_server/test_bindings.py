"""Three ways to a session: a handle in each call, an endpoint of its own, one process for one session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anyio
import httpx2
import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError

from practicum.envs import find
from practicum.envs.tasks import TaskSet
from practicum.mcp_server.bindings import Bound
from practicum.mcp_server.calls import Caller
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.server import PracticumServer, bind_fixed, bind_handle
from tests.mcp_server.clients import (
    MODERN,
    MODES,
    PARCELS,
    call,
    http_client,
    over_http,
    refusal,
    serving,
    world,
)

Serve = Callable[..., PracticumServer]
pytestmark = pytest.mark.anyio


async def listed(client: Client) -> dict[str, set[str]]:
    """Arguments by listed tool."""
    return {tool.name: set(tool.input_schema["properties"]) for tool in (await client.list_tools()).tools}


# A handle ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
async def test_every_action_takes_a_session_id_and_a_turn(serve: Serve, mode: str) -> None:
    async with Client(serve(), mode=mode) as client:
        tools = await listed(client)
        assert tools["store"] == {"parcel", "locker", "session_id", "turn"}
        assert tools["look"] == {"session_id", "turn"}
        assert "next_task" not in tools
        session_id = (await call(client, "open_session"))["session_id"]
        looked = await call(client, "look", session_id=session_id, turn=1)
        assert (looked["session_id"], looked["turn"]) == (session_id, 1)


async def test_the_session_id_may_be_left_out_only_while_one_is_open(serve: Serve) -> None:
    async with Client(serve()) as client:
        assert "you have no open session here" in await refusal(client, "look")
        first = (await call(client, "open_session"))["session_id"]
        assert (await call(client, "look"))["session_id"] == first
        second = (await call(client, "open_session"))["session_id"]
        assert "you have 2 open sessions here" in await refusal(client, "look")
        await call(client, "close_session", session_id=first)
        assert (await call(client, "look"))["session_id"] == second


async def test_the_session_id_is_never_guessed_where_the_principal_is_not_alone(serve: Serve) -> None:
    async with Client(serve(bind=bind_handle(alone=False))) as client:
        await call(client, "open_session")
        said = await refusal(client, "look")
        assert said == "session_id is missing; open_session returns one, list_sessions shows yours"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"session_id": 7}, "'session_id' is 7, expected a string"),
        ({"turn": "1"}, "'turn' is '1', expected an integer; turns begin at 1"),
        ({"turn": True}, "'turn' is True, expected an integer; turns begin at 1"),
        (
            {"session_id": "f" * 32},
            f"no session '{'f' * 32}'; open_session begins one, list_sessions shows yours",
        ),
    ],
)
async def test_a_bad_handle_is_refused_and_names_the_remedy(serve: Serve, given: dict, said: str) -> None:
    async with Client(serve()) as client:
        session_id = (await call(client, "open_session"))["session_id"]
        assert await refusal(client, "look", **given) == said
        assert (await call(client, "get_session", session_id=session_id))["turn"] == 0


async def test_an_action_is_refused_in_a_session_of_another_world(serve: Serve) -> None:
    async with Client(serve(PARCELS, world("Talk"))) as client:
        session_id = (await call(client, "open_session", env="talk"))["session_id"]
        said = await refusal(client, "look", session_id=session_id)
        assert said == "this session plays talk; look belongs to parcels"


async def test_worlds_that_share_a_name_both_get_theirs_in_front(serve: Serve) -> None:
    async with Client(serve(world("Talk"), PARCELS, world("Murmur"))) as client:
        tools = await listed(client)
        assert {"talk_say", "murmur_say", "look", "store"} <= set(tools)
        assert "say" not in tools
        opened = await call(client, "open_session", env="murmur")
        assert opened["tools"][0] == "murmur_say"
        said = await call(client, "murmur_say", session_id=opened["session_id"], json_text="[1]")
        assert said["result"] == [1]


# An endpoint of its own ----------------------------------------------------------------------------------


@pytest.mark.integration
@pytest.mark.parametrize("mode", MODES)
async def test_a_scoped_endpoint_has_clean_tools_and_the_instruction(
    practise: Callable[..., Practice], mode: str
) -> None:
    async with over_http(practise()) as (url, _):
        async with http_client(f"{url}/mcp") as client:
            opened = await call(client, "open_session", scoped=True)
        assert opened["url"] == f"{url}/env/parcels/s/{opened['session_id']}/mcp"
        async with http_client(opened["url"], token=opened["token"], mode=mode) as client:
            assert client.instructions == opened["instruction"]
            tools = await listed(client)
            assert list(tools) == ["get_session", "search_skills", "run_skill", "look", "store", "take_out"]
            assert tools["store"] == {"parcel", "locker"}
            assert tools["get_session"] == {"turn", "path", "offset"}
            looked = await call(client, "look")
            assert (looked["session_id"], looked["turn"]) == (opened["session_id"], 1)
            assert (await call(client, "get_session"))["turn"] == 1
            with pytest.raises(MCPError, match="Unknown tool"):
                await client.call_tool("open_session", {})
            assert "there is no argument 'turn'" in await refusal(client, "look", turn=2)
            resources = [str(each.uri) for each in (await client.list_resources()).resources]
            assert [uri for uri in resources if "/sessions/" in uri] == [
                f"practicum://sessions/{opened['session_id']}"
            ]


@pytest.mark.integration
async def test_a_scoped_endpoint_admits_only_its_own_token(practise: Callable[..., Practice]) -> None:
    async with over_http(practise()) as (url, _):
        async with http_client(f"{url}/mcp") as client:
            one = await call(client, "open_session", scoped=True)
            two = await call(client, "open_session", scoped=True)
            plain = await call(client, "open_session")
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": MODERN}
        places = [
            one["url"],
            one["url"].replace("parcels", "flight"),
            f"{url}/env/parcels/s/{plain['session_id']}/mcp",
        ]
        credentials = [
            None,
            "",
            "Bearer",
            f"Bearer {two['token']}",
            f"Basic {one['token']}",
            f"Bearer {one['token']}x",
        ]
        async with httpx2.AsyncClient() as http:
            for place in places:
                for given in [*credentials, f"Bearer {one['token']}"]:
                    if (place, given) == (one["url"], f"Bearer {one['token']}"):
                        continue
                    headers = {} if given is None else {"Authorization": given}
                    answer = await http.post(place, json=body, headers=headers)
                    assert answer.status_code == 401
                    assert one["instruction"] not in answer.text
        async with http_client(one["url"], token=one["token"]) as client:
            assert (await call(client, "look"))["turn"] == 1
            with pytest.raises(MCPError, match="at this endpoint"):
                await client.read_resource(f"practicum://sessions/{two['session_id']}")
            for tool in ("get_session", "look"):
                assert "there is no argument" in await refusal(client, tool, session_id=two["session_id"])


@pytest.mark.integration
async def test_a_scoped_endpoint_ends_with_its_session_after_a_grace(
    practise: Callable[..., Practice], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with over_http(practise()) as (url, _):
        async with http_client(f"{url}/mcp") as client:
            opened = await call(client, "open_session", scoped=True, seed=3)
        async with http_client(opened["url"], token=opened["token"]) as client:
            await store_all(client)
            assert (await call(client, "get_session"))["open"] is False
            assert "this endpoint ends with it" in await refusal(client, "look")
        monkeypatch.setattr("practicum.mcp_server.http.GRACE_S", 0.0)
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {opened['token']}"}) as http:
            body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": MODERN}
            assert (await http.post(opened["url"], json=body)).status_code == 401


@pytest.mark.integration
async def test_a_scoped_endpoint_ends_at_once_with_a_session_that_is_closed(
    practise: Callable[..., Practice],
) -> None:
    async with over_http(practise()) as (url, _):
        async with http_client(f"{url}/mcp") as client:
            opened = await call(client, "open_session", scoped=True)
            await call(client, "close_session", session_id=opened["session_id"])
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {opened['token']}"}) as http:
            body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": MODERN}
            assert (await http.post(opened["url"], json=body)).status_code == 401


async def store_all(client: Client) -> None:
    """Put every parcel, largest first, into the smallest locker that takes it."""
    depot = (await call(client, "look"))["result"]
    lockers = sorted(depot["lockers"], key=depot["lockers"].__getitem__, reverse=True)
    parcels = sorted(depot["parcels"], key=depot["parcels"].__getitem__, reverse=True)
    for parcel, locker in zip(parcels, lockers, strict=True):
        await call(client, "store", parcel=parcel, locker=locker)


@pytest.mark.integration
async def test_a_fork_gets_an_endpoint_of_its_own(practise: Callable[..., Practice]) -> None:
    async with over_http(practise()) as (url, _):
        async with http_client(f"{url}/mcp") as client:
            parent = await call(client, "open_session", scoped=True)
            await call(client, "look", session_id=parent["session_id"])
            fork = await call(client, "open_session", from_session=parent["session_id"], scoped=True)
        assert fork["token"] != parent["token"]
        async with http_client(fork["url"], token=fork["token"]) as client:
            assert (await call(client, "get_session"))["turn"] == 1


async def test_a_scoped_endpoint_needs_http(serve: Serve) -> None:
    async with Client(serve()) as client:
        assert "practicum serve --http" in await refusal(client, "open_session", scoped=True)


# One process, one session at a time ----------------------------------------------------------------------


def bound(practice: Practice, seed: int | None = None) -> PracticumServer:
    env = next(iter(practice.served))
    return PracticumServer(practice, bind_fixed(Bound(Caller(alone=True), env=env, seed=seed)))


@pytest.mark.parametrize("mode", MODES)
async def test_a_bound_server_plays_one_task_after_the_other(
    practise: Callable[..., Practice], mode: str
) -> None:
    async with Client(bound(practise(), seed=7), mode=mode) as client:
        assert client.instructions is not None
        assert client.instructions.startswith("Store every parcel")
        assert "practicum forget" in client.instructions
        tools = await listed(client)
        assert list(tools)[:4] == ["get_session", "search_skills", "run_skill", "next_task"]
        assert tools["store"] == {"parcel", "locker"}
        first = await call(client, "look")
        assert first["turn"] == 1
        following = await call(client, "next_task")
        assert following["session_id"] != first["session_id"]
        assert (await call(client, "look"))["session_id"] == following["session_id"]
    for session_id, seed in ((first["session_id"], 7), (following["session_id"], 8)):
        session = practise().sessions.get(session_id, "local")
        assert session is not None
        assert session.task.seed == seed


async def test_a_bound_server_without_a_seed_goes_on_to_tasks_not_played(
    practise: Callable[..., Practice],
) -> None:
    hashes = []
    for _ in range(2):
        practice = practise()
        async with Client(bound(practice)) as client:
            for tool in ("get_session", "next_task"):
                session_id = (await call(client, tool))["session_id"]
                session = practice.sessions.get(session_id, "local")
                assert session is not None
                assert session.task.split == "train"
                hashes.append(session.task.hash)
    assert len(set(hashes)) == 4


async def test_parallel_first_calls_to_a_bound_server_share_one_session(
    practise: Callable[..., Practice],
) -> None:
    answers = []
    async with Client(bound(practise())) as client, anyio.create_task_group() as tasks:

        async def look() -> None:
            answers.append(await call(client, "look"))

        for _ in range(8):
            tasks.start_soon(look)
    assert len({answer["session_id"] for answer in answers}) == 1
    assert sorted(answer["turn"] for answer in answers) == list(range(1, 9))


@pytest.mark.integration
def test_a_bound_process_plays_the_tasks_of_a_file(db: Path, tmp_path: Path) -> None:
    env = find(PARCELS)
    tasks = [env.make_task(seed, parcels=2) for seed in (5, 6)]
    file = tmp_path / "tasks.jsonl"
    TaskSet(tasks).save(file, 2)
    with serving(db, "--bound", "--env", PARCELS, "--task", str(file)) as lines:
        lines.initialize()
        sizes = []
        for number, tool in enumerate(("look", "next_task", "look"), 2):
            answer = lines.request(number, "tools/call", {"name": tool, "arguments": {}})
            sizes.append(answer["result"]["structuredContent"])
        assert len(sizes[0]["result"]["parcels"]) == len(sizes[2]["result"]["parcels"]) == 2
        assert sizes[1]["params"] == {"parcels": 2}
        assert sizes[0]["session_id"] != sizes[2]["session_id"]


@pytest.mark.integration
def test_a_bound_process_begins_with_the_seed_that_it_was_given(db: Path) -> None:
    with serving(db, "--bound", "--env", PARCELS, "--seed", "7") as lines:
        lines.initialize()
        answer = lines.request(2, "tools/call", {"name": "look", "arguments": {}})["result"]
    world_7 = find(PARCELS)()
    world_7.reset(seed=7)
    assert answer["structuredContent"]["result"]["parcels"] == dict(world_7.state.parcels)
