"""`min_try` sends final answers back, and the count is kept over restarts, forks and replays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from mcp.client import Client

from practicum.mcp_server.server import PracticumServer
from practicum.memory import Store, replay_all
from tests.mcp_server.clients import MODES, ask, call

Serve = Callable[..., PracticumServer]
pytestmark = pytest.mark.anyio

SENT_BACK = "Not accepted yet"


async def answers(client: Client, session_id: str, turns: range, tool: str = "abort") -> list[bool]:
    """Whether each final answer was accepted."""
    given: list[dict[str, Any]] = []
    for turn in turns:
        given.append(await ask(client, tool, session_id=session_id, turn=turn))
        again = await ask(client, tool, session_id=session_id, turn=turn)
        assert again == given[-1]
    assert all((SENT_BACK in str(each["result"])) is not each["terminated"] for each in given)
    assert all(each["terms"] == {"step": -0.01} for each in given if not each["terminated"])
    return [each["terminated"] for each in given]


@pytest.mark.parametrize("mode", MODES)
async def test_the_count_survives_a_restart(serve: Serve, store: Store, mode: str) -> None:
    async with Client(serve("flight"), mode=mode) as client:
        session_id = (await call(client, "open_session", seed=3, min_try=4))["session_id"]
        assert await answers(client, session_id, range(1, 3)) == [False, False]
    async with Client(serve("flight"), mode=mode) as client:
        assert await answers(client, session_id, range(3, 5)) == [False, True]
    assert all(report.agrees for report in replay_all(store))


async def test_a_fork_goes_on_with_the_tries_that_were_left(serve: Serve, store: Store) -> None:
    async with Client(serve("flight")) as client:
        old = (await call(client, "open_session", seed=3, min_try=3))["session_id"]
        await call(client, "search_flights", session_id=old)
        assert await answers(client, old, range(2, 5)) == [False, False, True]
        for at_turn, left in ((1, 2), (2, 1), (3, 0)):
            new = (await call(client, "open_session", from_session=old, at_turn=at_turn))["session_id"]
            first = at_turn + 1
            assert await answers(client, new, range(first, first + left + 1)) == [False] * left + [True]
    assert all(report.agrees for report in replay_all(store))


async def test_a_final_answer_that_is_refused_uses_up_no_try(serve: Serve) -> None:
    async with Client(serve("flight")) as client:
        session_id = (await call(client, "open_session", seed=3, min_try=2))["session_id"]
        assert "error" in await ask(client, "abort", session_id=session_id, why="tired")
        assert await answers(client, session_id, range(2, 4)) == [False, True]


async def test_the_step_limit_holds_for_answers_that_are_sent_back(serve: Serve) -> None:
    async with Client(serve("flight+step_limit=2")) as client:
        session_id = (await call(client, "open_session", seed=3, min_try=9))["session_id"]
        assert await answers(client, session_id, range(1, 2)) == [False]
        last = await ask(client, "abort", session_id=session_id)
    assert (last["terminated"], last["truncated"]) == (False, True)
