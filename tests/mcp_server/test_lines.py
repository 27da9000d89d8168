"""Lines over stdin and stdout: cut right wherever the stream breaks, refused with their id where it shows."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.shared.message import SessionMessage

from practicum.mcp_server.lines import Line, LineCutter, Unreadable, read_line

MOST = 10_000
TEXTS = st.lists(st.binary(max_size=40).map(lambda text: text.replace(b"\n", b"")), max_size=8)


@given(texts=TEXTS, cuts=st.lists(st.integers(0, 200), max_size=6))
def test_lines_are_the_same_however_the_stream_is_cut(texts: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(text + b"\n" for text in texts)
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    cutter, found = LineCutter(), list[Line]()
    for begin, end in pairwise(places):
        found += cutter.feed(stream[begin:end])
    assert [line.text for line in found] == texts
    assert list(cutter.rest()) == []


@given(size=st.integers(MOST + 1, 5 * MOST), chunk=st.integers(1, 3 * MOST))
def test_of_a_line_that_is_too_long_the_ends_are_kept_and_its_size(size: int, chunk: int) -> None:
    head, tail = b'{"id": 1, ', b'"x": 2}'
    stream = head + b"x" * (size - len(head) - len(tail)) + tail + b"\nnext\n"
    cutter, found = LineCutter(MOST), list[Line]()
    for place in range(0, len(stream), chunk):
        found += cutter.feed(stream[place : place + chunk])
    first, second = found
    assert (first.size, second) == (size, Line(b"next", 4))
    assert first.text.startswith(head)
    assert first.text.endswith(tail)
    assert len(first.text) < MOST


def _refused(text: bytes, most: int = MOST) -> Any:
    found = read_line(Line(text, len(text)), most)
    assert isinstance(found, Unreadable)
    return found.answer


@pytest.mark.parametrize("id", [7, -1, "a", 'with "quotes" and \\', "\u00e9"])
@pytest.mark.parametrize("ahead", [True, False])
def test_a_refusal_carries_the_id_before_or_behind_the_params(id: Any, ahead: bool) -> None:
    nested = {"params": {"id": "not this one", "deep": [{"id": 3}]}}
    rest = {"jsonrpc": "2.0", "method": "x"}
    message = {"id": id, **rest, **nested} if ahead else {"method": "x", **nested, "jsonrpc": "2.0", "id": id}
    text = json.dumps(message).encode()
    assert _refused(text, most=10).id == id
    assert _refused(text.replace(b"not this one", b"\\ud800")).id == id


@pytest.mark.parametrize(
    "text",
    [
        b'{"params": {"id": 3}, "x": "\\ud800"}',
        b'{"params": [{"id": 3}], "x": "\\ud800"}',
        b'{"id": "\\ud800", "method": 1}',
        b'{"id": 1.5, "method": "x\\ud800"}',
        b'"id": 3',
        b"",
    ],
)
def test_a_refusal_invents_no_id(text: bytes) -> None:
    assert _refused(text).id is None


@given(text=st.binary(max_size=200))
def test_any_bytes_are_a_message_or_are_refused(text: bytes) -> None:
    assert isinstance(read_line(Line(text, len(text))), SessionMessage | Unreadable)


def test_a_byte_order_mark_ahead_of_a_message_is_passed_over() -> None:
    text = b'\xef\xbb\xbf{"jsonrpc": "2.0", "id": 1, "method": "ping"}'
    assert isinstance(read_line(Line(text, len(text))), SessionMessage)


@pytest.mark.parametrize("id", [b"null", b"1.5", b"{}", b"true", b"[1]"])
def test_a_request_whose_id_is_none_is_no_notification(id: bytes) -> None:
    answer = _refused(b'{"jsonrpc": "2.0", "id": ' + id + b', "method": "notifications/initialized"}')
    assert (answer.id, answer.error.code) == (None, -32600)
