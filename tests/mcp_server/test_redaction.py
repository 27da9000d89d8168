"""Redaction: no card token in what is printed of a session; what an agent needs to play it has in clear."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from mcp.client import Client

from practicum.mcp_server.server import PracticumServer
from tests.mcp_server.clients import MODES, ROOT, ask, call, refusal
from tests.memory.steps import a_step

Serve = Callable[..., PracticumServer]
pytestmark = pytest.mark.anyio
VAULT = f"{ROOT / 'tests' / 'memory' / 'vault_env.py'}:Vault"
KEY = 'sesame "4711" it\'s'


async def printed(client: Client, session_id: str) -> str:
    """Transcript and debriefing."""
    transcript = await client.read_resource(f"practicum://sessions/{session_id}")
    debrief = await client.get_prompt("debrief", {"session": session_id})
    return f"{transcript}\n{debrief}"


@pytest.mark.parametrize("mode", MODES)
async def test_a_flight_is_paid_with_a_token_that_no_transcript_shows(serve: Serve, mode: str) -> None:
    async with Client(serve("flight"), mode=mode) as client:
        opened = await call(client, "open_session", seed=0)
        token = opened["params"]["card_token"]
        assert token in opened["instruction"]
        assert token in str(opened["observation"])
        entered = await ask(client, "enter_card", card_token=token)
        assert "error" in entered
        searched = await call(client, "search_flights")
        assert searched["result"]["forms"]["card_token"] == token
        text = await printed(client, opened["session_id"])
    assert token not in text
    assert 'enter_card({"card_token":"[redacted]"})' in text.replace("\\", "")
    assert "The card token is [redacted]." in text


async def test_what_was_given_for_a_marked_argument_is_in_no_transcript(serve: Serve) -> None:
    async with Client(serve(VAULT)) as client:
        session_id = (await call(client, "open_session"))["session_id"]
        await ask(client, "say", json_text=json.dumps([{f"try {KEY}": KEY}]))
        tried = await call(client, "unlock", key=KEY, pin=48213)
        assert tried["result"]["tried"] == [KEY]
        assert "4711" in await refusal(client, "say", json_text="7")
        meta = {"practicum/thought": f"perhaps {KEY}"}
        await client.call_tool("unlock", {"spares": [KEY, "spare-key"]}, meta=meta)
        text = await printed(client, session_id)
    for secret in ("sesame", "4711", "48213", "spare-key"):
        assert secret not in text


async def test_the_servers_own_log_says_where_a_world_crashed_without_what_it_was_given(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async with Client(serve(VAULT)) as client:
        session_id = (await call(client, "open_session"))["session_id"]
        await call(client, "unlock", key=KEY)
        assert "is closed" in await refusal(client, "unlock", key="jammed-key")
    assert f"session {session_id} crashed" in caplog.text
    assert "in unlock" in caplog.text
    assert "jams the lock" in caplog.text
    for secret in ("jammed-key", "sesame", "4711"):
        assert secret not in caplog.text


async def test_get_session_tells_what_the_world_said_and_hides_what_was_given(serve: Serve) -> None:
    async with Client(serve(VAULT)) as client:
        session_id = (await call(client, "open_session"))["session_id"]
        await call(client, "unlock", key=KEY)
        await call(client, "say", json_text=json.dumps(f"was {KEY}"))
        first = await call(client, "get_session", session_id=session_id, turn=1)
        assert first["arguments"] == {"key": "[redacted]"}
        assert first["result"]["tried"] == [KEY]
        second = await call(client, "get_session", session_id=session_id, turn=2)
        assert KEY not in second["arguments"]["json_text"]
        assert second["result"] == f"was {KEY}"
        part = await call(client, "get_session", session_id=session_id, turn=1, path="/arguments/key")
        assert part["value"] == "[redacted]"


async def test_the_refusal_of_a_taken_turn_hides_what_the_turn_was_given(serve: Serve) -> None:
    async with Client(serve(VAULT)) as client:
        await call(client, "open_session")
        await call(client, "unlock", key=KEY, turn=1)
        said = await refusal(client, "say", json_text="[]", turn=1)
        assert "turn 1 was unlock({'key': '[redacted]'}), another call" in said
        again = await call(client, "unlock", key=KEY, turn=1)
        assert again["result"]["tried"] == [KEY]


async def test_a_call_with_true_for_one_is_another_call(serve: Serve) -> None:
    async with Client(serve(VAULT)) as client:
        await call(client, "open_session")
        first = await ask(client, "unlock", pin=1, turn=1)
        assert await ask(client, "unlock", pin=1.0, turn=1) == first
        assert "another call" in await refusal(client, "unlock", pin=True, turn=1)


async def test_a_divergence_is_told_without_secrets_and_without_what_calls_were_worth(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(VAULT)
    async with Client(server) as client:
        session_id = (await call(client, "open_session", purpose="evaluation"))["session_id"]
        await call(client, "unlock", key=KEY)
        monkeypatch.setattr(server.practice.served["vault"].env_class, "rewards", {"step": -0.5})
        server.practice.live.drop(session_id)
        said = await refusal(client, "say", json_text="[]", session_id=session_id)
        forked = await refusal(client, "open_session", from_session=session_id)
    for text in (said, forked):
        assert "turn 1: reward is not what it was" in text
        for hidden in ("sesame", "0.01", "0.5"):
            assert hidden not in text


async def test_sessions_are_found_by_what_their_tasks_were_about(serve: Serve, somebody) -> None:  # type: ignore[no-untyped-def]  # the fixture's class is its conftest's
    async with Client(serve(VAULT, "flight", bind=somebody)) as client:
        flight = (await call(client, "open_session", env="flight", seed=1))["session_id"]
        vault = (await call(client, "open_session", env="vault", seed=1))["session_id"]
        found = await call(client, "list_sessions", query="open the VAULT")
        assert found["sessions"][0]["session_id"] == vault
        found = await call(client, "list_sessions", query="book a flight", env="flight")
        assert [each["session_id"] for each in found["sessions"]] == [flight]
        assert (await call(client, "list_sessions", query='" OR (', limit=1))["sessions"] == []
        assert "exclude each other" in await refusal(client, "list_sessions", query="x", before=vault)
        somebody.principal = "bob"
        assert (await call(client, "list_sessions", query="open the vault"))["sessions"] == []


@pytest.mark.parametrize("tool", ["list_sessions", "search_skills"])
@pytest.mark.parametrize("limit", [0, 101, -1, "5", 1.5, True])
async def test_a_limit_out_of_range_is_refused(serve: Serve, tool: str, limit: object) -> None:
    async with Client(serve(VAULT)) as client:
        assert "'limit'" in await refusal(client, tool, query="x", limit=limit)


async def test_a_list_of_sessions_with_long_outcomes_fits_into_a_result(serve: Serve) -> None:
    server = serve(VAULT)
    async with Client(server) as client:
        ids = [(await call(client, "open_session", seed=1))["session_id"] for _ in range(3)]
        for session_id in ids:
            outcome = {"success": False, "violations": [], "details": "x" * 20_000}
            server.practice.log.append(session_id, a_step(truncated=True, outcome=outcome))
        page = await call(client, "list_sessions")
        assert [each["session_id"] for each in page["sessions"]] == ids[:1:-1]
        assert "outcome" not in page["sessions"][0]
        rest = await call(client, "list_sessions", before=page["more"]["before"])
        assert rest["sessions"][0]["session_id"] == ids[1]
