"""Running a skill: one call does it all, at most once; a stop is an answer from which one goes on by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anyio
import anyio.to_thread
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp.client import Client

from practicum.mcp_server.calls import Call, Caller, SkillCall
from practicum.mcp_server.choosing import OpenRequest
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.served import serve_environments
from practicum.mcp_server.server import PracticumServer
from practicum.memory import Sessions, Store, rebuild, replay_all
from practicum.skills.library import Library
from tests.mcp_server.clients import MODES, PARCELS, call, refusal, world
from tests.mcp_server.skilled import (
    CHOOSING,
    LOOK,
    NEVER,
    NO_ARGUMENTS,
    a_skill,
    call_of,
    logged,
    publish,
    saying,
    storing,
    talking,
)

Serve = Callable[..., PracticumServer]
pytestmark = pytest.mark.anyio

ONE = {"settings": {"parcels": 1}}


# One call ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("by_name", [False, True], ids=["its own tool", "run_skill"])
async def test_one_call_does_the_job_and_every_inner_call_is_logged(
    serve: Serve, store: Store, mode: str, by_name: bool
) -> None:
    publish(store, a_skill())
    async with Client(serve(**ONE), mode=mode) as client:
        session_id = (await call(client, "open_session"))["session_id"]
        ran = (
            await call(client, "run_skill", name="skill_store_all", turn=1)
            if by_name
            else await call(client, "skill_store_all", session_id=session_id, turn=1)
        )
    assert ran["terms"].keys() == {"step", "stored", "solved"}
    assert ran.pop("reward") == pytest.approx(sum(ran.pop("terms").values()))
    assert ran == {
        "skill": "skill_store_all",
        "session_id": session_id,
        "turn": 2,
        "result": "P0 is in L0; 0 left",
        "terminated": True,
        "truncated": False,
        "outcome": {"success": True, "violations": [], "regret": None},
        "first_turn": 1,
        "calls": 2,
        "finished": True,
    }
    assert logged(store, session_id) == [("look", "skill_store_all"), ("store", "skill_store_all")]
    [entry] = Library(store).entries("local")
    assert (entry.uses, entry.successes, entry.stops) == (1, 1, 0)
    assert all(report.agrees for report in replay_all(store))


async def test_arguments_that_are_left_out_are_the_tasks_own(serve: Serve, store: Store) -> None:
    loud = {**NO_ARGUMENTS, "properties": {"opening": {"type": "string", "description": "What to say."}}}
    saying_it = {"do": "call", "id": "a", "tool": "say", "args": {"json_text": {"param": "opening"}}}
    publish(store, a_skill("skill_say", env="talk", params=loud, body=(saying_it,)))
    async with Client(serve(world("Talk"), settings={"opening": "[1]"})) as client:
        await call(client, "open_session")
        assert (await call(client, "skill_say"))["result"] == [1]
        assert (await call(client, "skill_say", opening="[2]"))["result"] == [2]


async def test_a_long_result_is_cut_and_read_on(serve: Serve, store: Store) -> None:
    long = ["x" * 100] * 300
    refused = call_of("say", "c", nonsense=1)
    publish(store, talking("skill_say", saying(long, "a")))
    publish(store, talking("skill_stop", *(saying(long, f"a{n}") for n in range(3)), refused))
    async with Client(serve(world("Talk"))) as client:
        await call(client, "open_session")
        ran = await call(client, "skill_say")
        assert ran["result"] == long[: len(ran["result"])]
        rest = await call(client, "get_session", **{k: ran["more"][k] for k in ("turn", "path", "offset")})
        assert rest["value"] == long[len(ran["result"]) :][: len(rest["value"])]
        stopped = await call(client, "skill_stop")
        assert len(json.dumps(stopped)) < 20_000
        assert stopped["stop"]["reason"] == "refused"
        assert stopped["more"]["path"] == "/stop"
        rest = await call(
            client, "get_session", **{k: stopped["more"][k] for k in ("turn", "path", "offset")}
        )
        assert [each["tool"] for each in rest["value"]["done"]] == ["say"]


# A stop --------------------------------------------------------------------------------------------------


async def fits_only_elsewhere(client: Client) -> dict[str, Any]:
    """Open a session in which P1 does not fit into L1 once P0 is in the locker that is given."""
    for seed in range(100):
        opened = await call(client, "open_session", seed=seed, env="parcels")
        depot = (await call(client, "look", session_id=opened["session_id"]))["result"]
        if (
            depot["parcels"]["P1"] > depot["lockers"]["L1"]
            and depot["parcels"]["P0"] <= depot["lockers"]["L2"]
        ):
            return await call(client, "open_session", seed=seed, env="parcels")
    raise AssertionError("no such seed")


@pytest.mark.parametrize("mode", MODES)
async def test_a_stop_tells_what_is_done_and_left_and_the_agent_goes_on_by_hand(
    serve: Serve, store: Store, mode: str
) -> None:
    publish(store, CHOOSING)
    async with Client(serve(), mode=mode) as client:
        session_id = (await fits_only_elsewhere(client))["session_id"]
        ran = await call(client, "skill_store_in", session_id=session_id, locker="L2", turn=1)
        assert (ran["finished"], ran["turn"], ran["first_turn"], ran["calls"]) == (False, 3, 1, 3)
        assert "result" not in ran
        stop = ran["stop"]
        assert (stop["reason"], stop["where"]) == ("refused", "c")
        assert "does not fit" in stop["detail"]
        assert [(each["turn"], each["tool"]) for each in stop["done"]] == [
            (1, "look"), (2, "store"), (3, "store"),
        ]  # fmt: skip
        assert "does not fit" in stop["done"][2]["error"]
        assert [(each["turn"], each["tool"]) for each in ran["shown"]] == [(1, "look")]
        assert ran["shown"][0]["result"]["lockers"]
        assert "by hand" in stop["way_on"]
        out = await call(client, "take_out", session_id=session_id, parcel="P0", turn=ran["turn"] + 1)
        assert (out["turn"], out["result"]) == (4, "P0 is out of L2")
    [entry] = Library(store).entries("local")
    assert (entry.uses, entry.successes, entry.stops) == (1, 0, 1)


async def test_a_stop_before_the_first_call_takes_one_read_only_turn(serve: Serve, store: Store) -> None:
    publish(store, a_skill("skill_never", pre=(NEVER,)))
    async with Client(serve()) as client:
        session_id = (await call(client, "open_session"))["session_id"]
        ran = await call(client, "skill_never", turn=1)
        assert (ran["turn"], ran["first_turn"], ran["calls"], ran["reward"]) == (1, 1, 0, 0)
        assert (ran["stop"]["reason"], ran["stop"]["done"]) == ("precondition", [])
        assert await call(client, "skill_never", turn=1) == ran
        assert (await call(client, "look", turn=2))["turn"] == 2
        shown = await call(client, "get_session", turn=1)
        assert (shown["tool"], shown["via_skill"]) == ("skill_never", "skill_never")
    step = Sessions(store).step(session_id, 1)
    assert step is not None
    assert (step.read_only, step.noted) == (True, True)
    assert all(report.agrees for report in replay_all(store))
    async with Client(serve()) as client:  # as after a restart: from the log
        assert await call(client, "skill_never", session_id=session_id, turn=1) == ran
        assert (await call(client, "look", session_id=session_id, turn=3))["turn"] == 3


async def test_a_skill_sees_what_was_played_before_and_no_stop_of_another(serve: Serve, store: Store) -> None:
    from_last = {
        "do": "call",
        "id": "a",
        "tool": "say",
        "args": {"json_text": {"ref": "last", "path": "/next"}},
    }
    publish(store, talking("skill_never"))
    publish(store, talking("skill_go_on", from_last))
    async with Client(serve(world("Talk"))) as client:
        await call(client, "open_session")
        await call(client, "say", json_text='{"next": "[7]"}')
        assert (await call(client, "skill_never"))["calls"] == 0
        assert (await call(client, "skill_go_on"))["result"] == [7]


async def test_a_world_that_crashes_in_a_skill_ends_the_session_and_the_stop_says_so(
    serve: Serve, store: Store
) -> None:
    publish(store, talking("skill_crash", saying(1, "a"), call_of("crash", "b")))
    async with Client(serve(world("Talk"))) as client:
        session_id = (await call(client, "open_session"))["session_id"]
        ran = await call(client, "skill_crash", session_id=session_id, turn=1)
        assert (ran["stop"]["reason"], ran["calls"], ran["turn"]) == ("over", 1, 1)
        assert "RuntimeError" in ran["stop"]["detail"]
        assert "sesame" not in str(ran)
        assert "has ended" in await refusal(client, "say", session_id=session_id, json_text="1")


# At most once --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("restarted", [False, True], ids=["in memory", "only in the log"])
async def test_a_run_that_is_delivered_twice_is_played_once(
    serve: Serve, store: Store, restarted: bool
) -> None:
    publish(store, CHOOSING)
    server = serve()
    async with Client(server) as client:
        session_id = (await fits_only_elsewhere(client))["session_id"]
        ran = await call(client, "skill_store_in", session_id=session_id, locker="L2", turn=1)
    async with Client(serve() if restarted else server) as client:
        again = {"session_id": session_id, "turn": 1}
        assert await call(client, "skill_store_in", locker="L2", **again) == ran
        by_name = {"name": "skill_store_in", "arguments": {"locker": "L2"}}
        assert await call(client, "run_skill", **by_name, **again) == ran
        assert len(logged(store, session_id)) == 3
        said = await refusal(client, "skill_store_in", locker="L0", **again)
        assert said == "turn 1 was skill_store_in({'locker': 'L2'}), another call; the next turn is 4"
        said = await refusal(client, "skill_store_in", locker="L2", session_id=session_id, turn=2)
        assert said.startswith("turn 2 was store(")
        said = await refusal(client, "skill_store_in", locker="L2", session_id=session_id, turn=9)
        assert said == "turn 9 is ahead of the session; its next turn is 4"


async def test_a_run_is_told_again_after_its_skill_was_taken_away(serve: Serve, store: Store) -> None:
    skill = publish(store, a_skill())
    async with Client(serve()) as client:
        await call(client, "open_session")
        ran = await call(client, "skill_store_all", turn=1)
        assert Library(store).retire(skill, "no longer wanted")
        assert await call(client, "skill_store_all", turn=1) == ran
        said = await refusal(client, "skill_store_all")
        assert said == "skill_store_all is retired and does not run; go on with the environment's own tools"


async def test_another_process_that_plays_in_between_cuts_a_run_off(
    practise: Callable[..., Practice], store: Store
) -> None:
    skill = publish(store, talking("skill_say", saying(1, "a"), saying(2, "b"), saying(3, "c")))
    one, other = practise(world("Talk")), practise(world("Talk"))
    async with one, other:
        opened = await one.open(Caller(), OpenRequest("talk"))
        session_id = opened.session.id
        heard: list[int] = []

        def overtake(step: Any) -> None:
            heard.append(step.turn)
            if step.turn == 2:
                other.log.append(session_id, step_after(other, session_id))

        ran = await one.run_skill(Caller(), session_id, SkillCall(skill, {}, 1, overtake))
        assert (ran.finish.stop.reason, ran.finish.calls) == ("interrupted", 2)
        assert heard == [1, 2]
        again = await one.run_skill(Caller(), session_id, SkillCall(skill, {}, 1))
        assert (again.steps, again.finish) == (ran.steps, ran.finish)
        following = await one.act(Caller(), session_id, Call("say", {"json_text": "4"}, 4))
        assert following.step.result == 4


def step_after(practice: Practice, session_id: str) -> Any:
    """The next step of a session, played beside its log."""
    session = practice.session(Caller(), session_id)
    return rebuild(practice.sessions, session).play("say", {"json_text": "0"})


async def test_the_first_call_of_a_run_finds_its_turn_in_the_log_where_another_process_played(
    practise: Callable[..., Practice], store: Store
) -> None:
    skill = publish(store, talking("skill_say", saying(1, "a"), saying(2, "b")))
    one, other = practise(world("Talk")), practise(world("Talk"))
    async with one, other:
        opened = await one.open(Caller(), OpenRequest("talk"))
        await other.act(Caller(), opened.session.id, Call("say", {"json_text": "0"}))
        ran = await one.run_skill(Caller(), opened.session.id, SkillCall(skill, {}))
        assert [step.turn for step in ran.steps] == [2, 3]
        again = await other.run_skill(Caller(), opened.session.id, SkillCall(skill, {}, 2))
        assert [step.result for step in again.steps] == [1, 2]


# Whatever the program ------------------------------------------------------------------------------------


CALLS = st.sampled_from(
    [LOOK, *(storing(parcel, {"const": locker}) for parcel in ("P0", "P1", "P9") for locker in ("L0", "L1"))]
)


@settings(max_examples=25, deadline=None)
@given(st.lists(CALLS, max_size=6), st.booleans())
def test_whatever_a_skill_plays_its_run_counts_its_turns_and_the_session_replays(
    tmp_path_factory: pytest.TempPathFactory, body: list[dict[str, Any]], told_again: bool
) -> None:
    named = tuple({**stmt, "id": f"s{number}"} for number, stmt in enumerate(body))

    async def play() -> None:
        store = Store.open(tmp_path_factory.mktemp("db") / "practicum.db")
        skill = publish(store, a_skill(body=named))
        async with Practice(store, serve_environments([PARCELS])) as practice:
            session_id = (await practice.open(Caller(), OpenRequest("parcels", seed=1))).session.id
            ran = await practice.run_skill(Caller(), session_id, SkillCall(skill, {}, 1))
            if told_again:
                again = await practice.run_skill(Caller(), session_id, SkillCall(skill, {}, 1))
                assert (again.steps, again.finish) == (ran.steps, ran.finish)
            session = practice.session(Caller(), session_id)
            assert session.steps == max(1, ran.finish.calls) == len(ran.steps)
            assert all(step.via_skill == skill.name for step in ran.steps)
        assert all(report.agrees for report in replay_all(store))
        store.close()

    anyio.run(play)
