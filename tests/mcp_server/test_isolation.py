"""Nobody reads, steps or lists another principal's session; its id looks exactly like an unknown one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp.client import Client
from mcp.shared.exceptions import MCPError

from practicum.mcp_server.calls import Call, Caller
from practicum.mcp_server.choosing import OpenRequest
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.served import serve_environments
from practicum.mcp_server.server import PracticumServer
from practicum.memory import Store, replay_all
from practicum.skills.library import Library
from tests.mcp_server.clients import PARCELS, ask, call, world
from tests.mcp_server.conftest import Somebody
from tests.mcp_server.skilled import LOOK, a_skill, publish

Serve = Callable[..., PracticumServer]
pytestmark = pytest.mark.anyio

UNKNOWN = "0123456789abcdef" * 2
CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("get_session", {}),
    ("get_session", {"turn": 0}),
    ("get_session", {"turn": 1}),
    ("get_session", {"turn": 9}),
    ("get_session", {"turn": 1, "path": "/result"}),
    ("get_session", {"path": "/instruction"}),
    ("close_session", {}),
    ("run_skill", {"name": "skill_look"}),
    ("run_skill", {"name": "skill_look", "turn": 1}),
    ("skill_look", {}),
    ("look", {}),
    ("look", {"turn": 1}),
    ("look", {"turn": 2}),
    ("look", {"turn": 99}),
    ("store", {"parcel": "P0", "locker": "L0"}),
    ("store", {"nonsense": 1}),
    ("say", {"json_text": "1"}),
)
NAMED_OTHERWISE: tuple[tuple[str, str], ...] = (
    ("open_session", "from_session"),
    ("list_sessions", "before"),
)


async def told(client: Client, session_id: str) -> list[Any]:
    """All that a client can learn about a session id, with the id itself taken out."""
    answers: list[Any] = []
    for tool, arguments in CALLS:
        answers.append(await ask(client, tool, session_id=session_id, **arguments))
    for tool, argument in NAMED_OTHERWISE:
        answers.append(await ask(client, tool, **{argument: session_id}))
    answers.append(await ask(client, "open_session", from_session=session_id, at_turn=1))
    for attempt in (
        lambda: client.read_resource(f"practicum://sessions/{session_id}"),
        lambda: client.list_resources(cursor=session_id),
        lambda: client.get_prompt("debrief", {"session": session_id}),
    ):
        with pytest.raises(MCPError) as error:
            await attempt()
        answers.append((error.value.error.code, error.value.error.message, str(error.value.error.data)))
    return [str(answer).replace(session_id, "ID") for answer in answers]


async def owned(client: Client) -> dict[str, str]:
    """Sessions in every state."""
    sessions = {}
    for state in ("fresh", "played", "closed"):
        sessions[state] = (await call(client, "open_session", env="parcels"))["session_id"]
        if state != "fresh":
            await call(client, "look", session_id=sessions[state])
    await call(client, "close_session", session_id=sessions["closed"])
    sessions["ended"] = (await call(client, "open_session", env="talk"))["session_id"]
    await call(client, "finish", session_id=sessions["ended"])
    sessions["hidden"] = (await call(client, "open_session", env="talk", purpose="evaluation"))["session_id"]
    return sessions


async def everything(client: Client, sessions: dict[str, str]) -> list[Any]:
    return [await call(client, "get_session", session_id=each) for each in sessions.values()]


@pytest.mark.parametrize("restarted", [False, True], ids=["in memory", "only in the log"])
async def test_a_foreign_id_looks_exactly_like_an_unknown_one(
    serve: Serve, somebody: Somebody, restarted: bool
) -> None:
    server = serve(PARCELS, world("Talk"), bind=somebody)
    async with Client(server) as client:
        somebody.principal = "ada"
        sessions = await owned(client)
        before = await everything(client, sessions)
    server = serve(PARCELS, world("Talk"), bind=somebody) if restarted else server
    looking = a_skill("skill_look", body=(LOOK,))
    publish(server.practice.store, looking)
    Library(server.practice.store).promote(looking)
    async with Client(server) as client:
        somebody.principal = "bob"
        await call(client, "open_session", env="parcels")
        unknown = await told(client, UNKNOWN)
        for state, session_id in sessions.items():
            assert await told(client, session_id) == unknown, state
        somebody.principal = "ada"
        assert await everything(client, sessions) == before


async def test_nobody_lists_what_is_not_his(serve: Serve, somebody: Somebody) -> None:
    async with Client(serve(PARCELS, world("Talk"), bind=somebody)) as client:
        mine = {}
        for principal in ("ada", "bob", "local"):
            somebody.principal = principal
            mine[principal] = set((await owned(client)).values())
        for principal, sessions in mine.items():
            somebody.principal = principal
            listed = (await call(client, "list_sessions", limit=100))["sessions"]
            assert {each["session_id"] for each in listed} == sessions
            uris = [str(each.uri) for each in (await client.list_resources()).resources]
            assert {uri.rpartition("/")[2] for uri in uris if "/sessions/" in uri} == sessions


async def test_tasks_that_another_has_played_are_still_to_be_played(serve: Serve, somebody: Somebody) -> None:
    async with Client(serve(bind=somebody)) as client:
        looks = {}
        for principal in ("ada", "bob"):
            somebody.principal = principal
            session_id = (await call(client, "open_session"))["session_id"]
            looks[principal] = (await call(client, "look", session_id=session_id))["result"]
        assert looks["ada"] == looks["bob"]


PEOPLE = ("ada", "bob", "eve")
steps = st.lists(
    st.tuples(
        st.sampled_from(PEOPLE),
        st.sampled_from(["open", "say", "fork", "close", "show", "read"]),
        st.integers(0, 30),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None)
@given(steps)
def test_whatever_happens_each_session_obeys_its_owner_alone(played: list[tuple[str, str, int]]) -> None:
    anyio.run(_obeys, played)


async def _obeys(played: list[tuple[str, str, int]]) -> None:
    owners: dict[str, str] = {}
    somebody = Somebody()
    with TemporaryDirectory() as folder:
        store = Store.open(Path(folder) / "practicum.db")
        practice = Practice(store, serve_environments([world("Talk")]))
        async with Client(PracticumServer(practice, somebody)) as client:
            for person, deed, number in played:
                somebody.principal = person
                known = list(owners)
                session_id = known[number % len(known)] if known else UNKNOWN
                await _done(client, deed, session_id, person, owners)
            for person in PEOPLE:
                somebody.principal = person
                listed = (await call(client, "list_sessions", limit=100))["sessions"]
                assert {each["session_id"] for each in listed} == {
                    session for session, owner in owners.items() if owner == person
                }
        store.close()


async def _done(client: Client, deed: str, session_id: str, person: str, owners: dict[str, str]) -> None:
    if deed == "open":
        owners[(await call(client, "open_session"))["session_id"]] = person
        return
    if deed == "read":
        try:
            await client.read_resource(f"practicum://sessions/{session_id}")
        except MCPError:
            assert owners.get(session_id) != person
        else:
            assert owners.get(session_id) == person
        return
    answer = await {
        "say": lambda: ask(client, "say", session_id=session_id, json_text="1"),
        "fork": lambda: ask(client, "open_session", from_session=session_id),
        "close": lambda: ask(client, "close_session", session_id=session_id),
        "show": lambda: ask(client, "get_session", session_id=session_id),
    }[deed]()
    strange = "no session" in str(answer.get("error", ""))
    assert strange is (owners.get(session_id) != person)
    if deed == "fork" and not strange:
        owners[answer["session_id"]] = person


async def test_what_has_no_form_in_utf8_spoils_nobodys_call(practise: Callable[..., Practice]) -> None:
    practice = practise(world("Talk"))
    callers = [Caller(name) for name in PEOPLE]
    sessions = [(await practice.open(caller, OpenRequest("talk"))).session for caller in callers]

    async def say(number: int) -> None:
        said = Call("say", {"json_text": "1"}, thought="\ud800 half" if number == 0 else None)
        await practice.act(callers[number], sessions[number].id, said)

    async with anyio.create_task_group() as tasks:
        for number in range(len(PEOPLE)):
            tasks.start_soon(say, number)
    steps = [practice.sessions.step(session.id, 1) for session in sessions]
    assert [step and step.thought for step in steps] == ["? half", None, None]
    assert all(report.agrees for report in replay_all(practice.store))
