"""Imported sessions on a server: seen like any other by whoever they belong to, also without their world."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pytest
from mcp.client import Client

from practicum.mcp_server.server import PracticumServer
from practicum.memory import Sessions, Store
from practicum.memory.imports import destination, import_file
from tests.mcp_server.clients import ask, call
from tests.memory.import_samples import TAU, tau_visit

Serve = Callable[..., PracticumServer]
pytestmark = pytest.mark.anyio


def imported(store: Store, env: str | None = None, principal: str = "local") -> str:
    run = TAU if env is None else tau_visit(3)
    import_file(store, io.StringIO(json.dumps(run)), destination(env, principal=principal))
    return Sessions(store).list(principal)[0].id


async def test_a_session_without_a_world_is_listed_found_and_read(serve: Serve, store: Store) -> None:
    session_id = imported(store)
    uri = f"practicum://sessions/{session_id}"
    async with Client(serve()) as client:
        for query in ({}, {"query": "ferry agent policy"}):
            (listed,) = (await call(client, "list_sessions", **query))["sessions"]
            assert (listed["session_id"], listed["env"]) == (session_id, "imported-tau-v1")
        shown = [await ask(client, "get_session", session_id=session_id, turn=turn) for turn in range(6)]
        shown.append(await ask(client, "get_session", session_id=session_id))
        assert uri in [str(resource.uri) for resource in (await client.list_resources()).resources]
        transcript = (await client.read_resource(uri)).contents[0]
    assert [turn["tool"] for turn in shown[1:6]] == [
        "respond",
        "get_booking",
        *["move_booking"] * 2,
        "respond",
    ]
    assert (
        'move_booking({"booking":"FB12","day":"2026-05-44"})\nError: there is no such day' in transcript.text
    )
    assert "You are Ida Holm" not in json.dumps(shown) + transcript.text


async def test_a_session_without_a_world_is_not_forked_and_says_why(serve: Serve, store: Store) -> None:
    session_id = imported(store)
    async with Client(serve()) as client:
        refused = await ask(client, "open_session", from_session=session_id, at_turn=1)
    assert refused["error"] == "no environment 'imported-tau'; this server has parcels"


async def test_an_imported_visit_can_be_forked(serve: Serve, store: Store) -> None:
    session_id = imported(store, "retail")
    async with Client(serve("retail")) as client:
        forked = await ask(client, "open_session", from_session=session_id, at_turn=2)
        assert forked["session_id"] != session_id
        assert (await ask(client, "list_all_product_types", session_id=forked["session_id"]))["result"]


async def test_imported_sessions_of_others_are_not_seen(serve: Serve, store: Store) -> None:
    session_id = imported(store, principal="ann")
    async with Client(serve()) as client:
        assert (await call(client, "list_sessions"))["sessions"] == []
        assert "error" in await ask(client, "get_session", session_id=session_id)
