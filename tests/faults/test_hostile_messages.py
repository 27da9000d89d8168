"""Messages that no client would send: each gets one clear answer, and nobody else notices."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.bystander import Bystander, assert_replays
from tests.faults.wires import WIRES, Wire, call, call_text, open_session, wire

pytestmark = pytest.mark.integration

MEGABYTES = 10_000_000


def _names(count: int) -> str:
    return "".join(f'"k{n}": 1,' for n in range(count)) + '"date": "x"'


ARGUMENTS = {
    "a text of 10 MB": '"date": "%s"' % ("x" * MEGABYTES),
    "a list of 10 MB": '"date": [%s1]' % ("1," * (MEGABYTES // 2)),
    "half a million names": _names(500_000),
    "a hundred thousand names": _names(100_000),
    "a name of 1 MB": '"%s": 1' % ("k" * 1_000_000),
    "a text of 3 MB": '"date": "%s"' % ("x" * 3_000_000),
    "lists nested 100,000 deep": f'"date": {"[" * 100_000}{"]" * 100_000}',
    "objects nested 100,000 deep": '"date": ' + '{"a":' * 100_000 + "1" + "}" * 100_000,
    "lists nested 500 deep": f'"date": {"[" * 500}{"]" * 500}',
    "lists nested 150 deep": f'"date": {"[" * 150}{"]" * 150}',
    "NaN": '"page": NaN',
    "minus infinity": '"page": -Infinity',
    "1e999": '"page": 1e999',
    "10**4000": f'"page": 1{"0" * 4000}',
    "10**6000": f'"page": 1{"0" * 6000}',
    "a turn of 10**4000": f'"turn": 1{"0" * 4000}',
    "half a surrogate pair": '"date": "\\ud800"',
    "half a surrogate pair as a name": '"\\ud800": "x"',
    "a NUL character": '"date": "a\\u0000b"',
    "bytes that are no UTF-8": '"date": "\udcff\udcfe"',
    "a session id that is an object": '"session_id": {"a": 1}',
    "a session id of 1 MB": '"session_id": "%s"' % ("x" * 1_000_000),
    "the same name twice": '"date": "x", "date": "y"',
}
REQUEST = b'{"jsonrpc": "2.0", "id": 5, "method": "tools/list"}'
MESSAGES = {
    "a batch": b"[" + REQUEST + b"]",
    "an empty batch": b"[]",
    "no jsonrpc": b'{"id": 5, "method": "tools/list"}',
    "a number as method": b'{"jsonrpc": "2.0", "id": 5, "method": 7}',
    "a list as params": b'{"jsonrpc": "2.0", "id": 5, "method": "tools/list", "params": [1]}',
    "text": b"hello",
    "a number": b"7",
    "NUL bytes": b"\0\0\0",
    "half a message": REQUEST[:-4],
    "UTF-16": REQUEST.decode().encode("utf-16").replace(b"\n", b""),
    "no UTF-8": b'\xff\xfe{"jsonrpc"',
    "an id of half a surrogate pair": b'{"jsonrpc": "2.0", "id": "\\ud800", "method": 7}',
    "an unknown method": b'{"jsonrpc": "2.0", "id": 5, "method": "nope/nope", "params": {}}',
    "a closed bracket": b"]",
}
ODD_IDS = ("null", "1.5", "{}", "[]", "true")


@pytest.fixture(scope="module", params=WIRES)
def hostile(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Wire, Bystander]]:
    """A connection, and a session that was there before."""
    db = tmp_path_factory.mktemp("hostile") / "log.db"
    with wire(request.param, db) as opened:
        yield opened, Bystander(opened)
    assert_replays(db)


def _told_in_one_line(answer: Any) -> str:
    """What the sender is told, which must be short and clear."""
    if "error" in answer:
        told = str(answer["error"]["message"])
    else:
        told = str(answer["result"]["structuredContent"]["error"])
        assert answer["result"]["isError"]
    assert 0 < len(told) <= 2100
    assert "Traceback" not in told
    assert "failed on the server" not in told
    assert "Internal" not in told
    return told


@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments_of_any_size_and_shape_are_refused_in_one_line(hostile: Any, name: str) -> None:
    wire, bystander = hostile
    session_id = open_session(wire, env="flight", seed=1)["session_id"]
    handle = "" if '"session_id"' in ARGUMENTS[name] else f'"session_id": "{session_id}", '
    _told_in_one_line(call_text(wire, "search_flights", f"{{{handle}{ARGUMENTS[name]}}}"))
    assert "error" not in call(wire, "search_flights", session_id=session_id)
    bystander.goes_on()


@pytest.mark.parametrize("name", MESSAGES)
def test_what_is_no_message_is_answered_with_a_protocol_error(hostile: Any, name: str) -> None:
    wire, bystander = hostile
    answer = wire.raw(MESSAGES[name])
    assert -32700 <= answer["error"]["code"] <= -32600
    assert "Traceback" not in answer["error"]["message"]
    bystander.goes_on()


@pytest.mark.parametrize("odd", ODD_IDS)
def test_a_request_with_an_id_that_is_none_is_not_run(hostile: Any, odd: str) -> None:
    wire, bystander = hostile
    params = json.dumps({"name": "open_session", "arguments": {"env": "flight"}, **wire.era})
    before = call(wire, "list_sessions", limit=1)["sessions"][0]["session_id"]
    text = f'{{"jsonrpc": "2.0", "id": {odd}, "method": "tools/call", "params": {params}}}'
    answer = wire.raw(text.encode())
    if answer is not None:  # over HTTP the SDK accepts it as a notification in the 2025 era
        assert answer["error"]["code"] == -32600
    assert call(wire, "list_sessions", limit=1)["sessions"][0]["session_id"] == before
    bystander.goes_on()


@pytest.mark.parametrize("tool", ["nope", "x" * 1000, "search_flights ", "Search_Flights", "__class__", ""])
def test_an_unknown_tool_is_a_protocol_error(hostile: Any, tool: str) -> None:
    wire, bystander = hostile
    answer = call_text(wire, tool, "{}")
    assert answer["error"]["code"] in (-32602, -32020)
    bystander.goes_on()


def test_an_unknown_method_is_a_protocol_error_with_its_id(hostile: Any) -> None:
    wire, bystander = hostile
    assert wire.ask("nope/nope", json.dumps(wire.era))["error"]["code"] == -32601
    bystander.goes_on()
