"""Tokens: who gets in, what each reaches, and how soon it ends."""

from __future__ import annotations

import datetime
import json
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp.shared.exceptions import MCPError

from practicum.mcp_server import guard
from practicum.mcp_server import http as served_http
from practicum.mcp_server.auth import Tokens
from practicum.mcp_server.guard import Access
from practicum.mcp_server.limits import FOR_TOKENS
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.token_file import add_token, remove_tokens
from practicum.memory import hash_token
from tests.mcp_server.clients import (
    MODES,
    PATIENCE_S,
    ask,
    call,
    command,
    http_client,
    modern,
    over_http,
    refusal,
    world,
)

Practise = Callable[..., Practice]
pytestmark = pytest.mark.anyio

UNKNOWN = "0123456789abcdef" * 2
JULY = datetime.date(2026, 7, 1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tokens.yaml"


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def guarded(practice: Practice, file: Path, **options: Any) -> AsyncIterator[str]:
    """A server with tokens; yields its base URL."""
    tokens = Tokens(file, limits=options.pop("limits", FOR_TOKENS), today=options.pop("today", lambda: JULY))
    async with over_http(practice, access=Access(tokens), **options) as (url, _):
        yield url


@pytest.mark.integration
async def test_without_a_good_token_only_health_answers(practise: Practise, file: Path) -> None:
    token = add_token(file, "ada")
    gone = add_token(file, "bob", expires=JULY)
    body, headers = modern("tools/list")
    wrong = [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": token},
        {"Authorization": f"Basic {token}"},
        bearing("wrong"),
        bearing(token[:-1]),
        bearing(f"{token}, {token}"),
        bearing(hash_token(token)),
        bearing(gone),
        bearing("ü" * 8),
    ]
    async with guarded(practise(), file) as url, httpx2.AsyncClient() as http:
        for each in wrong:
            encoded = {name: value.encode("latin-1") for name, value in each.items()}
            for path in ("/mcp", "/metrics", "/", "/nowhere", f"/env/parcels/s/{UNKNOWN}/mcp"):
                answer = await http.post(url + path, json=body, headers={**headers, **encoded})
                assert answer.status_code == 401, (path, each)
                assert answer.headers["www-authenticate"].startswith("Bearer")
                assert list(answer.json()) == ["error"]
            up = await http.get(f"{url}/health", headers=encoded)
            assert (up.status_code, up.json()) == (200, {"status": "ok"})
        twice = [("Authorization", f"Bearer {token}"), ("Authorization", "Bearer wrong")]
        assert (
            await http.post(f"{url}/mcp", json=body, headers=[*headers.items(), *twice])
        ).status_code == 401
        for scheme in ("Bearer", "bearer", "BEARER"):
            good = {**headers, "Authorization": f"{scheme} {token}"}
            assert (await http.post(f"{url}/mcp", json=body, headers=good)).status_code == 200
        assert (await http.get(f"{url}/metrics", headers=bearing(token))).status_code == 200
        counted = (await http.get(f"{url}/metrics", headers=bearing(token))).text
    assert 'practicum_http_refusals_total{reason="token_unknown"}' in counted
    assert token not in counted
    assert "ada" not in counted


@pytest.mark.integration
@pytest.mark.parametrize("stateless", [False, True], ids=["stateful", "stateless"])
@pytest.mark.parametrize("mode", MODES)
async def test_the_principal_is_the_tokens_and_nobody_reaches_anothers_sessions(
    practise: Practise, file: Path, mode: str, stateless: bool
) -> None:
    ada, bob = add_token(file, "ada"), add_token(file, "bob")
    practice = practise()
    async with (
        guarded(practice, file, stateless=stateless, json_response=stateless) as url,
        http_client(f"{url}/mcp", token=ada, mode=mode) as hers,
        http_client(f"{url}/mcp", token=bob, mode=mode) as his,
    ):
        session_id = (await call(hers, "open_session"))["session_id"]
        looked = await call(hers, "look")  # one session is open, and the token is hers alone
        assert looked["session_id"] == session_id
        assert practice.sessions.get(session_id, "ada") is not None
        for tool, arguments in (
            ("look", {"turn": 1}),
            ("get_session", {}),
            ("get_session", {"turn": 1}),
            ("close_session", {}),
        ):
            foreign = await refusal(his, tool, session_id=session_id, **arguments)
            unknown = await refusal(his, tool, session_id=UNKNOWN, **arguments)
            assert foreign.replace(session_id, "ID") == unknown.replace(UNKNOWN, "ID")
        assert "no session" in await refusal(his, "open_session", from_session=session_id, at_turn=1)
        with pytest.raises(MCPError):
            await his.read_resource(f"practicum://sessions/{session_id}")
        assert (await call(his, "list_sessions"))["sessions"] == []
        assert (await call(hers, "get_session"))["open"] is True


@pytest.mark.integration
async def test_a_task_that_another_has_played_looks_unknown_unless_it_is_served(
    practise: Practise, file: Path, tmp_path: Path
) -> None:
    ada, bob = add_token(file, "ada"), add_token(file, "bob")
    tasks = tmp_path / "tasks.jsonl"
    tasks.write_text('{"env": "parcels", "version": 1, "seed": 4711, "id": "p1"}\n')
    with_file = practise(task_file=tasks)
    async with guarded(with_file, file) as url:
        async with http_client(f"{url}/mcp", token=ada) as hers:
            session_id = (await call(hers, "open_session", task="p1"))["session_id"]
        async with http_client(f"{url}/mcp", token=bob) as his:
            played = (await call(his, "open_session", task="p1"))["session_id"]
        assert with_file.sessions.get(played, "bob") is not None
    session = with_file.sessions.get(session_id, "ada")
    assert session is not None
    eve = add_token(file, "eve")
    async with guarded(practise(), file) as url:
        for name in ("p1", session.task.hash):
            async with http_client(f"{url}/mcp", token=eve) as client:
                foreign = await refusal(client, "open_session", task=name)
                unknown = await refusal(client, "open_session", task="nowhere")
                assert foreign.replace(name, "ID") == unknown.replace("nowhere", "ID")
            async with http_client(f"{url}/mcp", token=ada) as hers:
                again = (await call(hers, "open_session", task=name))["session_id"]
            found = with_file.sessions.get(again, "ada")
            assert found is not None
            assert found.task == session.task


async def begin(http: httpx2.AsyncClient, place: str, token: str) -> httpx2.Response:
    """Ask for a transport session as a client of the 2025 era."""
    params = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "raw", "version": "1"},
    }
    headers = {"Accept": "application/json, text/event-stream", **bearing(token)}
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    return await http.post(place, json=body, headers=headers)


