"""Ways to a server for the load of the serving benchmark: keep-alive HTTP/1.1, and lines on pipes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "load", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
"""What every request of the 2026 era carries."""
LONGEST_LINE = 1 << 20


def tool_call(number: int, tool: str, arguments: Mapping[str, Any]) -> bytes:
    """A `tools/call` request of the 2026 era."""
    params = {"_meta": ENVELOPE, "name": tool, "arguments": arguments}
    message = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
    return json.dumps(message, separators=(",", ":")).encode()


class HttpWire:
    """A keep-alive connection a client."""

    def __init__(self, port: int, pid: int, clients: int) -> None:
        self.pid = pid
        self._port = port
        self._clients = clients
        self._connections: list[_Connection] = []

    async def __aenter__(self) -> HttpWire:
        loop = asyncio.get_running_loop()
        for _ in range(self._clients):
            _, connection = await loop.create_connection(_Connection, "127.0.0.1", self._port)
            self._connections.append(connection)
        return self

    async def __aexit__(self, *error: object) -> None:
        for connection in self._connections:
            connection.close()

    def encode(self, number: int, tool: str, arguments: Mapping[str, Any]) -> bytes:
        """A POST, headers and all."""
        body = tool_call(number, tool, arguments)
        head = (
            f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nContent-Type: application/json\r\n"
            "Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\n"
            f"Mcp-Method: tools/call\r\nMcp-Name: {tool}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    async def exchange(self, line: int, number: int, request: bytes) -> bytes:
        """Post on the connection of a client; connections carry one request at a time."""
        return await self._connections[line].post(request)


class _Connection(asyncio.Protocol):
    """One HTTP/1.1 connection, for answers that tell their length."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._answer: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def post(self, request: bytes) -> asyncio.Future[bytes]:
        """Send a request; the future has the body of its answer."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_end = self._received.find(b"\r\n\r\n")
        if head_end < 0 or self._answer is None:
            return
        head = bytes(self._received[:head_end]).lower()
        body_end = head_end + 4 + int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(self._received) >= body_end:
            self._answer.set_result(bytes(self._received[head_end + 4 : body_end]))
            del self._received[:body_end]

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("the server closed the connection"))

    def close(self) -> None:
        """Hang up."""
        self._transport.close()


class StdioWire:
    """A child process that is talked to by lines; requests of all clients share the pipe."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._waiting: dict[int, asyncio.Future[bytes]] = {}

    async def __aenter__(self) -> StdioWire:
        pipe = asyncio.subprocess.PIPE
        self._child = await asyncio.create_subprocess_exec(
            *self._command, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL, limit=LONGEST_LINE
        )
        self.pid = self._child.pid
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        await self._child.wait()
        await self._reader

    def encode(self, number: int, tool: str, arguments: Mapping[str, Any]) -> bytes:
        """A line."""
        return tool_call(number, tool, arguments) + b"\n"

    async def exchange(self, line: int, number: int, request: bytes) -> bytes:
        """Write a line and await the one that answers it."""
        assert self._child.stdin is not None
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        self._child.stdin.write(request)
        return await answer

    async def _read(self) -> None:
        assert self._child.stdout is not None
        async for answer in self._child.stdout:
            waiting = self._waiting.pop(json.loads(answer).get("id"), None)
            if waiting is not None:
                waiting.set_result(answer)
        for waiting in self._waiting.values():
            waiting.set_exception(ConnectionResetError("the server has ended"))
