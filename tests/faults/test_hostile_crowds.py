"""Clients that want too much, or what is not theirs: thousands of sessions, guessed ids, old tokens."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from practicum.mcp_server.token_file import add_token
from tests.faults.bystander import Bystander, assert_replays
from tests.faults.server_process import ServerProcess
from tests.faults.wires import HttpWire, Wire, call, call_text, http_server, open_session
from tests.mcp_server.clients import MODERN

pytestmark = pytest.mark.integration

OPENS = int(os.environ.get("PRACTICUM_HOSTILE_OPENS", "2000"))
MOST_KIB_A_SESSION = 40


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServerProcess, Bystander]]:
    """A server over HTTP, and a session that was there before."""
    db = tmp_path_factory.mktemp("crowds") / "log.db"
    with http_server(db) as server:
        yield server, Bystander(HttpWire(server.port, modern=True))
    assert_replays(db)


def test_thousands_of_sessions_at_once_leave_the_others_be(tmp_path: Path) -> None:
    with (
        http_server(tmp_path / "log.db") as server,
        closing(HttpWire(server.port, modern=True, keep=True)) as wire,
    ):
        bystander = Bystander(wire)
        before = server.resident_kib()
        ids = []
        for number in range(OPENS):
            ids.append(open_session(wire, env="flight", seed=number)["session_id"])
            if number % 200 == 0:
                bystander.goes_on()
        assert len(set(ids)) == OPENS
        assert server.resident_kib() - before < MOST_KIB_A_SESSION * OPENS
        for session_id in (ids[0], ids[-1]):
            assert call(wire, "search_flights", session_id=session_id)["turn"] == 1
        bystander.goes_on()


def test_a_guessed_session_id_is_answered_like_an_unknown_one(served: Any) -> None:
    server, bystander = served
    wire = HttpWire(server.port, modern=True)
    known = str(open_session(wire, env="flight", seed=3)["session_id"])
    guesses = [secrets.token_hex(16) for _ in range(20)]
    guesses += [
        known[:-1],
        known.upper(),
        known + "0",
        known[:8],
        f" {known}",
        f"{known}%",
        "",
        "*",
        "' OR 1=1 --",
    ]
    for tool in ("search_flights", "get_session", "close_session"):
        for guess in guesses:
            told = call(wire, tool, session_id=guess)["error"]
            assert told == f"no session {guess!r}; open_session begins one, list_sessions shows yours"
    assert call(wire, "get_session", session_id=known)["open"] is True
    bystander.goes_on()


def test_the_token_of_an_ended_session_opens_nothing_any_more(served: Any) -> None:
    server, bystander = served
    wire = HttpWire(server.port, modern=True)
    one = open_session(wire, env="flight", seed=3, scoped=True)
    path = one["url"].partition(str(server.port))[2]
    own = HttpWire(server.port, modern=True, path=path, token=one["token"])
    assert call(own, "search_flights")["turn"] == 1
    call(wire, "close_session", session_id=one["session_id"])
    refusals = [_refused(own)]
    other = open_session(wire, env="flight", seed=3, scoped=True)
    elsewhere = other["url"].partition(str(server.port))[2]
    tokens = (one["token"], "guess", other["session_id"], one["token"].upper())
    refusals += [_refused(HttpWire(server.port, modern=True, path=elsewhere, token=each)) for each in tokens]
    unknown = f"/env/flight/s/{secrets.token_hex(16)}/mcp"
    refusals.append(_refused(HttpWire(server.port, modern=True, path=unknown, token=other["token"])))
    assert refusals == [refusals[0]] * len(refusals)
    bystander.goes_on()


def _refused(wire: HttpWire) -> tuple[int, str]:
    params = json.dumps({"name": "search_flights", "arguments": {}, **MODERN})
    message = f'{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}'
    named = {"Mcp-Method": "tools/call", "Mcp-Name": "search_flights"}
    status, _, body = wire.post(message.encode(), named)
    assert status == 401
    return status, body.decode()


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "evil.example:80"},
        {"Host": "127.0.0.1@evil.example"},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Origin": "https://localhost.evil.example"},
        {"Origin": "file://"},
    ],
    ids=str,
)
def test_a_page_from_elsewhere_reaches_nothing(served: Any, headers: dict[str, str]) -> None:
    server, bystander = served
    wire = HttpWire(server.port, modern=True)
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": MODERN}
    status, _, body = wire.post(json.dumps(asked).encode(), {"Mcp-Method": "tools/list", **headers})
    assert status in (400, 403, 421)
    assert b"open_session" not in body
    bystander.goes_on()


def test_a_session_of_another_principal_is_answered_like_an_unknown_one(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.yaml"
    mine, theirs = (add_token(tokens, name) for name in ("ann", "bob"))
    with http_server(tmp_path / "log.db", "--auth", str(tokens)) as server:
        ann = HttpWire(server.port, modern=True, token=mine)
        bob: Wire = HttpWire(server.port, modern=True, token=theirs)
        bystander = Bystander(ann)
        for tool in ("search_flights", "get_session", "close_session"):
            foreign = call(bob, tool, session_id=bystander.session_id)["error"]
            unknown = call(bob, tool, session_id="f" * 32)["error"]
            assert foreign.replace(bystander.session_id, "f" * 32) == unknown
        assert call(bob, "list_sessions")["sessions"] == []
        nobody = HttpWire(server.port, modern=True, token="wrong")
        assert call_text(nobody, "list_sessions", "{}")["error"]["code"] == 401
        bystander.goes_on()
