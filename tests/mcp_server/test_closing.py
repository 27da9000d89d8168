"""A world gives back what it holds when its session leaves memory, however that comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from practicum.envs import ActionError
from practicum.mcp_server.calls import Call, Caller
from practicum.mcp_server.choosing import OpenRequest
from practicum.mcp_server.limits import Limits
from practicum.mcp_server.practice import Practice
from practicum.memory import Store
from tests.mcp_server.clients import world
from tests.mcp_server.people import Clock

Practise = Callable[..., Practice]
ME = Caller()
pytestmark = pytest.mark.anyio


def held(practice: Practice) -> list[Any]:
    """The worlds that have begun and have not been closed."""
    return practice.served["holder"].env_class.open  # type: ignore[attr-defined]


async def test_a_closed_session_gives_back_what_its_world_holds(practise: Practise) -> None:
    async with practise(world("Holder")) as practice:
        opened = await practice.open(ME, OpenRequest("holder"))
        assert len(held(practice)) == 1
        await practice.close(ME, opened.session.id)
        assert not held(practice)


async def test_an_idle_session_gives_back_and_takes_again(practise: Practise, clock: Clock) -> None:
    async with practise(world("Holder"), clock=clock, limits=Limits(idle_s=60.0)) as practice:
        first = (await practice.open(ME, OpenRequest("holder", seed=1))).session.id
        clock.now += 61
        await practice.open(ME, OpenRequest("holder", seed=2))
        assert [env.task.seed for env in held(practice)] == [2]
        await practice.act(ME, first, Call("look", {}))
        assert sorted(env.task.seed for env in held(practice)) == [1, 2]


async def test_a_world_that_failed_gives_back(practise: Practise) -> None:
    async with practise(world("Holder")) as practice:
        opened = await practice.open(ME, OpenRequest("holder"))
        with pytest.raises(ActionError, match="closed"):
            await practice.act(ME, opened.session.id, Call("crash", {}))
        assert not held(practice)


async def test_a_session_that_could_not_be_written_gives_back(practise: Practise, store: Store) -> None:
    async with practise(world("Holder")) as practice:
        store.connection.execute("PRAGMA query_only = ON")
        with pytest.raises(ActionError, match="nothing was written"):
            await practice.open(ME, OpenRequest("holder"))
        store.connection.execute("PRAGMA query_only = OFF")
        assert not held(practice)


async def test_a_server_that_stops_gives_everything_back(practise: Practise) -> None:
    async with practise(world("Holder")) as practice:
        for seed in range(3):
            await practice.open(ME, OpenRequest("holder", seed=seed))
        assert len(held(practice)) == 3
    assert not held(practice)


async def test_a_world_that_cannot_be_closed_keeps_nobody_from_going_on(
    practise: Practise, caplog: pytest.LogCaptureFixture
) -> None:
    async with practise(world("Holder"), settings={"stuck": True}) as practice:
        opened = await practice.open(ME, OpenRequest("holder"))
        assert (await practice.close(ME, opened.session.id)).reason == "closed"
    assert "could not be closed" in caplog.text
