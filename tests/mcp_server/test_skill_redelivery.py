"""Skills delivered again where the session is over, gone, or was cut off before: told, never played twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from mcp.client import Client

from practicum.mcp_server.calls import Call, Caller, SkillCall
from practicum.mcp_server.choosing import OpenRequest
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.server import PracticumServer
from practicum.memory import Store, forget
from practicum.skills.language import Skill
from practicum.skills.library import Library
from tests.mcp_server.clients import call, refusal, world
from tests.mcp_server.skilled import LOOK, a_skill, call_of, logged, publish, saying, talking

Serve = Callable[..., PracticumServer]
Practise = Callable[..., Practice]
pytestmark = pytest.mark.anyio


async def test_a_run_is_told_again_after_its_session_was_closed(serve: Serve, store: Store) -> None:
    publish(store, a_skill("skill_look", body=(LOOK,)))
    async with Client(serve()) as client:
        session_id = (await call(client, "open_session"))["session_id"]
        ran = await call(client, "skill_look", turn=1)
        await call(client, "close_session")
        again = {"session_id": session_id, "turn": 1}
        assert await call(client, "skill_look", **again) == ran
        assert await call(client, "run_skill", name="skill_look", **again) == ran
        assert "has ended" in await refusal(client, "skill_look", session_id=session_id)
        assert "has ended" in await refusal(client, "skill_look", session_id=session_id, turn=2)
    assert len(logged(store, session_id)) == 1


async def test_a_run_in_which_the_world_crashed_is_told_again(serve: Serve, store: Store) -> None:
    publish(store, talking("skill_crash", saying(1, "a"), call_of("crash", "b")))
    async with Client(serve(world("Talk"))) as client:
        session_id = (await call(client, "open_session"))["session_id"]
        ran = await call(client, "skill_crash", session_id=session_id, turn=1)
        assert ran["stop"]["reason"] == "over"
        assert await call(client, "skill_crash", session_id=session_id, turn=1) == ran


def three_words(store: Store) -> Skill:
    """A skill that says three words, published."""
    return publish(store, talking("skill_say", *(saying(n, f"s{n}") for n in (1, 2, 3))))


@pytest.mark.parametrize("gone", ["closed", "forgotten"])
async def test_a_session_that_another_process_takes_away_ends_a_run_in_it(
    practise: Practise, store: Store, gone: str
) -> None:
    skill = three_words(store)
    async with practise(world("Talk")) as practice:
        session_id = (await practice.open(Caller(), OpenRequest("talk"))).session.id

        def take_away(step: Any) -> None:
            if step.turn == 2:
                practice.log.close(session_id, "closed")
            if step.turn == 2 and gone == "forgotten":
                forget(store, [session_id])

        ran = await practice.run_skill(Caller(), session_id, SkillCall(skill, {}, 1, take_away))
    stop = ran.finish.stop
    assert stop is not None
    assert (stop.reason, ran.finish.calls) == ("over", 2)
    assert ("forgotten" if gone == "forgotten" else "has ended") in stop.detail
    [entry] = Library(store).entries("local")
    assert entry.uses == (1 if gone == "closed" else 0)


async def test_a_run_that_was_cut_off_is_told_without_the_run_that_followed_it(
    practise: Practise, store: Store
) -> None:
    skill = three_words(store)
    one, other = practise(world("Talk")), practise(world("Talk"))
    async with one, other:
        session_id = (await one.open(Caller(), OpenRequest("talk"))).session.id
        for word in (1, 2):  # as of a server that ended before the third
            said = Call("say", {"json_text": json.dumps(word)}, via_skill=skill.name)
            await one.act(Caller(), session_id, said)
        whole = await other.run_skill(Caller(), session_id, SkillCall(skill, {}))
        assert [step.turn for step in whole.steps] == [3, 4, 5]
        again = await other.run_skill(Caller(), session_id, SkillCall(skill, {}, 1))
        assert [step.turn for step in again.steps] == [1, 2]
        assert again.finish.stop is not None
        assert (again.finish.stop.reason, again.finish.calls) == ("interrupted", 2)


async def test_a_skill_that_was_taken_away_says_so_whatever_turn_it_is_called_for(
    serve: Serve, store: Store
) -> None:
    skill = publish(store, a_skill("skill_look", body=(LOOK,)))
    async with Client(serve()) as client:
        await call(client, "open_session")
        ran = await call(client, "skill_look", turn=1)
        assert Library(store).quarantine(skill, "it failed")
        for turn in ({}, {"turn": 2}, {"turn": 9}):
            said = await refusal(client, "skill_look", **turn)
            assert said.startswith("skill_look is quarantined and does not run; go on with")
        assert await call(client, "skill_look", turn=1) == ran


async def test_a_session_that_is_forgotten_says_so_to_a_turn_that_it_had(serve: Serve, store: Store) -> None:
    publish(store, a_skill())
    async with Client(serve(settings={"parcels": 1})) as client:
        session_id = (await call(client, "open_session"))["session_id"]
        await call(client, "skill_store_all", turn=1)
        forget(store, [session_id])
        again = {"session_id": session_id, "turn": 1}
        assert "has been forgotten" in await refusal(client, "skill_store_all", **again)
        assert "has been forgotten" in await refusal(client, "look", **again)
