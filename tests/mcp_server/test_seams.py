"""What the SDK leaves to be done: both eras on one stream, notices of new tools, nothing else on stdout."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import anyio
import mcp_types as types
import pytest
from mcp.client import Client
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp.shared.memory import create_client_server_memory_streams
from mcp.shared.message import SessionMessage
from pydantic import Field

from practicum.envs import Outcome, ToolEnv, action
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.served import Served
from practicum.mcp_server.server import PracticumServer, bind_handle
from practicum.memory import Store
from tests.mcp_server.clients import MODERN, PARCELS, PATIENCE_S, ROOT, call, refusal, serving, world
from tests.mcp_server.skilled import a_skill, publish

Serve = Callable[..., PracticumServer]
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
        publish(server.practice.store, a_skill())
        with anyio.fail_after(PATIENCE_S):
            await anext(aiter(events))
        after = [tool.name for tool in (await client.list_tools()).tools]
        assert after == [*before, "skill_store_all"]
        await call(client, "open_session")
        assert (await call(client, "skill_store_all"))["skill"] == "skill_store_all"


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
        publish(server.practice.store, a_skill())
        with anyio.fail_after(PATIENCE_S):
            await heard.wait()
        assert "skill_store_all" in [tool.name for tool in (await client.list_tools()).tools]
        await call(client, "open_session")
        assert (await call(client, "skill_store_all"))["skill"] == "skill_store_all"


@pytest.mark.anyio
async def test_a_client_that_left_hears_nothing_and_one_that_comes_sees_what_is_there(serve: Serve) -> None:
    server = serve()
    async with Client(server, mode="legacy") as client:
        await client.list_tools()
    publish(server.practice.store, a_skill())
    async with Client(server, mode="legacy") as client:
        assert (await client.list_tools()).tools[-1].name == "skill_store_all"


class Regional(ToolEnv[dict[str, str]]):
    """Go somewhere."""

    name = "regional"

    def begin(self) -> dict[str, str]:
        return {}

    @action
    def go(self, region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})]) -> str:
        """Go there.

        Args:
            region: Where to.
        """
        return region

    @action
    def stay(self) -> str:
        """Stay."""
        return "here"

    def is_done(self) -> bool:
        return False

    def outcome(self) -> Outcome:
        return Outcome(success=False)


def test_headers_are_compared_with_a_call_only_where_an_argument_travels_in_one(store: Store) -> None:
    practice = Practice(store, {"regional": Served(Regional, f"{__file__}:Regional")})
    compared = PracticumServer(practice, bind_handle(alone=True)).get_tool_input_schema
    assert compared is not None
    assert [compared(name) for name in ("stay", "open_session", "nope")] == [None, None, None]
    assert compared("go") == Regional.actions["go"].schema


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
async def test_arguments_of_a_skill_are_checked_by_its_schema(serve: Serve) -> None:
    server = serve()
    publish(server.practice.store, a_skill("skill_checked"))
    async with Client(server) as client:
        await call(client, "open_session")
        said = await refusal(client, "skill_checked", zz=1)
        assert "bad arguments of skill_checked" in said
        assert "zz" in said
        assert said == await refusal(client, "run_skill", name="skill_checked", arguments={"zz": 1})
