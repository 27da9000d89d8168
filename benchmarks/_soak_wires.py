"""Ways in which the soak's clients connect: both eras, stdio and HTTP, with the SDK's client and without."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

Body = dict[str, Any]
Call = Callable[[str, Body], Awaitable[Body]]
"""Calls a tool; gives its structured result, refusals included."""
Connect = Callable[[], AbstractAsyncContextManager[Call]]

PATIENCE_S = 30.0
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "soak", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
HANDSHAKE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "soak", "version": "1"},
}


class Refused(Exception):  # noqa: N818  # named for what happened
    """The server answered with a protocol error, or would not open a session."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def calling(client: Client) -> Call:
    """A call through the SDK's client."""

    async def call(tool: str, arguments: Body) -> Body:
        answer = await client.call_tool(tool, arguments, read_timeout_seconds=PATIENCE_S)
        return dict(answer.structured_content or {})

    return call


@asynccontextmanager
async def over_http(url: str, mode: str, token: str | None = None) -> AsyncIterator[Call]:
    """The SDK's client over HTTP."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=PATIENCE_S) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        yield calling(client)


def command(db: Path) -> list[str]:
    """A server over stdio on the shared file."""
    return [sys.executable, "-m", "practicum", "serve", "--db", str(db)]


@asynccontextmanager
async def over_stdio(db: Path, mode: str) -> AsyncIterator[Call]:
    """The SDK's client and a server of its own."""
    program, *arguments = command(db)
    parameters = StdioServerParameters(command=program, args=arguments)
    async with Client(stdio_client(parameters), mode=mode) as client:
        yield calling(client)


@asynccontextmanager
async def probing_stdio(db: Path) -> AsyncIterator[Call]:
    """Lines that probe with `server/discover` and then shake hands; the child is killed at the end."""
    child = await asyncio.create_subprocess_exec(
        *command(db), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL, limit=2**24,
    )  # fmt: skip
    lines = _Lines(child)
    try:
        await lines.ask("server/discover", {"_meta": META})
        await lines.ask("initialize", HANDSHAKE)
        lines.send({"method": "notifications/initialized"})

        async def call(tool: str, arguments: Body) -> Body:
            answer = await lines.ask("tools/call", {"name": tool, "arguments": arguments})
            return dict(answer["structuredContent"])

        yield call
    finally:
        child.kill()
        await child.wait()


class _Lines:
    """One request after the other, by lines."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child
        self._ids = itertools.count(1)

    def send(self, message: Body) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    async def ask(self, method: str, params: Body) -> Body:
        """The answer; those to requests which were given up are passed over."""
        number = next(self._ids)
        self.send({"id": number, "method": method, "params": params})
        assert self._child.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            while True:
                line = await self._child.stdout.readline()
                if not line:
                    raise ConnectionError("the server closed its stdout")
                message = json.loads(line)
                if message.get("id") == number:
                    return _result(message)


@asynccontextmanager
async def raw_json(url: str) -> AsyncIterator[Call]:
    """Single requests of the 2026 era, without any client library of MCP."""
    numbers = itertools.count(1)
    headers = {
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Accept": "application/json, text/event-stream",
    }
    async with httpx2.AsyncClient(timeout=PATIENCE_S, headers=headers) as http:

        async def call(tool: str, arguments: Body) -> Body:
            params = {"name": tool, "arguments": arguments, "_meta": META}
            message = {"jsonrpc": "2.0", "id": next(numbers), "method": "tools/call", "params": params}
            answer = await http.post(url, json=message, headers={"Mcp-Name": tool})
            return dict(_result(answer.json())["structuredContent"])

        yield call


def _result(message: Body) -> Body:
    if "error" in message:
        raise Refused(int(message["error"]["code"]), str(message["error"]["message"]))
    return dict(message["result"])
