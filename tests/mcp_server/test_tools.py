"""Tools: every one that is listed can be used by every client, and the order only grows at its end."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from mcp.client import Client

from practicum.envs import UsageError
from practicum.envs.lint import lint_tool
from practicum.mcp_server.core_tools import core_cards
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.served import serve_environments
from practicum.mcp_server.server import SERVER_NAME, PracticumServer
from practicum.mcp_server.tools import Catalogue
from tests.mcp_server.clients import MODES, PARCELS, world
from tests.mcp_server.skilled import a_skill, publish

Serve = Callable[..., PracticumServer]


@pytest.mark.anyio
@pytest.mark.parametrize("mode", MODES)
async def test_every_listed_tool_passes_the_lint_as_it_is_listed(serve: Serve, mode: str) -> None:
    async with Client(serve("flight", PARCELS, world("Talk"), world("Murmur")), mode=mode) as client:
        tools = (await client.list_tools()).tools
    assert len(tools) > 20
    for tool in tools:
        free = ("arguments",) if tool.name == "run_skill" else ()
        assert lint_tool(tool.name, tool.description or "", tool.input_schema, open_objects=free) == []
        assert tool.output_schema is None
        hints = tool.annotations
        assert hints is not None
        for hint in (
            hints.read_only_hint,
            hints.destructive_hint,
            hints.idempotent_hint,
            hints.open_world_hint,
        ):
            assert isinstance(hint, bool)


def test_every_clean_tool_passes_the_lint(practise: Callable[..., Practice]) -> None:
    practice = practise("flight", PARCELS)
    catalogue = Catalogue(practice.served, core_cards(practice.served))
    for env in practice.served:
        for card in catalogue.listed_clean(env, catalogue.core):
            assert card.problems() == []
            assert card.name == "run_skill" or not {"session_id"} & set(card.schema["properties"])


def test_the_core_tools_are_at_most_eight_and_the_server_has_a_short_name(serve: Serve) -> None:
    assert len(serve().catalogue.core) <= 8
    assert len(SERVER_NAME) <= 12


@pytest.mark.anyio
async def test_the_order_is_the_same_each_time_and_grows_only_at_its_end(serve: Serve) -> None:
    server, twin = serve("flight", PARCELS), serve("flight", PARCELS)
    async with Client(server) as client, Client(twin) as other:
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert [tool.name for tool in (await other.list_tools()).tools] == names
        assert names[0] == "list_environments"
        assert names[-3:] == ["look", "store", "take_out"]
        for number, new in enumerate(("skill_b", "skill_a"), 1):
            publish(server.practice.store, a_skill(new, max_calls=number))
            names.append(new)
            assert [tool.name for tool in (await client.list_tools()).tools] == names
        publish(server.practice.store, a_skill("skill_b", 2, description="Does it better."))
        tools = (await client.list_tools()).tools
        assert [tool.name for tool in tools] == names
        assert tools[-2].description == "Does it better."


@pytest.mark.anyio
async def test_a_skill_has_a_handle_like_an_action(serve: Serve) -> None:
    server = serve()
    publish(server.practice.store, a_skill("skill_a"))
    async with Client(server) as client:
        (tool,) = [each for each in (await client.list_tools()).tools if each.name == "skill_a"]
    assert set(tool.input_schema["properties"]) == {"session_id", "turn"}


def test_the_fingerprint_changes_with_what_is_listed(serve: Serve) -> None:
    server = serve(PARCELS)
    before = server.shelf.fingerprint("local")
    assert before == serve(PARCELS).shelf.fingerprint("local") != serve("flight").shelf.fingerprint("local")
    publish(server.practice.store, a_skill("skill_a"))
    assert server.shelf.fingerprint("local") != before == server.shelf.fingerprint("somebody else")


def test_worlds_of_one_name_are_not_served_together() -> None:
    with pytest.raises(UsageError, match="two environments are called 'talk'"):
        serve_environments([world("Talk"), world("Talk")])


@pytest.mark.anyio
async def test_a_listed_tool_list_is_not_to_be_cached(serve: Serve) -> None:
    async with Client(serve()) as client:
        assert (await client.list_tools()).ttl_ms == 0
