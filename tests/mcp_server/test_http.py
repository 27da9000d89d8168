"""HTTP: both eras, streams or plain JSON, one machine only, and errors of one line."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp.client import Client

from practicum import __version__
from practicum.envs import UsageError
from practicum.mcp_server.guard import Access
from practicum.mcp_server.http import bind_http, http_app, listening_socket, serve_http
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.server import PracticumServer
from practicum.mcp_server.unfinished import Patience
from practicum.memory import Store
from tests.mcp_server.clients import (
    MODES,
    PATIENCE_S,
    call,
    http_client,
    modern,
    over_http,
    raw,
    refusal,
    world,
)
from tests.mcp_server.skilled import a_skill, publish

Practise = Callable[..., Practice]
pytestmark = [pytest.mark.anyio, pytest.mark.integration]


@pytest.mark.parametrize("stateless", [False, True], ids=["stateful", "stateless"])
@pytest.mark.parametrize("json_response", [False, True], ids=["streams", "json"])
@pytest.mark.parametrize("mode", MODES)
async def test_a_client_plays_over_the_wire(
    practise: Practise, mode: str, json_response: bool, stateless: bool
) -> None:
    practice = practise(world("Talk"))
    async with (
        over_http(practice, json_response=json_response, stateless=stateless) as (url, _),
        http_client(f"{url}/mcp", mode=mode) as client,
    ):
        assert client.instructions is not None
        assert "open_session first" in client.instructions
        session_id = (await call(client, "open_session"))["session_id"]
        said = await call(client, "say", session_id=session_id, json_text="[1]", turn=1)
        assert (said["turn"], said["result"]) == (1, [1])
        assert "session_id is missing" in await refusal(client, "say", json_text="[1]")
        assert (await client.list_resources()).resources
        over = await call(client, "finish", session_id=session_id)
        assert over["outcome"]["success"] is True


async def test_a_modern_request_needs_no_session_and_gets_plain_json(practise: Practise) -> None:
    async with over_http(practise(), json_response=True) as (url, _), httpx2.AsyncClient() as http:
        body, headers = modern("tools/call", name="open_session", arguments={})
        answer = await http.post(f"{url}/mcp", json=body, headers=headers)
        assert answer.headers["content-type"].startswith("application/json")
        assert "mcp-session-id" not in answer.headers
        session_id = answer.json()["result"]["structuredContent"]["session_id"]
        body, headers = modern("tools/call", name="look", arguments={"session_id": session_id})
        answer = await http.post(f"{url}/mcp", json=body, headers=headers)
        assert answer.json()["result"]["structuredContent"]["turn"] == 1


async def test_a_legacy_client_that_lost_its_protocol_session_goes_on_by_its_handle(
    practise: Practise,
) -> None:
    async with over_http(practise()) as (url, _):
        async with http_client(f"{url}/mcp", mode="legacy") as client:
            session_id = (await call(client, "open_session"))["session_id"]
        async with http_client(f"{url}/mcp", mode="legacy") as client:
            assert (await call(client, "look", session_id=session_id))["turn"] == 1


@pytest.mark.parametrize("mode", MODES)
async def test_a_new_tool_is_heard_of_over_the_wire(practise: Practise, mode: str) -> None:
    heard = anyio.Event()

    async def hear(message: Any) -> None:
        if "list_changed" in str(getattr(message, "method", "")):
            heard.set()

    async with (
        over_http(practise()) as (url, server),
        Client(f"{url}/mcp", mode=mode, message_handler=hear) as client,
    ):
        await client.list_tools()
        versions = count(1)
        with anyio.fail_after(PATIENCE_S):
            if mode == "legacy":
                while not heard.is_set():  # its stream for notices opens beside the first requests
                    version = next(versions)
                    new = a_skill("skill_new", version, description=f"Is new, {version}.")
                    publish(server.practice.store, new)
                    await client.list_tools()
            else:
                async with client.listen(tools_list_changed=True) as events:
                    publish(server.practice.store, a_skill("skill_new"))
                    await anext(aiter(events))
        session_id = (await call(client, "open_session"))["session_id"]
        assert (await call(client, "skill_new", session_id=session_id))["skill"] == "skill_new"


async def test_fifty_sessions_side_by_side_do_not_mix(practise: Practise) -> None:
    async with over_http(practise(world("Talk")), json_response=True) as (url, _):
        seen: dict[int, list[Any]] = {}
        async with http_client(f"{url}/mcp") as client, anyio.create_task_group() as tasks:

            async def play(number: int) -> None:
                session_id = (await call(client, "open_session", seed=number))["session_id"]
                for turn in range(1, 6):
                    text = json.dumps([number, turn])
                    said = await call(client, "say", session_id=session_id, json_text=text, turn=turn)
                    seen.setdefault(number, []).append(said["result"])

            for number in range(50):
                tasks.start_soon(play, number)
        assert seen == {number: [[number, turn] for turn in range(1, 6)] for number in range(50)}


async def test_health_needs_no_protocol(practise: Practise) -> None:
    async with over_http(practise()) as (url, _), httpx2.AsyncClient() as http:
        async with http_client(f"{url}/mcp") as client:
            await call(client, "open_session")
        answer = await http.get(f"{url}/health")
        assert answer.json() == {"status": "ok", "version": __version__, "live_sessions": 1}


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example.com"},
        {"Origin": "http://evil.example.com"},
        {"Origin": "http://127.0.0.1.evil.com"},
    ],
)
@pytest.mark.parametrize("scoped", [False, True])
async def test_requests_that_come_through_another_site_are_refused(
    practise: Practise, headers: dict[str, str], scoped: bool
) -> None:
    async with over_http(practise()) as (url, _), httpx2.AsyncClient() as http:
        place, token = f"{url}/mcp", {}
        if scoped:
            async with http_client(place) as client:
                opened = await call(client, "open_session", scoped=True)
            place, token = opened["url"], {"Authorization": f"Bearer {opened['token']}"}
        body, own = modern("tools/list")
        assert (await http.post(place, json=body, headers={**own, **token})).status_code == 200
        answer = await http.post(place, json=body, headers={**own, **token, **headers})
        assert answer.status_code in (403, 421)
        assert "tools" not in answer.text


async def test_pages_of_this_machine_may_ask(practise: Practise) -> None:
    async with over_http(practise()) as (url, _), httpx2.AsyncClient() as http:
        body, headers = modern("tools/list")
        answer = await http.post(f"{url}/mcp", json=body, headers={**headers, "Origin": url})
        assert answer.status_code == 200


STRANGE_HOSTS = (
    "evil.example.com",
    "127.0.0.1.evil.com",
    "127.0.0.1:80:80",
    "127.0.0.1:x",
    "localhost.evil.com:80",
    "10.0.0.1",
    "[::2]",
    "localhost@evil.com",
    "evil.com#127.0.0.1",
)
STRANGE_ORIGINS = (
    "null",
    "https://evil.com",
    "http://127.0.0.1.evil.com",
    "file://",
    "http://",
    "127.0.0.1",
    "javascript://127.0.0.1",
    "http://127.0.0.1@evil.com",
)


@pytest.mark.parametrize("path", ["/mcp", "/health", "/metrics", "/nowhere", "/env/talk/s/1/mcp"])
async def test_a_name_that_leads_here_by_another_road_is_refused_everywhere(
    practise: Practise, path: str
) -> None:
    async with over_http(practise()) as (url, _), httpx2.AsyncClient() as http:
        for host in STRANGE_HOSTS:
            answer = await http.get(url + path, headers={"Host": host})
            assert answer.status_code == 421, host
            assert list(answer.json()) == ["error"]
        for origin in STRANGE_ORIGINS:
            answer = await http.get(url + path, headers={"Origin": origin})
            assert answer.status_code == 403, origin
        answer = await http.get(url + path, headers=[("Origin", url), ("Origin", "https://evil.com")])
        assert answer.status_code == 403


async def test_further_names_and_pages_are_let_in_by_name(practise: Practise) -> None:
    access = Access(hosts=("practice.example", "other.example:8443"), origins=("https://pages.example",))
    body, headers = modern("tools/list")
    async with (
        over_http(practise(), access=access, json_response=True) as (url, _),
        httpx2.AsyncClient() as http,
    ):
        for names, status in (
            ({"Host": "practice.example"}, 200),
            ({"Host": "PRACTICE.example:99"}, 200),
            ({"Host": "other.example:8443"}, 200),
            ({"Host": "other.example"}, 421),
            ({"Host": "10.0.0.1"}, 421),
            ({"Origin": "https://practice.example"}, 200),
            ({"Origin": "https://pages.example"}, 200),
            ({"Origin": "http://pages.example"}, 403),
            ({"Origin": "https://pages.example.evil.com"}, 403),
        ):
            answer = await http.post(f"{url}/mcp", json=body, headers={**headers, **names})
            assert answer.status_code == status, names
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "mcp-method"}
        told = await http.options(f"{url}/mcp", headers={"Origin": "https://pages.example", **asked})
        assert (told.status_code, told.headers["access-control-allow-origin"]) == (
            200,
            "https://pages.example",
        )
        told = await http.options(f"{url}/mcp", headers={"Origin": "https://evil.com", **asked})
        assert "access-control-allow-origin" not in told.headers


@pytest.mark.parametrize("version", ["2026-07-28", "2025-11-25"])
async def test_a_request_that_is_too_large_is_refused_before_it_is_read(
    practise: Practise, version: str
) -> None:
    head = (
        "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: {version}\r\n"
    ).encode()
    piece = b"1000\r\n" + b" " * 4096 + b"\r\n"
    async with over_http(practise(), access=Access(max_body=8192)) as (url, server):
        declared = await raw(url, head + b"Content-Length: 8193\r\n\r\n")
        assert declared.startswith(b"HTTP/1.1 413 ")
        assert b"the request has 8193 bytes and may have 8192; --max-body sets that" in declared
        endless = await raw(url, head + b"Transfer-Encoding: chunked\r\n\r\n" + piece * 3)
        assert endless.startswith(b"HTTP/1.1 413 ")
        absurd = await raw(url, head + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n")
        assert absurd.startswith((b"HTTP/1.1 413 ", b"HTTP/1.1 400 "))
        fits = await raw(url, head + b"Content-Length: 8192\r\nConnection: close\r\n\r\n" + b" " * 8192)
        assert fits.startswith(b"HTTP/1.1 400 ")
        async with http_client(f"{url}/mcp") as client:
            await call(client, "open_session")
    assert server.practice.opened == 1


HEALTH = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n"


BEGUN = (
    b"",
    b"GET /hea",
    HEALTH,
    HEALTH + b"\r\n" + HEALTH,
    HEALTH.replace(b"GET /health", b"POST /mcp")
    + b"Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{",
)
"""Nothing, half a line, half a head, half a second head, half a body."""


async def is_cut_off(port: int, begun: bytes) -> None:
    async with await anyio.connect_tcp("127.0.0.1", port) as slow:
        if begun:
            await slow.send(begun)
        with anyio.fail_after(PATIENCE_S):
            while await received(slow):
                pass


async def received(stream: anyio.abc.ByteStream) -> bytes:
    try:
        return await stream.receive()
    except anyio.EndOfStream:
        return b""


async def test_clients_that_do_not_finish_a_request_are_cut_off_and_others_are_not(
    practise: Practise,
) -> None:
    sock = listening_socket("127.0.0.1", 0)
    port = sock.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    server = PracticumServer(practise(), bind_http(base_url=url))
    with sock:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(serve_http, http_app(server), sock, patience=Patience(0.1, 0.1)))
            body, headers = modern("subscriptions/listen", notifications={"toolsListChanged": True})
            async with (
                httpx2.AsyncClient(timeout=PATIENCE_S) as http,
                http.stream("POST", f"{url}/mcp", json=body, headers=headers) as listened,
            ):
                notices = listened.aiter_lines()
                await anext(notices)
                async with anyio.create_task_group() as clients:
                    for begun in BEGUN:
                        clients.start_soon(is_cut_off, port, begun)
                await server.notices.tools_changed("local")
                with anyio.fail_after(PATIENCE_S):
                    async for line in notices:
                        if "list_changed" in line:
                            break
            tasks.cancel_scope.cancel()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.1", "example.com", ""])
def test_an_address_that_lets_others_in_is_refused_in_one_line(host: str) -> None:
    with pytest.raises(UsageError, match="would let other machines in: add --auth") as error:
        listening_socket(host, 0)
    assert "\n" not in str(error.value)


def test_a_taken_port_is_told_in_one_line() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UsageError, match="cannot be used") as error:
            listening_socket("127.0.0.1", port)
    assert "\n" not in str(error.value)
    assert "--port" in str(error.value)


def test_two_servers_that_start_at_once_do_not_share_a_port() -> None:
    first = listening_socket("127.0.0.1", 0)
    with first, pytest.raises(UsageError, match="cannot be used"):
        listening_socket("127.0.0.1", first.getsockname()[1])


@pytest.mark.parametrize("mode", MODES)
async def test_a_session_goes_on_after_a_restart_of_the_server(
    practise: Practise, store: Store, tmp_path: Path, mode: str
) -> None:
    async with over_http(practise()) as (url, _), http_client(f"{url}/mcp", mode=mode) as client:
        opened = await call(client, "open_session", scoped=True)
        first = await call(client, "look", session_id=opened["session_id"])
    async with over_http(practise()) as (url, _):
        async with http_client(f"{url}/mcp", mode=mode) as client:
            again = await call(client, "look", session_id=opened["session_id"], turn=2)
            assert (again["turn"], again["result"]) == (2, first["result"])
        place = opened["url"].replace(opened["url"].split("/env/")[0], url)
        async with http_client(place, token=opened["token"], mode=mode) as client:
            assert (await call(client, "get_session"))["turn"] == 2
