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
from practicum.mcp_server.bindings import Binding, Bound
from practicum.mcp_server.calls import Call, Caller
from practicum.mcp_server.choosing import OpenRequest
from practicum.mcp_server.limits import FOR_TOKENS, UNLIMITED, WINDOW_S, LimitReached, Limits, Usage, size_of
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.server import PracticumServer, bind_fixed, caller_of
from tests.mcp_server.clients import MODES, PARCELS, ask, call, http_client, over_http, world

Practise = Callable[..., Practice]
Serve = Callable[..., PracticumServer]
pytestmark = pytest.mark.anyio


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


class People:
    """A binding for whomever the test names, each with limits of its own."""

    def __init__(self, **limits: Limits) -> None:
        self.name = next(iter(limits))
        self._limits = limits

    def __call__(self, ctx: Any) -> Binding:
        return Binding(caller_of(ctx, Caller(self.name, limits=self._limits[self.name])))


async def opened(client: Client, **arguments: Any) -> str:
    return str((await call(client, "open_session", **arguments))["session_id"])


# Open sessions ----------------------------------------------------------------------------------------


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


async def test_fifty_that_race_for_fifty_places_all_get_one(practise: Practise) -> None:
    caller = Caller("ada", limits=Limits(open_sessions=50))
    practice = practise(world("Patient"))
    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(practice.open, caller, OpenRequest("patient"))
    assert practice.sessions.count_open("ada") == 50


# Calls and bytes --------------------------------------------------------------------------------------


async def test_calls_are_counted_by_the_minute_and_by_principal(serve: Serve, clock: Clock) -> None:
    people = People(ada=Limits(steps_per_minute=3), bob=Limits(steps_per_minute=3))
    server = serve(PARCELS, bind=people, clock=clock)
    async with Client(server) as client:
        session_id = await opened(client)
        for turn in (1, 2, 3):
            clock.now += 10
            assert (await call(client, "look", session_id=session_id))["turn"] == turn
        clock.now += 17.5
        assert await ask(client, "look", session_id=session_id) == {
            "error": "3 calls this minute, and you may have 3; try again in 23 s",
            "limit": "steps_per_minute",
            "retry_after_s": 23,
        }
        assert (await call(client, "get_session", session_id=session_id))["turn"] == 3
        people.name = "bob"
        await call(client, "look", session_id=await opened(client))
        people.name = "ada"
        clock.now += 22.5
        assert (await call(client, "look", session_id=session_id))["turn"] == 4
    stored = list(server.practice.sessions.steps(session_id))
    assert [step.turn for step in stored] == [1, 2, 3, 4]
    assert server.practice.usage.refusals == {"steps_per_minute": 1}


async def test_of_fifty_calls_at_once_no_more_than_allowed_are_played(practise: Practise) -> None:
    caller = Caller("ada", limits=Limits(steps_per_minute=20))
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
    st.lists(st.tuples(st.floats(0, 40), st.integers(0, 300)), max_size=60),
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
            usage.playing("ada", limits, {"": "x" * size})
            played.append(size)
        else:
            refused += 1
            with pytest.raises(LimitReached) as error:
                usage.playing("ada", limits, {"": "x" * size})
            assert error.value.retry_after_s is None or 0 < error.value.retry_after_s <= WINDOW_S
    assert sum(usage.refusals.values()) == refused


@pytest.mark.parametrize(
    ("value", "size"),
    [("abc", 3), ({"a": "bc", "d": [1, None, True]}, 28), ([], 0), ({"k": {"k": "v"}}, 3)],
)
def test_the_size_of_arguments_is_about_that_of_their_texts(value: Any, size: int) -> None:
    assert size_of(value) == size


def test_arguments_that_are_nested_deeply_have_a_size() -> None:
    value: Any = "x"
    for _ in range(100_000):
        value = [value]
    assert size_of(value) == 1


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
    practice = practise(limits=Limits(steps_per_minute=2), clock=clock)
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
