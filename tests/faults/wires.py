"""Raw wires to real servers, to send what no client would: over stdio and HTTP, in both protocol eras."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from tests.faults.server_process import ServerProcess
from tests.mcp_server.clients import MODERN, PATIENCE_S, ROOT, command

LEGACY_INFO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "wires", "version": "1"},
}
HOSTILE = str(ROOT / "tests" / "faults" / "hostile_worlds.py")
Message = dict[str, Any]
Child = subprocess.Popen[bytes]


class Wire(Protocol):
    """One connection to a server."""

    era: Message
    """What the parameters of every request carry."""

    def ask(self, method: str, params: str, *, tool: str = "") -> Message:
        """The answer to a request whose parameters are given as JSON text."""

    def raw(self, message: bytes) -> Message | None:
        """The answer to these bytes; None where the server accepts them without one."""


def call_text(wire: Wire, tool: str, arguments: str) -> Message:
    """The answer to a tool call whose arguments are given as JSON text."""
    era = json.dumps(wire.era)[1:-1]
    comma = "," if era else ""
    return wire.ask("tools/call", f'{{"name":"{tool}","arguments":{arguments}{comma}{era}}}', tool=tool)


def call(wire: Wire, tool: str, /, **arguments: Any) -> Message:
    """What a tool answers, refusals included."""
    answer = call_text(wire, tool, json.dumps(arguments))
    assert "result" in answer, answer
    body: Message = answer["result"]["structuredContent"]
    assert answer["result"].get("isError", False) is ("error" in body)
    return body


def open_session(wire: Wire, **asked: Any) -> Message:
    """What open_session answers, which must not refuse."""
    body = call(wire, "open_session", **asked)
    assert "error" not in body, body
    return body


class StdioWire:
    """A `practicum serve` child, byte by byte."""

    def __init__(self, child: subprocess.Popen[bytes], *, modern: bool) -> None:
        self.child = child
        self.era: Message = MODERN if modern else {}
        self._ids = 1
        if not modern:
            self.ask("initialize", json.dumps(LEGACY_INFO))
            self.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')

    def ask(self, method: str, params: str, *, tool: str = "") -> Message:
        self._ids += 1
        head = f'{{"jsonrpc":"2.0","id":{self._ids},"method":"{method}","params":'
        self.write(head.encode() + params.encode("utf-8", "surrogateescape") + b"}\n")
        while (answer := self.read()).get("id") != self._ids:
            assert "id" not in answer, answer
        return answer

    def raw(self, message: bytes) -> Message | None:
        self.write(message + b"\n")
        return self.read()

    def write(self, text: bytes) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write(text)
        self.child.stdin.flush()

    def read(self) -> Message:
        """The next line of the server; every line must be protocol."""
        out = self.child.stdout
        assert out is not None
        if not out.peek():  # type: ignore[attr-defined]  # a BufferedReader
            raise AssertionError("the server closed its stdout")
        message: Message = json.loads(out.readline())
        assert message["jsonrpc"] == "2.0"
        return message


@contextmanager
def stdio_child(db: Path, *options: str, stderr: int = subprocess.DEVNULL) -> Iterator[Child]:
    """A server over stdio; whatever became of it, it is gone afterwards."""
    with subprocess.Popen(
        command("serve", "--db", str(db), *options),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, cwd=ROOT, env=dict(os.environ),
    ) as child:  # fmt: skip
        try:
            yield child
        finally:
            child.kill()


class HttpWire:
    """A `practicum serve --http` child, request by request."""

    def __init__(
        self, port: int, *, modern: bool, path: str = "/mcp", token: str = "", keep: bool = False
    ) -> None:
        """Connect anew for each request, unless `keep` says to stay connected."""
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        self._keep = keep
        self.path = path
        self.era: Message = MODERN if modern else {}
        self.session_id = ""
        """The transport's, in the 2025 era."""
        self._headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        if modern:
            self._headers["MCP-Protocol-Version"] = "2026-07-28"
        else:
            self._shake_hands()

    def _shake_hands(self) -> None:
        asked = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": LEGACY_INFO}
        _, headers, _ = self.post(json.dumps(asked).encode())
        self.session_id = self._headers["Mcp-Session-Id"] = headers["mcp-session-id"]
        self.post(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')

    def close(self) -> None:
        self._connection.close()

    def ask(self, method: str, params: str, *, tool: str = "") -> Message:
        head = f'{{"jsonrpc":"2.0","id":7,"method":"{method}","params":'
        message = head.encode() + params.encode("utf-8", "surrogateescape") + b"}"
        named = {"Mcp-Method": method} | ({"Mcp-Name": tool} if tool else {})
        answer = self._read(*self.post(message, named if self.era else {}))
        assert answer is not None
        return answer

    def raw(self, message: bytes) -> Message | None:
        return self._read(*self.post(message, {"Mcp-Method": "tools/list"} if self.era else {}))

    def post(self, body: bytes, more: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer to one request."""
        try:
            self._connection.request("POST", self.path, body, self._headers | (more or {}))
            answer = self._connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            if not self._keep:
                self._connection.close()

    def _read(self, status: int, headers: dict[str, str], body: bytes) -> Message | None:
        if status == 202:
            return None
        if headers["content-type"].startswith("text/event-stream"):
            body = next(line for line in body.splitlines() if line.startswith(b"data: {"))[6:]
        if not headers["content-type"].startswith(("application/json", "text/event-stream")):
            return {"error": {"code": status, "message": body.decode()}}
        message: Message = json.loads(body)
        if isinstance(message.get("error"), str):  # said by our door, before MCP
            return {"error": {"code": status, "message": message["error"]}}
        return message


@contextmanager
def http_server(db: Path, *options: str) -> Iterator[ServerProcess]:
    """A server over HTTP."""
    server = ServerProcess(db, *options)
    server.start()
    try:
        yield server
    finally:
        server.stop()


WIRES = ("stdio-legacy", "stdio-modern", "http-legacy", "http-modern")


@contextmanager
def wire(kind: str, db: Path, *options: str) -> Iterator[Wire]:
    """A server of its own, and a connection to it."""
    modern = kind.endswith("modern")
    if kind.startswith("stdio"):
        with stdio_child(db, *options) as child:
            yield StdioWire(child, modern=modern)
    else:
        with http_server(db, *options) as server:
            yield HttpWire(server.port, modern=modern)
