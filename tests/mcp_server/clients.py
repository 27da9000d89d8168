"""What the tests of the server share: to call, to serve over the wire, to talk to a child by lines."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import uvicorn
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from practicum.mcp_server.http import bind_http, http_app, listening_socket
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.server import PracticumServer

ROOT = Path(__file__).resolve().parents[2]
PARCELS = f"{ROOT / 'examples' / 'parcel_lockers.py'}:ParcelLockers"
MODES = ("auto", "legacy")
"""How a client of the 2026 and of the 2025 era connects."""
PATIENCE_S = 30.0
"""Longer than anything here takes; what waits longer has hung."""

GATED = '''
import sys
import time
from pathlib import Path

from practicum.envs import Outcome, Record, ToolEnv, action


class Gated(ToolEnv[dict]):
    """Wait for a file."""

    name = "gated"
    blocking = True

    def begin(self, *, gate: str = "") -> dict:
        return {"gate": gate}

    @action
    def wait(self) -> str:
        """Wait until the file is there."""
        print("waiting", file=sys.stderr, flush=True)
        until = time.monotonic() + 20
        while not Path(self.task.params["gate"]).exists():
            assert time.monotonic() < until
            time.sleep(0.01)
        return "through"

    def is_done(self) -> bool:
        return False

    def outcome(self) -> Outcome:
        return Outcome(success=False)
'''
"""The source of a world that waits for a file, in whatever process it is."""


def world(name: str) -> str:
    """The place of one of the small worlds."""
    return f"{ROOT / 'tests' / 'mcp_server' / 'worlds.py'}:{name}"


async def ask(client: Client, tool: str, /, **arguments: Any) -> dict[str, Any]:
    """What a tool answers, refusals included; structure and text must say the same."""
    result = await client.call_tool(tool, arguments)
    body = result.structured_content
    assert isinstance(body, dict)
    assert [json.loads(part.text) for part in result.content] == [body]
    if tool != "get_session":  # which shows refused turns without refusing
        assert result.is_error is ("error" in body)
    return body


async def call(client: Client, tool: str, /, **arguments: Any) -> dict[str, Any]:
    """What a tool answers that must not refuse."""
    body = await ask(client, tool, **arguments)
    assert "error" not in body, body
    return body


async def refusal(client: Client, tool: str, /, **arguments: Any) -> str:
    """Why a tool refuses."""
    return str((await ask(client, tool, **arguments))["error"])


@asynccontextmanager
async def over_http(
    practice: Practice, *, hide_rewards: bool = False, **options: Any
) -> AsyncIterator[tuple[str, PracticumServer]]:
    """Serve over a real socket; yields the base URL and the server."""
    sock = listening_socket("127.0.0.1", 0)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    bind = bind_http(base_url=url, hide_rewards=hide_rewards)
    server = PracticumServer(practice, bind, look_every_s=0.01)
    app = http_app(server, **options)
    wire = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on", ws="none"))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wire.serve, [sock])
        try:
            yield url, server
        finally:
            wire.should_exit = True


@asynccontextmanager
async def http_client(url: str, *, token: str | None = None, mode: str = "auto") -> AsyncIterator[Client]:
    """A client over the wire, with a bearer token where one is given."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=PATIENCE_S) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        yield client


class Lines:
    """A `practicum serve` child that is talked to by raw JSON lines."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self.child = child
        self.notices: list[dict[str, Any]] = []

    def send(self, method: str, params: dict[str, Any] | None = None, *, id: Any = None) -> None:
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
        if params is not None:
            message["params"] = params
        if id is not None:
            message["id"] = id
        self.write(json.dumps(message))

    def write(self, line: str) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()

    def receive(self, id: Any) -> dict[str, Any]:
        """The answer to a request; every line on the way must be protocol."""
        assert self.child.stdout is not None
        while line := self.child.stdout.readline():
            message: dict[str, Any] = json.loads(line)
            assert message["jsonrpc"] == "2.0"
            if message.get("id") == id:
                return message
            self.notices.append(message)
        raise AssertionError("the server closed its stdout")

    def receive_notice(self, method: str) -> dict[str, Any]:
        """The parameters of the next notice of a kind; no answer must come before it."""
        assert self.child.stdout is not None
        while line := self.child.stdout.readline():
            message: dict[str, Any] = json.loads(line)
            assert "id" not in message, message
            if message["method"] == method:
                return dict(message.get("params", {}))
        raise AssertionError("the server closed its stdout")

    def request(self, id: Any, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        self.send(method, params, id=id)
        return self.receive(id)

    def initialize(self, id: Any = 1) -> dict[str, Any]:
        """The handshake of the 2025 era."""
        info = {"name": "lines", "version": "1"}
        params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info}
        answer = self.request(id, "initialize", params)
        self.send("notifications/initialized")
        return answer


MODERN = {
    "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "lines", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
}
"""Parameters that every request of the 2026 era carries."""


def modern(method: str, **params: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Body and headers of a request of the 2026 era over HTTP."""
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**MODERN, **params}}
    headers = {
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": method,
        "Accept": "application/json, text/event-stream",
    }
    return body, headers | ({"Mcp-Name": params["name"]} if "name" in params else {})


async def raw(url: str, request: bytes) -> bytes:
    """What a server answers to bytes, up to the end of the connection."""
    _, _, place = url.partition("//")
    host, _, port = place.partition(":")
    async with await anyio.connect_tcp(host, int(port)) as stream:
        await stream.send(request)
        answer = b""
        with anyio.fail_after(PATIENCE_S):
            try:
                while not answer.endswith((b"}", b"large", b"received.")):
                    answer += await stream.receive()
            except anyio.EndOfStream:
                pass
        return answer


def command(*arguments: str) -> list[str]:
    """The command line in a process of its own."""
    return [sys.executable, "-m", "practicum", *arguments]


@contextmanager
def serving(db: Path, *options: str) -> Iterator[Lines]:
    """A real `practicum serve` over stdio."""
    with subprocess.Popen(
        command("serve", "--db", str(db), *options),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT,
    ) as child:  # fmt: skip
        try:
            yield Lines(child)
        finally:
            assert child.stdin is not None
            child.stdin.close()
            try:
                child.wait(timeout=PATIENCE_S)
            finally:
                child.kill()
