"""Resources: data sheets, and transcripts of one's own sessions, page by page."""

from __future__ import annotations

from collections.abc import Callable

import mcp_types as types
import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError

from practicum.mcp_server import resources
from practicum.mcp_server.server import PracticumServer
from tests.mcp_server.clients import MODES, PARCELS, ask, call, world

Serve = Callable[..., PracticumServer]
pytestmark = pytest.mark.anyio

TRANSCRIPT = """# parcels-v1 session {session_id}

Store every parcel in a free locker that is at least as large.

## Turn 1: look({{}})
> what is there?
{looked}
Reward -0.01: step -0.01

## Turn 2: store({{"parcel":"P0","locker":"nowhere"}})
Error: no locker 'nowhere'; look lists them
Reward -0.06: refused -0.05, step -0.01
"""


async def read(client: Client, uri: str) -> str:
    (content,) = (await client.read_resource(uri)).contents
    assert isinstance(content, types.TextResourceContents)
    assert (str(content.uri), content.mime_type) == (uri, "text/markdown")
    return content.text


@pytest.mark.parametrize("mode", MODES)
async def test_a_transcript_has_every_turn_with_call_result_and_reward(serve: Serve, mode: str) -> None:
    async with Client(serve(), mode=mode) as client:
        session_id = (await call(client, "open_session", seed=3))["session_id"]
        meta = {"practicum/thought": "what is there?"}
        looked = (await client.call_tool("look", {}, meta=meta)).structured_content
        await ask(client, "store", parcel="P0", locker="nowhere")
        text = await read(client, f"practicum://sessions/{session_id}")
    assert looked is not None
    shown = resources.readable(looked["result"])
    assert text == TRANSCRIPT.format(session_id=session_id, looked=shown)


async def test_a_transcript_shows_a_question_mark_for_half_a_surrogate_pair(serve: Serve) -> None:
    async with Client(serve()) as client:
        session_id = (await call(client, "open_session", seed=3))["session_id"]
        await ask(client, "store", parcel="\ud800", locker="nowhere")
        assert 'store({"parcel":"?","locker":"nowhere"})' in await read(
            client, f"practicum://sessions/{session_id}"
        )


async def test_a_transcript_of_an_ended_session_ends_with_return_and_outcome(serve: Serve) -> None:
    async with Client(serve(world("Talk"))) as client:
        session_id = (await call(client, "open_session"))["session_id"]
        await call(client, "finish")
        text = await read(client, f"practicum://sessions/{session_id}")
    assert text.endswith(
        'Ended (episode).\nReturn 0.99. Outcome: {"success":true,"violations":[],"regret":null}'
    )


async def test_a_data_sheet_has_goal_tools_and_rewards(serve: Serve) -> None:
    async with Client(serve(PARCELS, world("Talk"))) as client:
        text = await read(client, "practicum://environments/parcels")
    for part in (
        "# parcels-v1",
        "Store every parcel",
        "- `store(parcel, locker)`: Put a parcel into a locker.",
        "- solved: +1",
    ):
        assert part in text


async def test_sheets_and_sessions_are_listed_page_by_page(serve: Serve) -> None:
    async with Client(serve(PARCELS, world("Talk"))) as client:
        ids = [
            (await call(client, "open_session", env="talk", seed=1))["session_id"]
            for _ in range(2 * resources.PAGE + 1)
        ]
        uris: list[str] = []
        cursor = None
        pages = 0
        while pages == 0 or cursor:
            page = await client.list_resources(cursor=cursor)
            uris += [str(each.uri) for each in page.resources]
            cursor = page.next_cursor
            pages += 1
            assert pages <= 4
    sheets = ["practicum://environments/parcels", "practicum://environments/talk"]
    assert uris == sheets + [f"practicum://sessions/{session_id}" for session_id in ids[::-1]]


async def test_a_cursor_of_nobody_is_refused(serve: Serve) -> None:
    async with Client(serve()) as client:
        with pytest.raises(MCPError, match="Unknown cursor") as error:
            await client.list_resources(cursor="nope")
    assert error.value.error.code == types.INVALID_PARAMS


async def test_the_kinds_of_address_are_listed(serve: Serve) -> None:
    async with Client(serve()) as client:
        listed = (await client.list_resource_templates()).resource_templates
    assert [each.uri_template for each in listed] == [
        "practicum://sessions/{session_id}",
        "practicum://environments/{env}",
        "practicum://handbooks/{env}",
        "practicum://skills/{name}",
    ]


@pytest.mark.parametrize(
    "uri",
    [
        "practicum://sessions/nope",
        "practicum://environments/nope",
        "practicum://handbooks/parcels",
        "practicum://skills/nope",
        "practicum://x",
        "file:///etc/passwd",
    ],
)
async def test_an_address_that_leads_nowhere_is_invalid_and_comes_back(serve: Serve, uri: str) -> None:
    async with Client(serve()) as client:
        with pytest.raises(MCPError) as error:
            await client.read_resource(uri)
    assert error.value.error.code == types.INVALID_PARAMS
    assert error.value.error.data == {"uri": uri}
