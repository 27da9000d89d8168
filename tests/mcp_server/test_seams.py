"""What the SDK leaves to be done: both eras on one stream, notices of new tools, nothing else on stdout."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
import pytest
from mcp.client import Client
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp.shared.memory import create_client_server_memory_streams
from mcp.shared.message import SessionMessage

from practicum.mcp_server.calls import Caller
from practicum.mcp_server.server import PracticumServer
from practicum.mcp_server.tools import PublishedTool, ToolCard
from tests.mcp_server.clients import MODERN, PARCELS, PATIENCE_S, ROOT, call, refusal, serving, world

Serve = Callable[..., PracticumServer]
EMPTY = {"type": "object", "properties": {}, "additionalProperties": False}


def published(name: str = "skill_store_all") -> PublishedTool:
    async def run(caller: Caller, session_id: str | None, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"ran": name, "principal": caller.principal}

    return PublishedTool(ToolCard(name, "Does several steps at once.", EMPTY), run)


# One stream, both eras -----------------------------------------------------------------------------------


@pytest.mark.integration
def test_a_probe_followed_by_initialize_is_served_over_stdio(db: Path) -> None:
    with serving(db, "--env", PARCELS) as lines:
        discovered = lines.request(1, "server/discover", MODERN)["result"]
        assert "2026-07-28" in discovered["supportedVersions"]
        assert lines.initialize(2)["result"]["protocolVersion"] == "2025-11-25"
        opened = lines.request(3, "tools/call", {"name": "open_session", "arguments": {"env": "parcels"}})
        assert opened["result"]["structuredContent"]["turn"] == 0


@pytest.mark.integration
def test_initialize_alone_is_served_over_stdio_and_told_that_tools_may_change(db: Path) -> None:
    with serving(db, "--env", PARCELS) as lines:
        answer = lines.initialize()["result"]
        assert answer["protocolVersion"] == "2025-11-25"
        assert answer["capabilities"]["tools"]["listChanged"] is True
        assert "open_session first" in answer["instructions"]
        names = [tool["name"] for tool in lines.request(2, "tools/list")["result"]["tools"]]
        assert names[-3:] == ["look", "store", "take_out"]


@pytest.mark.integration
@pytest.mark.parametrize("probes", [0, 1, 2])
def test_modern_requests_are_served_over_stdio_with_and_without_a_probe(db: Path, probes: int) -> None:
    with serving(db, "--env", PARCELS) as lines:
        for number in range(probes):
            assert "result" in lines.request(number, "server/discover", MODERN)
        params = {**MODERN, "name": "open_session", "arguments": {"env": "parcels"}}
        assert lines.request(10, "tools/call", params)["result"]["structuredContent"]["turn"] == 0
        assert "result" in lines.request(11, "server/discover", MODERN)


@pytest.mark.integration
def test_a_probe_of_an_unknown_version_is_told_the_known_ones_and_may_go_on(db: Path) -> None:
    meta = {**MODERN["_meta"], "io.modelcontextprotocol/protocolVersion": "2099-01-01"}
    with serving(db, "--env", PARCELS) as lines:
        error = lines.request(1, "server/discover", {"_meta": meta})["error"]
        assert error["code"] == types.UNSUPPORTED_PROTOCOL_VERSION
        assert "2026-07-28" in error["data"]["supported"]
        assert lines.initialize(2)["result"]["protocolVersion"] == "2025-11-25"


@pytest.mark.anyio
async def test_the_sdk_alone_still_refuses_initialize_after_a_probe() -> None:
    """When this fails, the seam has become needless."""
    bare: Server[Any] = Server("bare")
    info = {"name": "x", "version": "1"}
    handshake = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info}
    answers = []
    async with (
        create_client_server_memory_streams() as ((read, write), server_streams),
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(bare.run, *server_streams, bare.create_initialization_options())
        for method, params in (("server/discover", MODERN), ("initialize", handshake)):
            request = types.JSONRPCRequest(jsonrpc="2.0", id=method, method=method, params=params)
            await write.send(SessionMessage(request))
            with anyio.fail_after(PATIENCE_S):
                answers.append((await read.receive()).message)
        tasks.cancel_scope.cancel()
    assert isinstance(answers[0], types.JSONRPCResponse)
    assert isinstance(answers[1], types.JSONRPCError)
    assert answers[1].error.code == types.UNSUPPORTED_PROTOCOL_VERSION


# Tools that come and go ----------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_client_of_2026_hears_of_a_new_tool_and_calls_it(serve: Serve) -> None:
    server = serve()
    async with Client(server) as client, client.listen(tools_list_changed=True) as events:
        before = [tool.name for tool in (await client.list_tools()).tools]
        await server.publish(published())
        with anyio.fail_after(PATIENCE_S):
            await anext(aiter(events))
        after = [tool.name for tool in (await client.list_tools()).tools]
        assert after == [*before, "skill_store_all"]
        assert (await call(client, "skill_store_all"))["ran"] == "skill_store_all"


@pytest.mark.anyio
async def test_a_client_of_2025_hears_of_a_new_tool_and_calls_it(serve: Serve) -> None:
    server = serve()
    heard = anyio.Event()

    async def hear(message: Any) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            heard.set()

    async with Client(server, mode="legacy", message_handler=hear) as client:
        assert client.server_capabilities.tools is not None
        assert client.server_capabilities.tools.list_changed is True
        await client.list_tools()
        await server.publish(published())
        with anyio.fail_after(PATIENCE_S):
            await heard.wait()
        assert "skill_store_all" in [tool.name for tool in (await client.list_tools()).tools]
        assert (await call(client, "skill_store_all"))["ran"] == "skill_store_all"


@pytest.mark.anyio
async def test_a_withdrawn_tool_is_unknown_and_a_client_that_left_hears_nothing(serve: Serve) -> None:
    server = serve()
    async with Client(server, mode="legacy") as client:
        await client.list_tools()
    await server.publish(published())
    async with Client(server, mode="legacy") as client:
        assert (await call(client, "skill_store_all"))["principal"] == "local"
        await server.withdraw("skill_store_all")
        with pytest.raises(MCPError, match="Unknown tool: skill_store_all"):
            await client.call_tool("skill_store_all", {})


@pytest.mark.anyio
async def test_a_tool_that_clients_would_choke_on_is_not_published(serve: Serve) -> None:
    server = serve()
    with pytest.raises(ValueError, match="Skill-Store"):
        await server.publish(published("Skill-Store"))
    with pytest.raises(ValueError, match="store: the name is taken"):
        await server.publish(published("store"))
    assert not server.catalogue.published


def test_headers_are_compared_with_a_call_only_where_an_argument_travels_in_one(serve: Serve) -> None:
    server = serve()
    region = {"type": "string", "description": "Where to.", "x-mcp-header": "Region"}
    schema = {**EMPTY, "properties": {"region": region}}
    server.catalogue.publish(PublishedTool(ToolCard("skill_far", "Goes far.", schema), published().run))
    compared = server.get_tool_input_schema
    assert compared is not None
    assert [compared(name) for name in ("store", "open_session", "nope")] == [None, None, None]
    assert compared("skill_far") == schema


# What goes wrong -----------------------------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_an_unknown_tool_is_a_protocol_error_that_names_the_known_ones(serve: Serve, mode: str) -> None:
    async with Client(serve(), mode=mode) as client:
        with pytest.raises(MCPError, match="Unknown tool: stroe") as error:
            await client.call_tool("stroe", {})
    assert error.value.error.code == types.INVALID_PARAMS
    assert "store" in error.value.error.data["tools"]


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_bug_of_a_world_closes_its_session_and_leaks_nothing(serve: Serve, mode: str) -> None:
    async with Client(serve(world("Talk")), mode=mode) as client:
        session_id = (await call(client, "open_session"))["session_id"]
        await call(client, "say", json_text="1", session_id=session_id)
        said = await refusal(client, "crash", session_id=session_id)
        assert "RuntimeError" in said
        assert "sesame" not in said
        assert "has ended" in await refusal(client, "say", json_text="1", session_id=session_id)
        assert (await call(client, "get_session", session_id=session_id))["turn"] == 1


@pytest.mark.anyio
async def test_a_bug_of_a_published_tool_is_told_in_one_line_and_leaks_nothing(serve: Serve) -> None:
    async def broken(*_: Any) -> Mapping[str, Any]:
        raise RuntimeError("the password is sesame")

    server = serve()
    async with Client(server) as client:
        await server.publish(PublishedTool(ToolCard("skill_broken", "Breaks.", EMPTY), broken))
        for name, arguments in (("skill_broken", {}), ("run_skill", {"name": "skill_broken"})):
            assert (
                await refusal(client, name, **arguments)
                == f"{name} failed on the server (RuntimeError); its log says more"
            )


@pytest.mark.anyio
async def test_a_world_that_cannot_begin_is_told_in_one_line(serve: Serve) -> None:
    async with Client(serve(world("Talk"), settings={"opening": "broken"})) as client:
        said = await refusal(client, "open_session")
        assert said == "open_session failed on the server (RuntimeError); its log says more"


# stdout --------------------------------------------------------------------------------------------------


@pytest.mark.integration
def test_only_protocol_leaves_by_stdout_whatever_the_world_prints(db: Path) -> None:
    louder = f"{ROOT / 'tests' / 'mcp_server' / 'loud_at_import.py'}:LoudFromTheStart"
    with serving(db, "--env", louder) as lines:
        lines.initialize()
        lines.request(2, "tools/call", {"name": "open_session", "arguments": {}})
        shouted = lines.request(3, "tools/call", {"name": "shout", "arguments": {}})
        assert shouted["result"]["structuredContent"]["result"] == "done"
        assert lines.child.stdin is not None
        assert lines.child.stdout is not None
        lines.child.stdin.close()
        assert [json.loads(line)["jsonrpc"] for line in lines.child.stdout] == []


@pytest.mark.integration
def test_a_line_that_is_no_message_is_answered_and_the_server_goes_on(db: Path) -> None:
    with serving(db) as lines:
        lines.initialize()
        nonsense = ("not json", "[" * 300, '{"jsonrpc": "2.0"}', '{"id": ' + "9" * 5000 + "}")
        for number, line in enumerate(nonsense, 2):
            lines.write(line)
            assert lines.receive(None)["error"]["code"] in (-32700, -32600)
            assert lines.request(number, "tools/list")["result"]["tools"]


@pytest.mark.anyio
async def test_arguments_of_a_published_tool_are_checked_by_its_schema(serve: Serve) -> None:
    server = serve()
    server.catalogue.publish(published("skill_checked"))
    async with Client(server) as client:
        said = await refusal(client, "skill_checked", zz=1)
        assert "bad arguments of skill_checked" in said
        assert "zz" in said
        assert said == await refusal(client, "run_skill", name="skill_checked", arguments={"zz": 1})
