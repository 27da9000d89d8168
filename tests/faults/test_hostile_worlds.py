"""Worlds that mean no good: the server stays, its other sessions go on, the client is told in one line."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.faults.bystander import Bystander, assert_replays
from tests.faults.hostile_worlds import LARGE
from tests.faults.wires import (
    HOSTILE,
    HttpWire,
    StdioWire,
    Wire,
    call,
    call_text,
    http_server,
    open_session,
    stdio_child,
    wire,
)

pytestmark = pytest.mark.integration

SERVED = ("--env", "flight", "--env", f"{HOSTILE}:Trouble", "--env", f"{HOSTILE}:Waiting")
HOLD_S = 0.5
WORLDS = ("trouble", "waiting")
FATAL = (
    "system_exit", "keyboard_interrupt", "base_exception", "recursion", "memory", "bytes", "objects", "cycle",
)  # fmt: skip
BOTH = ("stdio-legacy", "http-modern")


@pytest.fixture(scope="module", params=BOTH)
def troubled(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Wire, Bystander]]:
    """A server with worlds that make trouble, and a session of another world on it."""
    db = tmp_path_factory.mktemp("troubled") / "log.db"
    with wire(request.param, db, *SERVED, "--hold-limit", str(HOLD_S)) as opened:
        yield opened, Bystander(opened)
    assert_replays(db)


def _opened(wire: Wire, env: str) -> str:
    session_id = str(open_session(wire, env=env, seed=1)["session_id"])
    assert call(wire, f"{env}_count", session_id=session_id)["result"] == 1
    return session_id


def _one_line(message: str) -> None:
    assert "\n" not in message
    assert "Traceback" not in message
    assert "sesame" not in message
    assert len(message) < 300


@pytest.mark.parametrize("env", WORLDS)
@pytest.mark.parametrize("kind", FATAL)
def test_a_world_that_breaks_in_an_action_closes_its_own_session_alone(
    troubled: Any, env: str, kind: str
) -> None:
    wire, bystander = troubled
    session_id = _opened(wire, env)
    told = call(wire, f"{env}_make", session_id=session_id, kind=kind)["error"]
    _one_line(told)
    assert f"session {session_id} is closed, for its environment failed" in told
    bystander.goes_on()
    after = call(wire, "get_session", session_id=session_id)
    assert (after["open"], after["turn"]) == (False, 1)


@pytest.mark.parametrize("kind", ["spin", "sleep"])
def test_a_world_that_never_comes_back_is_interrupted_and_named(troubled: Any, kind: str) -> None:
    wire, bystander = troubled
    session_id = _opened(wire, "trouble")
    told = call(wire, "trouble_make", session_id=session_id, kind=kind)["error"]
    _one_line(told)
    assert "trouble-v1 was interrupted after" in told
    bystander.goes_on()


def test_a_world_that_keeps_the_others_waiting_is_named_on_stderr(tmp_path: Path) -> None:
    options = ("--env", f"{HOSTILE}:Trouble", "--hold-limit", str(HOLD_S))
    with stdio_child(tmp_path / "log.db", *options, stderr=subprocess.PIPE) as child:
        wire = StdioWire(child, modern=False)
        session_id = str(open_session(wire, seed=1)["session_id"])
        call(wire, "make", session_id=session_id, kind="spin")
        assert child.stdin is not None
        assert child.stderr is not None
        child.stdin.close()
        said = child.stderr.read().decode().splitlines()
    assert any(line.startswith("practicum: trouble-v1 has kept everything else waiting for") for line in said)


@pytest.mark.parametrize(("seed", "words"), [(99, "was interrupted after"), (100, "SystemExit")])
def test_a_world_that_does_not_begin_is_refused(troubled: Any, seed: int, words: str) -> None:
    wire, bystander = troubled
    told = call(wire, "open_session", env="trouble", seed=seed)["error"]
    _one_line(told)
    assert words in told
    bystander.goes_on()


@pytest.mark.parametrize("env", WORLDS)
def test_a_result_that_is_no_number_is_shown_as_null(troubled: Any, env: str) -> None:
    wire, bystander = troubled
    session_id = _opened(wire, env)
    body = call(wire, f"{env}_make", session_id=session_id, kind="nan", turn=2)
    assert body["result"] == {"value": None, "more": [None, None]}
    assert call(wire, f"{env}_make", session_id=session_id, kind="nan", turn=2) == body
    bystander.goes_on()


@pytest.mark.parametrize("env", WORLDS)
def test_a_result_of_50_megabytes_is_cut_and_can_be_read_on(troubled: Any, env: str) -> None:
    wire, bystander = troubled
    session_id = _opened(wire, env)
    body = call(wire, f"{env}_make", session_id=session_id, kind="large")
    assert body["more"]["length"] == LARGE
    bystander.goes_on()
    rest = call(wire, "get_session", session_id=session_id, turn=2, path="/result", offset=LARGE - 5)
    assert rest["value"] == "xxxxx"


@pytest.mark.parametrize("env", WORLDS)
@pytest.mark.parametrize("kind", ["noise", "globals", "threads"])
def test_what_a_world_does_to_the_process_is_not_noticed(troubled: Any, env: str, kind: str) -> None:
    wire, bystander = troubled
    session_id = _opened(wire, env)
    assert "error" not in call(wire, f"{env}_make", session_id=session_id, kind=kind)
    assert call(wire, f"{env}_count", session_id=session_id)["result"] == 3
    bystander.goes_on()
    Bystander(wire, seed=5)


def _make(session_id: str, kind: str) -> bytes:
    params = {"name": "make", "arguments": {"session_id": session_id, "kind": kind}}
    return json.dumps({"jsonrpc": "2.0", "id": 99, "method": "tools/call", "params": params}).encode() + b"\n"


@pytest.mark.parametrize("kind", ["deaf", "sleep"])
@pytest.mark.parametrize("name", ["Trouble", "Waiting"])
def test_a_server_whose_world_hangs_stops_when_its_client_goes(tmp_path: Path, name: str, kind: str) -> None:
    db = tmp_path / "log.db"
    with stdio_child(db, "--env", f"{HOSTILE}:{name}", "--hold-limit", str(HOLD_S)) as child:
        wire = StdioWire(child, modern=False)
        session_id = str(open_session(wire, seed=1)["session_id"])
        call(wire, "count", session_id=session_id)
        wire.write(_make(session_id, kind))
        assert child.stdin is not None
        child.stdin.close()
        child.wait(timeout=15)
    assert_replays(db)


@pytest.mark.parametrize("kind", ["deaf", "sleep"])
def test_a_server_over_http_whose_world_hangs_stops_when_it_is_told_to(tmp_path: Path, kind: str) -> None:
    db = tmp_path / "log.db"
    with http_server(db, "--env", f"{HOSTILE}:Waiting", "--hold-limit", str(HOLD_S)) as server:
        wire = HttpWire(server.port, modern=True)
        session_id = str(open_session(wire, seed=1)["session_id"])
        hung = threading.Thread(target=_hangs, args=[wire, "make", session_id, kind])
        hung.start()
        server.ends_by(signal.SIGTERM, within_s=15)
        hung.join()
    assert_replays(db)


def _hangs(wire: Wire, tool: str, session_id: str, kind: str) -> None:
    """Make a call that is never answered; the server ends first."""
    with suppress(OSError, http.client.HTTPException):
        call_text(wire, tool, json.dumps({"session_id": session_id, "kind": kind}))


def test_a_session_whose_call_hangs_can_be_closed_while_others_play(tmp_path: Path) -> None:
    db = tmp_path / "log.db"
    with http_server(db, *SERVED, "--hold-limit", str(HOLD_S)) as server:
        wire = HttpWire(server.port, modern=True)
        bystander = Bystander(wire)
        session_id = _opened(wire, "waiting")
        other = HttpWire(server.port, modern=True)
        hung = threading.Thread(target=_hangs, args=[other, "waiting_make", session_id, "sleep"])
        hung.start()
        bystander.goes_on()
        assert call(wire, "close_session", session_id=session_id)["open"] is False
        bystander.goes_on()
        server.ends_by(signal.SIGTERM, within_s=15)
        hung.join()
    assert_replays(db)
