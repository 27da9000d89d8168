"""Notices: clients of both eras hear when their skills change, by whichever process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
import pytest
from mcp.client import Client

from practicum.mcp_server.auth import Tokens
from practicum.mcp_server.guard import Access
from practicum.mcp_server.limits import FOR_TOKENS
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.server import PracticumServer
from practicum.mcp_server.token_file import add_token
from practicum.memory import Store
from practicum.skills.library import Library
from tests.mcp_server.clients import (
    MODERN,
    MODES,
    PARCELS,
    PATIENCE_S,
    call,
    http_client,
    over_http,
    refusal,
    serving,
)
from tests.mcp_server.skilled import a_skill, publish, skills_of

Serve = Callable[..., PracticumServer]
pytestmark = pytest.mark.anyio


@asynccontextmanager
async def hearing(server: PracticumServer, mode: str) -> AsyncIterator[tuple[Client, Callable[[], Any]]]:
    """A client, and what waits for the next notice that its tools have changed."""
    send, receive = anyio.create_memory_object_stream[None](100)

    async def hear(message: Any) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            await send.send(None)

    async def heard() -> None:
        with anyio.fail_after(PATIENCE_S):
            await receive.receive()

    async with send, receive, Client(server, mode=mode, message_handler=hear) as client:
        if mode == "legacy":
            yield client, heard
            return
        async with client.listen(tools_list_changed=True) as events:
            notices = aiter(events)

            async def next_event() -> None:
                with anyio.fail_after(PATIENCE_S):
                    await anext(notices)

            yield client, next_event


@pytest.mark.parametrize("mode", MODES)
async def test_clients_hear_when_a_skill_is_published_quarantined_and_retired_by_whomever(
    serve: Serve, store: Store, db: Path, mode: str
) -> None:
    other = Store.open(db)  # as another process has it
    library = Library(other)
    async with hearing(serve(), mode) as (client, heard):
        assert await skills_of(client) == []
        skill = publish(other, a_skill())
        await heard()
        assert await skills_of(client) == ["skill_store_all"]
        assert library.quarantine(skill, "it failed")
        await heard()
        assert await skills_of(client) == []
        session_id = (await call(client, "open_session"))["session_id"]
        said = await refusal(client, "skill_store_all", session_id=session_id)
        assert "is quarantined and does not run" in said
        assert library.verified(skill, hits=20, misses=0, about={})
        assert library.publish(skill)
        await heard()
        assert library.retire(skill, "no longer wanted")
        await heard()
        assert await skills_of(client) == []
    other.close()


async def test_a_promoted_skill_reaches_others_and_only_those_hear_whose_list_has_changed(
    practise: Callable[..., Practice], store: Store, tmp_path: Path
) -> None:
    file = tmp_path / "tokens.yaml"
    tokens = {name: add_token(file, name, expires=None) for name in ("ada", "bob")}
    async with (
        over_http(practise(), access=Access(Tokens(file, limits=FOR_TOKENS))) as (url, _),
        http_client(f"{url}/mcp", token=tokens["ada"]) as ada,
        http_client(f"{url}/mcp", token=tokens["bob"]) as bob,
        ada.listen(tools_list_changed=True) as adas,
        bob.listen(tools_list_changed=True) as bobs,
    ):
        assert await skills_of(ada) == await skills_of(bob) == []
        skill = publish(store, a_skill(), "ada")
        with anyio.fail_after(PATIENCE_S):
            await anext(aiter(adas))
        assert await skills_of(ada) == ["skill_store_all"]
        assert await skills_of(bob) == []
        Library(store).promote(skill)
        with anyio.fail_after(PATIENCE_S):
            await anext(aiter(bobs))
        assert await skills_of(bob) == ["skill_store_all"]
        with anyio.move_on_after(0.1) as silence:
            await anext(aiter(adas))
        assert silence.cancelled_caught, "nothing has changed for ada"


@pytest.mark.integration
@pytest.mark.parametrize("mode", MODES)
def test_over_stdio_a_skill_of_another_process_is_heard_of_and_books_with_one_call(
    db: Path, mode: str
) -> None:
    Store.open(db).close()
    with serving(db, "--env", PARCELS, "--set", "parcels=1", "--no-learn") as lines:
        meta = MODERN if mode == "auto" else {}
        if mode == "legacy":
            lines.initialize()
            lines.request(2, "tools/list")
        else:
            lines.request(2, "tools/list", meta)
            lines.send("subscriptions/listen", {**meta, "notifications": {"toolsListChanged": True}}, id=3)
            lines.receive_notice("notifications/subscriptions/acknowledged")
        store = Store.open(db)
        publish(store, a_skill())
        store.close()
        lines.receive_notice("notifications/tools/list_changed")
        tools = lines.request(4, "tools/list", meta)["result"]["tools"]
        assert tools[-1]["name"] == "skill_store_all"
        lines.request(5, "tools/call", {**meta, "name": "open_session", "arguments": {}})
        ran = lines.request(6, "tools/call", {**meta, "name": "skill_store_all", "arguments": {"turn": 1}})
        assert ran["result"]["structuredContent"]["outcome"]["success"] is True