async def initialize(http: httpx2.AsyncClient, place: str, token: str) -> dict[str, str]:
    """Shake hands as a client of the 2025 era; returns the headers of its transport session."""
    answer = await begin(http, place, token)
    assert answer.status_code == 200
    headers = {"Accept": "application/json, text/event-stream", **bearing(token)}
    headers |= {"Mcp-Session-Id": answer.headers["mcp-session-id"], "MCP-Protocol-Version": "2025-11-25"}
    note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    assert (await http.post(place, json=note, headers=headers)).status_code == 202
    return headers


LIST = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}


@pytest.mark.integration
@pytest.mark.parametrize("verb", ["POST", "GET", "DELETE"])
async def test_a_transport_session_is_of_no_use_with_anothers_token(
    practise: Practise, file: Path, verb: str
) -> None:
    ada, bob = add_token(file, "ada"), add_token(file, "bob")
    async with guarded(practise(), file) as url, httpx2.AsyncClient(timeout=PATIENCE_S) as http:
        hers = await initialize(http, f"{url}/mcp", ada)
        told = []
        for session_id in (hers["Mcp-Session-Id"], UNKNOWN):
            headers = {**hers, **bearing(bob), "Mcp-Session-Id": session_id}
            answer = await http.request(
                verb, f"{url}/mcp", json=LIST if verb == "POST" else None, headers=headers
            )
            told.append((answer.status_code, answer.text))
        assert told[0] == told[1]
        assert told[0][0] == 404
        assert (await http.post(f"{url}/mcp", json=LIST, headers=hers)).status_code == 200


