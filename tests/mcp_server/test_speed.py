"""What makes serving cheap, each with what it must not change."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from opentelemetry import trace

from practicum.mcp_server.collecting import NEW_OBJECTS
from practicum.mcp_server.http import listening_socket
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.seams import OpenTelemetryMiddleware, without_idle_tracing
from practicum.mcp_server.server import PracticumServer
from tests.mcp_server.clients import MODERN, ROOT, call, over_http
from tests.mcp_server.test_http import modern

Serve = Callable[..., PracticumServer]
pytestmark = pytest.mark.anyio

STDIO_SERVER = """
import gc, sys
new_objects = [0]
gc.callbacks.append(lambda phase, _: new_objects.append(gc.get_count()[0]) if phase == "start" else None)
sys.argv = ["practicum", "serve", "--db", sys.argv[1]]
from practicum.__main__ import main
try:
    main()
finally:
    print(max(new_objects), *sorted(sys.modules), file=sys.stderr)
"""
NOT_FOR_STDIO = {
    "jsonschema": "validates the arguments of published tools",
    "practicum.mcp_server.cli.doctor": "is another command, as each but `serve`",
    "practicum.mcp_server.cli.play": "is another command",
    "practicum.mcp_server.cli.sessions": "is another command",
    "practicum.mcp_server.cli.token": "is another command",
    "practicum.mcp_server.http": "serves over HTTP",
    "practicum.mcp_server.metrics": "serves over HTTP",
    "rich": "draws tables",
    "sqlite_utils": "migrates",
    "torch": "trains",
}


def answered(command: list[str], said: str) -> tuple[str, str]:
    """A server's first line, its input open until then, and all that it leaves on stderr."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=ROOT) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(said)
        server.stdin.flush()
        answer = server.stdout.readline()
        return answer, server.communicate(timeout=60)[1]


@pytest.mark.integration
def test_serving_over_stdio_loads_nothing_that_it_does_not_use_and_looks_for_no_garbage_in_it(
    db: Path,
) -> None:
    lines = [
        {"id": 1, "method": "tools/call", "params": {**MODERN, "name": "open_session", "arguments": {}}},
    ]
    said = "".join(json.dumps({"jsonrpc": "2.0", **line}) + "\n" for line in lines)
    command = [sys.executable, "-c", STDIO_SERVER, str(db)]
    for _ in range(2):  # the first makes the log
        answer, told = answered(command, said)
    assert json.loads(answer)["result"]["structuredContent"]["turn"] == 0
    most_new_objects, *names = told.split()
    loaded = set(names)
    assert "practicum.mcp_server.server" in loaded
    assert not loaded & set(NOT_FOR_STDIO)
    assert int(most_new_objects) < 2 * NEW_OBJECTS


async def test_a_plain_call_is_answered_as_the_sdk_would_answer_it(serve: Serve) -> None:
    short, long = serve(), serve()
    long.middleware.remove(long._call_plainly)
    answers = []
    for server in (short, long):
        async with Client(server, mode="auto") as client:
            session_id = (await call(client, "open_session", env="parcels", seed=3))["session_id"]
            calls = [("look", {}), ("store", {"parcel": "none", "locker": "none"}), ("look", {"x": 1})]
            found = [await client.call_tool(name, {"session_id": session_id, **own}) for name, own in calls]
            with pytest.raises(MCPError, match="Unknown tool: fly") as unknown:
                await client.call_tool("fly", {})
            dumped = [result.model_dump(mode="json", by_alias=True) for result in found]
            answers.append(json.dumps([dumped, unknown.value.error.code]).replace(session_id, "ID"))
    assert answers[0] == answers[1]
    assert '"practicum"' in answers[0]


async def test_a_call_that_is_none_by_the_protocol_is_refused_by_it(
    practise: Callable[..., Practice],
) -> None:
    async with over_http(practise(), json_response=True) as (url, _), httpx2.AsyncClient() as http:
        body, headers = modern("tools/call", name="look", arguments=["not", "an", "object"])
        answer = await http.post(f"{url}/mcp", json=body, headers=headers)
        assert answer.json()["error"]["code"] == -32602


def test_spans_are_made_only_where_somebody_collects_them(monkeypatch: pytest.MonkeyPatch) -> None:
    spans: list[Any] = [OpenTelemetryMiddleware()]
    assert without_idle_tracing(spans) == []
    monkeypatch.setattr(trace, "get_tracer_provider", trace.NoOpTracerProvider)
    assert without_idle_tracing(spans) == spans


async def test_an_answer_over_http_leaves_at_once() -> None:
    accepted: list[int] = []

    def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("socket")
        accepted.append(peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    with listening_socket("127.0.0.1", 0) as sock:
        server = await asyncio.start_server(connected, sock=sock)
        async with server, await anyio.connect_tcp(*sock.getsockname()[:2]) as client:
            with pytest.raises(anyio.EndOfStream):
                await client.receive()
    assert accepted == [1]
