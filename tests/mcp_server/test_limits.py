"""Limits: what a principal may open, play and send; a refusal takes no turn and touches nobody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.client import Client

from practicum.envs import ActionError
from practicum.mcp_server.bindings import Bound
from practicum.mcp_server.calls import Call, Caller
from practicum.mcp_server.choosing import OpenRequest
from practicum.mcp_server.limits import FOR_TOKENS, UNLIMITED, WINDOW_S, LimitReached, Limits, Usage, size_of
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.server import PracticumServer, bind_fixed
from tests.mcp_server.clients import MODES, PARCELS, ask, call, http_client, over_http, world
from tests.mcp_server.people import Clock, People, opened

Practise = Callable[..., Practice]
Serve = Callable[..., PracticumServer]
pytestmark = pytest.mark.anyio


# Calls and bytes --------------------------------------------------------------------------------------


async def test_calls_are_counted_by_the_minute_and_by_principal(serve: Serve, clock: Clock) -> None:
    people = People(ada=Limits(steps_per_minute=4), bob=Limits(steps_per_minute=4))
    server = serve(PARCELS, bind=people, clock=clock)
    async with Client(server) as client:
        session_id = await opened(client)
        for turn in (1, 2, 3):
            clock.now += 10
            assert (await call(client, "look", session_id=session_id))["turn"] == turn
        clock.now += 17.5
        assert await ask(client, "look", session_id=session_id) == {
            "error": "4 calls this minute, and you may have 4; try again in 13 s",
            "limit": "steps_per_minute",
            "retry_after_s": 13,
        }
        assert (await call(client, "get_session", session_id=session_id))["turn"] == 3
        people.name = "bob"
        await call(client, "look", session_id=await opened(client))
        people.name = "ada"
        clock.now += 12.5
        assert (await call(client, "look", session_id=session_id))["turn"] == 4
    stored = list(server.practice.sessions.steps(session_id))
    assert [step.turn for step in stored] == [1, 2, 3, 4]
    assert server.practice.usage.refusals == {"steps_per_minute": 1}


async def test_of_fifty_calls_at_once_no_more_than_allowed_are_played(practise: Practise) -> None:
    caller = Caller("ada", limits=Limits(steps_per_minute=21))
    practice = practise(PARCELS)
    session = (await practice.open(caller, OpenRequest("parcels"))).session
    refused: list[str] = []

    async def play() -> None:
        try:
            await practice.act(caller, session.id, Call("look", {}))
        except LimitReached as error:
            refused.append(error.limit)

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(play)
    assert refused == ["steps_per_minute"] * 30
    assert practice.session(caller, session.id).steps == 20


async def test_bytes_of_calls_and_answers_are_counted_by_the_minute(serve: Serve, clock: Clock) -> None:
    limits = Limits(bytes_per_minute=2000)
    server = serve(world("Talk"), bind=People(ada=limits), clock=clock)
    async with Client(server) as client:
        session_id = await opened(client)
        text = '"' + "x" * 598 + '"'
        for _ in range(2):
            await call(client, "say", session_id=session_id, json_text=text)
        body = await ask(client, "say", session_id=session_id, json_text=text)
        assert body["limit"] == "bytes_per_minute"
        assert "bytes this minute, and you may have 2000; try again in 60 s" in body["error"]
        clock.now += WINDOW_S
        assert (await call(client, "say", session_id=session_id, json_text=text))["turn"] == 3
        clock.now += WINDOW_S
        far = await ask(client, "say", session_id=session_id, json_text='"' + "x" * 2000 + '"')
        assert far["limit"] == "bytes_per_minute"
        assert "retry_after_s" not in far
        assert "send less" in far["error"]


@given(
    st.lists(st.tuples(st.floats(0, 40), st.integers(2, 300)), max_size=60),
    st.integers(1, 20),
    st.integers(1, 1000),
)
def test_no_minute_has_more_than_is_allowed(
    calls: list[tuple[float, int]], most_calls: int, most_bytes: int
) -> None:
    clock = Clock()
    usage = Usage(clock)
    limits = Limits(steps_per_minute=most_calls, bytes_per_minute=most_bytes)
    began, played, refused = -WINDOW_S, [], 0
    for pause, size in calls:
        clock.now += pause
        if clock.now >= began + WINDOW_S:
            began, played = clock.now, []
        if len(played) < most_calls and sum(played) + size <= most_bytes:
            usage.playing("ada", limits, {"k": "x" * (size - 1)})
            played.append(size)
        else:
            refused += 1
            with pytest.raises(LimitReached) as error:
                usage.playing("ada", limits, {"k": "x" * (size - 1)})
            assert error.value.retry_after_s is None or 0 < error.value.retry_after_s <= WINDOW_S
    assert sum(usage.refusals.values()) == refused


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ("abc", 3),
        ({"a": "bc", "d": [1, None, True]}, 28),
        ({"k": {"k": "v"}}, 3),
        ([], 1),
        ([[], {}, ""], 3),
        ({"": []}, 2),
    ],
)
def test_the_size_of_arguments_is_about_that_of_their_texts_and_nothing_is_free(
    value: Any, size: int
) -> None:
    assert size_of(value) == size


def test_arguments_that_are_nested_deeply_have_a_size() -> None:
    value: Any = "x"
    for _ in range(100_000):
        value = [value]
    assert size_of(value) == 1


async def test_the_words_beside_a_call_count_as_what_it_sends(practise: Practise) -> None:
    caller = Caller("ada", limits=Limits(bytes_per_minute=1000))
    practice = practise(PARCELS)
    session = (await practice.open(caller, OpenRequest("parcels"))).session
    with pytest.raises(LimitReached) as error:
        await practice.act(caller, session.id, Call("look", {}, thought="x" * 1001))
    assert error.value.limit == "bytes_per_minute"
    assert practice.session(caller, session.id).steps == 0


# One session ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
async def test_a_session_at_its_limit_takes_no_more_turns_and_shows_the_way_out(
    serve: Serve, mode: str
) -> None:
    server = serve(world("Talk"), limits=Limits(steps_per_session=2))
    async with Client(server, mode=mode) as client:
        session_id = await opened(client)
        for turn in (1, 2):
            await call(client, "say", session_id=session_id, json_text="1", turn=turn)
        body = await ask(client, "say", session_id=session_id, json_text="1")
        assert body == {
            "error": f"session {session_id} has 2 turns, and this server plays 2 of one; "
            "close it and go on with another",
            "limit": "steps_per_session",
        }
        again = await call(client, "say", session_id=session_id, json_text="1", turn=2)
        assert again["turn"] == 2
        assert (await call(client, "get_session", session_id=session_id))["turn"] == 2
        await call(client, "close_session", session_id=session_id)
        await call(client, "say", session_id=await opened(client), json_text="1")


@pytest.mark.parametrize("mode", MODES)
async def test_a_bound_connection_without_room_for_its_task_says_so(practise: Practise, mode: str) -> None:
    practice = practise(world("Talk"), limits=Limits(open_sessions=1))
    other = (await practice.open(Caller(), OpenRequest("talk"))).session
    server = PracticumServer(practice, bind_fixed(Bound(Caller(alone=True), env="talk")))
    async with Client(server, mode=mode) as client:
        assert "No task has begun: you have 1 open sessions and may have 1" in (client.instructions or "")
        assert (await ask(client, "say", json_text="1"))["limit"] == "open_sessions"
        await practice.close(Caller(), other.id)
        assert (await call(client, "say", json_text="1"))["turn"] == 1


async def test_calls_that_race_for_a_sessions_last_turn_leave_it_at_its_limit(practise: Practise) -> None:
    practice = practise(world("Talk"), limits=Limits(steps_per_session=7))
    caller = Caller("ada")
    session = (await practice.open(caller, OpenRequest("talk"))).session
    refused = []

    async def play() -> None:
        try:
            await practice.act(caller, session.id, Call("say", {"json_text": "1"}))
        except LimitReached as error:
            refused.append(error.limit)

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(play)
    assert refused == ["steps_per_session"] * 43
    assert practice.session(caller, session.id).steps == 7


async def test_an_idle_session_leaves_memory_and_not_the_log(practise: Practise, clock: Clock) -> None:
    practice = practise(world("Talk"), limits=Limits(idle_s=600.0), clock=clock)
    caller = Caller("ada")
    idle = (await practice.open(caller, OpenRequest("talk"))).session
    clock.now += 599
    await practice.open(caller, OpenRequest("talk"))
    assert len(practice.live) == 2
    clock.now += 2
    await practice.open(caller, OpenRequest("talk"))
    assert len(practice.live) == 2
    assert practice.sessions.count_open("ada") == 3
    played = await practice.act(caller, idle.id, Call("say", {"json_text": "1"}))
    assert played.session.id == idle.id


# Who has which ----------------------------------------------------------------------------------------


async def test_local_has_no_limits_unless_the_server_says_so(practise: Practise) -> None:
    assert practise().limits == UNLIMITED
    practice = practise(limits=Limits(open_sessions=1))
    await practice.open(Caller(), OpenRequest("parcels"))
    with pytest.raises(LimitReached):
        await practice.open(Caller(), OpenRequest("parcels"))
    await practice.open(Caller("ada", limits=FOR_TOKENS), OpenRequest("parcels"))


@pytest.mark.integration
async def test_an_endpoint_of_one_session_counts_for_its_principal(practise: Practise, clock: Clock) -> None:
    practice = practise(limits=Limits(steps_per_minute=3), clock=clock)
    async with over_http(practice) as (url, _):
        async with http_client(f"{url}/mcp") as client:
            body = await call(client, "open_session", scoped=True)
            await call(client, "look", session_id=body["session_id"])
        async with http_client(body["url"], token=body["token"]) as client:
            await call(client, "look")
            assert (await ask(client, "look"))["limit"] == "steps_per_minute"


async def test_a_refusal_by_a_limit_is_an_action_error_of_one_line() -> None:
    usage = Usage()
    with pytest.raises(ActionError) as error:
        usage.opening("ada", Limits(open_sessions=1), lambda _: 4)
    assert "\n" not in str(error.value)
    assert "4" in str(error.value)