@pytest.mark.integration
async def test_an_endpoint_of_one_session_keeps_its_own_token_and_reaches_that_session_alone(
    practise: Practise, file: Path
) -> None:
    ada, bob = add_token(file, "ada"), add_token(file, "bob")
    async with guarded(practise(), file) as url, httpx2.AsyncClient(timeout=PATIENCE_S) as http:
        async with http_client(f"{url}/mcp", token=ada) as hers:
            one = await call(hers, "open_session", scoped=True)
            two = await call(hers, "open_session", scoped=True)
        assert one["url"].startswith(url)
        async with http_client(one["url"], token=one["token"]) as client:
            assert (await call(client, "look"))["session_id"] == one["session_id"]
            other = await ask(client, "get_session", session_id=two["session_id"])
            assert "error" in other
            resources = await client.list_resources(cursor=one["session_id"])
            assert [str(each.uri).rpartition("/")[2] for each in resources.resources] == [one["session_id"]]
            for cursor in (two["session_id"], UNKNOWN):
                with pytest.raises(MCPError, match="Unknown cursor"):
                    await client.list_resources(cursor=cursor)
        body, headers = modern("tools/list")
        for place, token in (
            (one["url"], ada),
            (one["url"], bob),
            (one["url"], two["token"]),
            (f"{url}/mcp", one["token"]),
            (one["url"].replace("/env/parcels/", "/env/other/"), one["token"]),
        ):
            answer = await http.post(place, json=body, headers={**headers, **bearing(token)})
            assert answer.status_code == 401
        within = await initialize(http, one["url"], one["token"])
        for place, token in ((two["url"], two["token"]), (f"{url}/mcp", ada)):
            answer = await http.post(place, json=LIST, headers={**within, **bearing(token)})
            assert answer.status_code == 404
        remove_tokens(file, "ada")
        answer = await http.post(one["url"], json=body, headers={**headers, **bearing(one["token"])})
        assert answer.status_code == 401


@pytest.mark.integration
async def test_a_principal_with_every_transport_session_it_may_have_leaves_places_to_others(
    practise: Practise, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served_http, "MOST_TRANSPORT_SESSIONS_EACH", 2)
    ada, bob = add_token(file, "ada"), add_token(file, "bob")
    async with guarded(practise(), file) as url, httpx2.AsyncClient(timeout=PATIENCE_S) as http:
        async with http_client(f"{url}/mcp", token=ada) as hers:
            scoped = await call(hers, "open_session", scoped=True)
        first = await initialize(http, f"{url}/mcp", ada)
        await initialize(http, scoped["url"], scoped["token"])
        for place, token in ((f"{url}/mcp", ada), (scoped["url"], scoped["token"])):
            assert (await begin(http, place, token)).status_code == 503
        await initialize(http, f"{url}/mcp", bob)
        assert (await http.delete(f"{url}/mcp", headers=first)).status_code == 200
        await initialize(http, f"{url}/mcp", ada)


@pytest.mark.integration
async def test_a_principal_with_every_stream_it_may_have_leaves_connections_to_others(
    practise: Practise, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "MOST_EACH", 1)
    ada, bob = add_token(file, "ada"), add_token(file, "bob")
    body, headers = modern("subscriptions/listen", notifications={"toolsListChanged": True})
    async with guarded(practise(), file) as url, httpx2.AsyncClient(timeout=PATIENCE_S) as http:
        async with http.stream("POST", f"{url}/mcp", json=body, headers={**headers, **bearing(ada)}) as one:
            await anext(one.aiter_lines())
            refused = await http.get(f"{url}/metrics", headers=bearing(ada))
            assert refused.status_code == 503
            assert "1 of your requests are being answered" in refused.json()["error"]
            assert (await http.get(f"{url}/metrics", headers=bearing(bob))).status_code == 200
        with anyio.fail_after(PATIENCE_S):
            while (await http.get(f"{url}/metrics", headers=bearing(ada))).status_code == 503:
                pass


