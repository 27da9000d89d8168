"""Heads: what stands before and after a body has a largest size, whichever parser is installed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
import httpx2
import pytest

from practicum.mcp_server.http import bind_http, http_app, listening_socket, serve_http
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.server import PracticumServer
from tests.mcp_server.clients import PATIENCE_S, modern, raw

Practise = Callable[..., Practice]
pytestmark = [pytest.mark.anyio, pytest.mark.integration]

HEALTH = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n"
CHUNKED = HEALTH.replace(b"GET /health", b"POST /mcp") + b"Transfer-Encoding: chunked\r\n\r\n"


@asynccontextmanager
async def wired(practice: Practice) -> AsyncIterator[str]:
    """A server as `practicum serve --http` runs it; yields its base URL."""
    sock = listening_socket("127.0.0.1", 0)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    with sock:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serve_http, http_app(PracticumServer(practice, bind_http(base_url=url))), sock)
            yield url
            tasks.cancel_scope.cancel()


@pytest.mark.parametrize(
    "endless",
    [
        b"GET /" + b"x" * 2_000_000,
        HEALTH + b"A: " + b"x" * 2_000_000,
        HEALTH + (b"A: " + b"x" * 8000 + b"\r\n") * 250,
        CHUNKED + b"0\r\n" + (b"A: " + b"x" * 8000 + b"\r\n") * 250,
        CHUNKED + b"0\r\nA: " + b"x" * 2_000_000,
        CHUNKED + b"1;" + b"x" * 2_000_000,
    ],
    ids=["line", "header", "headers", "trailers", "trailer", "extension"],
)
async def test_a_head_or_a_tail_without_end_is_cut_off(practise: Practise, endless: bytes) -> None:
    async with wired(practise()) as url:
        with anyio.fail_after(PATIENCE_S):
            try:
                answer = await raw(url, endless)
            except (anyio.BrokenResourceError, ConnectionError):  # cut off while it was still sending
                answer = b""
        assert not answer.startswith(b"HTTP/1.1 200")
        assert b"200" in (await raw(url, HEALTH + b"A: " + b"x" * 60_000 + b"\r\n\r\n"))[:20]


async def test_a_body_of_any_form_is_no_head(practise: Practise) -> None:
    words = "x" * 1_000_000
    body, headers = modern("tools/call", name="open_session", arguments={"seed": 1, "note": words})
    content, headers = json.dumps(body).encode(), {**headers, "Content-Type": "application/json"}

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 10_000):
            yield content[start : start + 10_000]

    async with wired(practise()) as url, httpx2.AsyncClient(timeout=PATIENCE_S) as http:
        for sent in (content, pieces()):
            answer = await http.post(f"{url}/mcp", content=sent, headers=headers)
            assert answer.status_code == 200
            assert "note" in answer.text
