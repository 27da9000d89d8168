"""Limits on sessions that begin: how many may be open, and what beginning one counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from mcp.client import Client

from practicum.mcp_server.calls import Caller
from practicum.mcp_server.choosing import OpenRequest
from practicum.mcp_server.limits import WINDOW_S, LimitReached, Limits
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.served import serve_environments
from practicum.mcp_server.server import PracticumServer
from practicum.memory import Store
from tests.mcp_server.clients import PARCELS, ask, call, world
from tests.mcp_server.people import Clock, People, opened

Practise = Callable[..., Practice]
Serve = Callable[..., PracticumServer]
pytestmark = pytest.mark.anyio


async def test_a_principal_at_its_limit_closes_a_session_before_it_opens_another(serve: Serve) -> None:
    people = People(ada=Limits(open_sessions=2), bob=Limits(open_sessions=1))
    server = serve(PARCELS, bind=people)
    async with Client(server) as client:
        first, second = await opened(client), await opened(client)
        for arguments in ({}, {"seed": 3}, {"from_session": first}, {"scoped": False}):
            body = await ask(client, "open_session", **arguments)
            assert body == {
                "error": "you have 2 open sessions and may have 2; close_session ends one "
                "(idle ones count too; list_sessions shows them), then try again",
                "limit": "open_sessions",
            }
        people.name = "bob"
        await opened(client)
        people.name = "ada"
        assert (await call(client, "look", session_id=second))["turn"] == 1
        await call(client, "close_session", session_id=first)
        await opened(client)
    assert server.practice.usage.refusals == {"open_sessions": 4}
    assert server.practice.sessions.count_open("ada") == 2


async def test_an_episode_that_has_ended_makes_room(serve: Serve) -> None:
    async with Client(serve(world("Talk"), bind=People(ada=Limits(open_sessions=1)))) as client:
        session_id = await opened(client)
        await call(client, "finish", session_id=session_id)
        await opened(client, from_session=session_id, at_turn=0)
        assert "limit" in await ask(client, "open_session")


async def test_open_sessions_are_counted_across_restarts_and_processes(practise: Practise) -> None:
    caller = Caller("ada", limits=Limits(open_sessions=3))
    for _ in range(3):
        await practise().open(caller, OpenRequest("parcels"))
    one, other = practise(), practise()
    for practice in (one, other):
        with pytest.raises(LimitReached, match="you have 3 open sessions and may have 3"):
            await practice.open(caller, OpenRequest("parcels"))
    oldest = one.sessions.open_of("ada")[-1]
    await one.close(caller, oldest.id)
    await other.open(caller, OpenRequest("parcels"))


@pytest.mark.parametrize("env", ["Talk", "Patient"], ids=["on the loop", "in threads"])
@pytest.mark.parametrize("forked", [False, True])
async def test_of_fifty_that_race_for_the_last_place_one_gets_it(
    practise: Practise, env: str, forked: bool
) -> None:
    caller = Caller("ada", limits=Limits(open_sessions=5))
    practice = practise(world(env))
    async with practice:
        sessions = [await practice.open(caller, OpenRequest(env.lower())) for _ in range(4)]
        outcomes: list[str] = []

        async def race() -> None:
            try:
                if forked:
                    await practice.open_fork(caller, sessions[0].session.id)
                else:
                    await practice.open(caller, OpenRequest(env.lower()))
                outcomes.append("open")
            except LimitReached as error:
                outcomes.append(error.limit)

        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(race)
    assert sorted(outcomes) == ["open", *["open_sessions"] * 49]
    assert practice.sessions.count_open("ada") == 5
    assert practice.opened == 5


@pytest.mark.parametrize("forked", [False, True])
async def test_those_that_race_in_several_processes_get_no_more_places_than_there_are(
    db: Path, forked: bool
) -> None:
    caller = Caller("ada", limits=Limits(open_sessions=5))
    stores = [Store.open(db) for _ in range(4)]
    practices = [Practice(store, serve_environments([world("Talk")])) for store in stores]
    parent = (await practices[0].open(caller, OpenRequest("talk"))).session
    outcomes: list[str] = []

    async def race(practice: Practice) -> None:
        try:
            if forked:
                await practice.open_fork(caller, parent.id)
            else:
                await practice.open(caller, OpenRequest("talk"))
            outcomes.append("open")
        except LimitReached as error:
            outcomes.append(error.limit)

    async with anyio.create_task_group() as tasks:
        for practice in practices * 8:
            tasks.start_soon(race, practice)
    assert practices[0].sessions.count_open("ada") == 5
    assert sorted(outcomes) == ["open"] * 4 + ["open_sessions"] * 28
    assert sum(practice.opened for practice in practices) == 5
    for store in stores:
        store.close()


async def test_fifty_that_race_for_fifty_places_all_get_one(practise: Practise) -> None:
    caller = Caller("ada", limits=Limits(open_sessions=50))
    practice = practise(world("Patient"))
    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(practice.open, caller, OpenRequest("patient"))
    assert practice.sessions.count_open("ada") == 50


async def test_sessions_that_begin_count_as_calls(serve: Serve, clock: Clock) -> None:
    people = People(ada=Limits(steps_per_minute=2))
    async with Client(serve(PARCELS, bind=people, clock=clock)) as client:
        for _ in range(2):
            await call(client, "close_session", session_id=await opened(client))
        assert (await ask(client, "open_session"))["limit"] == "steps_per_minute"
        clock.now += WINDOW_S
        await opened(client)


async def test_a_fork_counts_the_turns_and_the_characters_that_it_copies(serve: Serve, clock: Clock) -> None:
    people = People(ada=Limits(steps_per_minute=9, bytes_per_minute=10_000))
    async with Client(serve(world("Talk"), bind=people, clock=clock)) as client:
        session_id = await opened(client)
        for _ in range(3):
            await call(client, "say", session_id=session_id, json_text='"' + "x" * 900 + '"')
        await call(client, "finish", session_id=session_id)
        clock.now += WINDOW_S
        await opened(client, from_session=session_id)
        again = await ask(client, "open_session", from_session=session_id)
        assert again["limit"] == "steps_per_minute"
        await opened(client, from_session=session_id, at_turn=0)
        clock.now += WINDOW_S
        people.limits["ada"] = Limits(bytes_per_minute=6000)
        await opened(client, from_session=session_id)
        again = await ask(client, "open_session", from_session=session_id)
        assert again["limit"] == "bytes_per_minute"
        clock.now += WINDOW_S
        people.limits["ada"] = Limits(steps_per_minute=2, bytes_per_minute=2)
        await opened(client, from_session=session_id)
        assert (await ask(client, "open_session"))["limit"] == "steps_per_minute"


async def test_the_log_keeps_a_clients_name_no_longer_than_names_are(practise: Practise) -> None:
    practice = practise(PARCELS)
    caller = Caller("ada", client_name="\ud800" + "n" * 1_000_000, client_version="v" * 1_000_000)
    opened = await practice.open(caller, OpenRequest("parcels"))
    forked = await practice.open_fork(caller, opened.session.id)
    for session in (opened.session, forked.session):
        assert session.client_name == "?" + "n" * 199
        assert session.client_version == "v" * 200
