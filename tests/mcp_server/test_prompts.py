"""Prompts: `practise` sends an agent into an environment, `debrief` has it look back."""

from __future__ import annotations

from collections.abc import Callable

import mcp_types as types
import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError

from practicum.mcp_server.server import PracticumServer
from tests.mcp_server.clients import MODES, call

Serve = Callable[..., PracticumServer]
pytestmark = pytest.mark.anyio


async def text_of(client: Client, name: str, arguments: dict[str, str]) -> str:
    (message,) = (await client.get_prompt(name, arguments)).messages
    assert isinstance(message.content, types.TextContent)
    return message.content.text


@pytest.mark.parametrize("mode", MODES)
async def test_both_prompts_are_listed_with_their_arguments(serve: Serve, mode: str) -> None:
    async with Client(serve(), mode=mode) as client:
        prompts = (await client.list_prompts()).prompts
    listed = {
        prompt.name: [(argument.name, argument.required) for argument in prompt.arguments or []]
        for prompt in prompts
    }
    assert listed == {"practise": [("environment", True), ("goal", False)], "debrief": [("session", True)]}


async def test_practise_names_the_first_call_and_the_goal(serve: Serve) -> None:
    async with Client(serve()) as client:
        plain = await text_of(client, "practise", {"environment": "parcels-v1"})
        told = await text_of(client, "practise", {"environment": "parcels", "goal": "fewest calls"})
    assert "open_session(env='parcels')" in plain
    assert "attention" not in plain
    assert "Pay attention to this: fewest calls" in told


async def test_debrief_holds_the_transcript(serve: Serve) -> None:
    async with Client(serve()) as client:
        session_id = (await call(client, "open_session"))["session_id"]
        await call(client, "look")
        text = await text_of(client, "debrief", {"session": session_id})
    assert "what you would do differently" in text
    assert "## Turn 1: look({})" in text


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("nope", {}, "Unknown prompt: nope"),
        ("practise", {}, "practise: argument 'environment' is missing"),
        ("practise", {"environment": "parcel"}, "did you mean 'parcels'"),
        ("debrief", {"session": "nope"}, "no session 'nope'"),
    ],
)
async def test_a_prompt_that_cannot_be_filled_is_invalid(
    serve: Serve, name: str, arguments: dict[str, str], said: str
) -> None:
    async with Client(serve()) as client:
        with pytest.raises(MCPError, match=said) as error:
            await client.get_prompt(name, arguments)
    assert error.value.error.code == types.INVALID_PARAMS
