"""Clients that do not read, do not finish, or go away in the middle: nobody else waits for them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.bystander import Bystander, assert_replays
from tests.faults.server_process import ServerProcess
from tests.faults.wires import HOSTILE, HttpWire, StdioWire, call, http_server, open_session, stdio_child
from tests.mcp_server.clients import MODERN, PATIENCE_S

pytestmark = pytest.mark.integration

DOSE = int(os.environ.get("PRACTICUM_HOSTILE_DOSE", "1"))
HEAD = "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
MODERN_HEAD = "Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\n"
Served = tuple[ServerProcess, Bystander]
LIST_TOOLS = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": MODERN}).encode()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServerProcess, Bystander]]:
    """A server over HTTP, and a session that was there before."""
    db = tmp_path_factory.mktemp("streams") / "log.db"
    with http_server(db) as server:
        yield server, Bystander(HttpWire(server.port, modern=True))
    assert_replays(db)


def _connected(server: ServerProcess) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)


def _resident_mib(child: subprocess.Popen[bytes]) -> float:
    lines = Path(f"/proc/{child.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


# Over stdio -------------------------------------------------------------------------------------------


def test_a_client_that_reads_late_gets_every_answer_in_whole_lines(tmp_path: Path) -> None:
    with stdio_child(tmp_path / "log.db") as child:
        wire = StdioWire(child, modern=False)
        count = 400 * DOSE
        asked = "".join(
            json.dumps({"jsonrpc": "2.0", "id": n, "method": "tools/list"}) + "\n" for n in range(count)
        )
        writer = threading.Thread(target=wire.write, args=[asked.encode()])
        writer.start()
        answered = [wire.read()["id"] for _ in range(count)]
        writer.join()
        assert sorted(answered) == list(range(count))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_a_client_that_never_reads_is_not_read_from_for_ever(tmp_path: Path) -> None:
    with stdio_child(tmp_path / "log.db") as child:
        StdioWire(child, modern=False)
        assert child.stdin is not None
        os.set_blocking(child.stdin.fileno(), False)
        before, line, written = _resident_mib(child), b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n', 0
        idle = 0
        while idle < 10 and written < 50_000_000:
            try:
                written += os.write(child.stdin.fileno(), line * 1000)
                idle = 0
            except BlockingIOError:
                idle += 1
                threading.Event().wait(0.05)
        assert written < 50_000_000, "the server reads on and on"
        assert _resident_mib(child) - before < 100


def test_a_line_without_an_end_takes_no_memory_and_is_refused_with_its_id(tmp_path: Path) -> None:
    with stdio_child(tmp_path / "log.db") as child:
        wire = StdioWire(child, modern=False)
        bystander = Bystander(wire)
        wire.write(b'{"jsonrpc":"2.0","id":12345,"method":"tools/list","params":{"x":"')
        for _ in range(50 * DOSE):
            wire.write(b"x" * 1_000_000)
        if Path("/proc/self/status").exists():
            assert _resident_mib(child) < 250
        wire.write(b'"}}\n')
        refused = wire.read()
        assert (refused["id"], refused["error"]["code"]) == (12345, -32600)
        bystander.goes_on()


def test_a_last_line_without_an_end_is_read_when_the_client_goes(tmp_path: Path) -> None:
    with stdio_child(tmp_path / "log.db") as child:
        wire = StdioWire(child, modern=False)
        wire.write(b'{"jsonrpc": "2.0", "id": 3, "method"')
        assert child.stdin is not None
        child.stdin.close()
        assert wire.read()["error"]["code"] == -32700
        assert child.wait(timeout=PATIENCE_S) == 0


def test_a_client_that_closes_its_reading_end_is_left_quietly(tmp_path: Path) -> None:
    with stdio_child(tmp_path / "log.db", stderr=subprocess.PIPE) as child:
        wire = StdioWire(child, modern=False)
        call(wire, "open_session", env="flight", seed=1)
        assert child.stdout is not None
        child.stdout.close()
        for _ in range(3):
            wire.write(b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n')
        assert child.stdin is not None
        assert child.stderr is not None
        child.stdin.close()
        assert b"Traceback" not in child.stderr.read()
        child.wait(timeout=PATIENCE_S)
    assert_replays(tmp_path / "log.db")


@pytest.mark.parametrize("kind", ["noise", "globals"])
def test_only_protocol_leaves_by_stdout_whatever_a_world_prints(tmp_path: Path, kind: str) -> None:
    with stdio_child(tmp_path / "log.db", "--env", f"{HOSTILE}:Trouble") as child:
        wire = StdioWire(child, modern=True)
        session_id = open_session(wire, seed=1)["session_id"]
        assert "error" not in call(wire, "make", session_id=session_id, kind=kind)
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.close()
        assert child.stdout.read() == b""
        assert child.wait(timeout=PATIENCE_S) == 0


# Over HTTP --------------------------------------------------------------------------------------------


def test_requests_that_are_never_finished_keep_nobody_waiting(
    served: Served,
) -> None:
    server, bystander = served
    halves = [_connected(server) for _ in range(100 * DOSE)]
    for number, half in enumerate(halves):
        half.sendall((HEAD if number % 2 else HEAD + "Content-Length: 1000\r\n\r\n{").encode())
    bystander.goes_on()
    for half in halves:
        half.close()
    bystander.goes_on()


def test_answers_that_are_never_read_keep_nobody_waiting(served: Served) -> None:
    server, bystander = served
    request = (
        f"{HEAD}{MODERN_HEAD}Mcp-Method: tools/list\r\nContent-Length: {len(LIST_TOOLS)}\r\n\r\n"
    ).encode() + LIST_TOOLS
    deaf = [_connected(server) for _ in range(20 * DOSE)]
    for each in deaf:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        each.sendall(request * 50)
    bystander.goes_on()
    for each in deaf:
        each.close()
    bystander.goes_on()


def test_event_streams_that_are_never_read_keep_nobody_waiting(
    served: Served,
) -> None:
    server, bystander = served
    streams = [_stream(server) for _ in range(20 * DOSE)]
    bystander.goes_on()
    for each in streams:
        each.close()
    bystander.goes_on()


def _stream(server: ServerProcess) -> socket.socket:
    """A 2025 client's standing stream, asked for and not read."""
    legacy = HttpWire(server.port, modern=False)
    found = _connected(server)
    found.sendall(
        f"GET /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
        f"Mcp-Session-Id: {legacy.session_id}\r\nMCP-Protocol-Version: 2025-11-25\r\n\r\n".encode()
    )
    return found


def test_a_call_whose_client_went_away_did_not_happen_or_is_in_the_log_whole(
    served: Served,
) -> None:
    server, bystander = served
    wire = HttpWire(server.port, modern=True)
    session_id = open_session(wire, env="flight", seed=2)["session_id"]
    for turn in range(1, 31):
        arguments = {"session_id": session_id, "turn": turn}
        params = {"name": "search_flights", "arguments": arguments, **MODERN}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
        more = f"{MODERN_HEAD}Mcp-Method: tools/call\r\nMcp-Name: search_flights\r\n"
        with _connected(server) as leaver:
            leaver.sendall(f"{HEAD}{more}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        again = call(wire, "search_flights", **arguments)
        assert (again["turn"], "error" in again) == (turn, False)
    assert call(wire, "get_session", session_id=session_id)["turn"] == 30
    bystander.goes_on()