@pytest.mark.integration
@pytest.mark.parametrize("end", ["removed", "expired"])
@pytest.mark.parametrize("place", ["/mcp", "scoped"])
async def test_a_token_that_ends_ends_open_streams_and_transport_sessions(
    practise: Practise, file: Path, end: str, place: str
) -> None:
    ada = add_token(file, "ada", expires=JULY)
    add_token(file, "bob")
    day = JULY - datetime.timedelta(1)
    async with (
        guarded(practise(), file, today=lambda: day) as url,
        httpx2.AsyncClient(timeout=PATIENCE_S) as http,
    ):
        where, token = f"{url}/mcp", ada
        if place == "scoped":
            async with http_client(where, token=ada) as hers:
                opened = await call(hers, "open_session", scoped=True)
            where, token = opened["url"], opened["token"]
        old = await initialize(http, where, token)
        body, headers = modern("subscriptions/listen", notifications={"toolsListChanged": True})
        new = {**headers, **bearing(token)}
        async with (
            http.stream("GET", where, headers=old) as notices,
            http.stream("POST", where, json=body, headers=new) as listened,
        ):
            assert (notices.status_code, listened.status_code) == (200, 200)
            if end == "removed":
                remove_tokens(file, "ada")
            else:
                day = JULY
            with anyio.fail_after(PATIENCE_S):
                for stream in (notices, listened):
                    async for _ in stream.aiter_bytes():
                        pass
        assert (await http.post(where, json=LIST, headers=old)).status_code == 401
        assert (await http.post(where, json=body, headers=new)).status_code == 401


@pytest.mark.integration
async def test_a_call_that_is_cut_off_with_its_token_is_answered_so(practise: Practise, file: Path) -> None:
    ada = add_token(file, "ada")
    practice = practise(world("Patient"))
    patient: Any = practice.served["patient"].env_class
    async with guarded(practice, file) as url, httpx2.AsyncClient(timeout=PATIENCE_S) as http:
        async with http_client(f"{url}/mcp", token=ada) as hers:
            session_id = (await call(hers, "open_session"))["session_id"]
        patient.gate.clear()
        body, headers = modern("tools/call", name="wait", arguments={"session_id": session_id})
        answers: list[int] = []
        answered = anyio.Event()

        async def wait() -> None:
            answer = await http.post(f"{url}/mcp", json=body, headers={**headers, **bearing(ada)})
            answers.append(answer.status_code)
            answered.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await anyio.to_thread.run_sync(patient.entered.acquire)
            remove_tokens(file, "ada")
            with anyio.fail_after(PATIENCE_S):
                await answered.wait()
            patient.gate.set()
        assert answers == [401]


@pytest.mark.integration
def test_other_machines_may_come_in_with_tokens(db: Path, file: Path) -> None:
    token = add_token(file, "ada")
    arguments = ("--host", "0.0.0.0", "--port", "0", "--auth", str(file), "--allow-host", "practice.example")
    with subprocess.Popen(
        command("serve", "--http", *arguments, "--db", str(db)), stderr=subprocess.PIPE, text=True
    ) as child:
        try:
            assert child.stderr is not None
            served, warned = child.stderr.readline(), child.stderr.readline()
            assert "TLS is a reverse proxy's job" in warned
            port = served.partition("0.0.0.0:")[2].partition("/")[0]
            url = f"http://127.0.0.1:{port}/mcp"
            body, headers = modern("tools/call", name="open_session", arguments={"scoped": True})
            for name, status in (
                ({}, 200),
                ({"Host": "practice.example"}, 200),
                ({"Host": f"10.1.2.3:{port}"}, 200),
                ({"Host": "evil.example"}, 421),
                ({"Host": "10.1.2.3.evil.example"}, 421),
                ({"Origin": "http://10.9.9.9"}, 403),
                ({"Origin": "https://practice.example"}, 200),
            ):
                answer = httpx2.post(url, json=body, headers={**headers, **bearing(token), **name})
                assert answer.status_code == status, name
            assert httpx2.post(url, json=body, headers=headers).status_code == 401
            proxied = {"Host": "practice.example", "X-Forwarded-Proto": "https"}
            answer = httpx2.post(url, json=body, headers={**headers, **bearing(token), **proxied})
            opened = json.loads(answer.text.partition("data: ")[2] or answer.text)["result"][
                "structuredContent"
            ]
            assert opened["url"].startswith("https://practice.example/env/flight/s/")
        finally:
            child.terminate()
            child.wait(timeout=PATIENCE_S)
