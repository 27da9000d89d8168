"""A session is its log: it goes on after a restart, forks at every turn, and stays an evaluation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from mcp.client import Client

from practicum.mcp_server.practice import Practice
from practicum.mcp_server.server import PracticumServer
from practicum.memory import replay_all
from tests.mcp_server.clients import MODES, ask, call, http_client, over_http, refusal, world

Serve = Callable[..., PracticumServer]
pytestmark = pytest.mark.anyio

Calls = tuple[tuple[str, dict[str, Any]], ...]
FLIGHT: Calls = (
    ("search_flights", {}),
    ("filter_results", {"max_stops": 1}),
    ("add_to_cart", {"flight_id": "XX0"}),
    ("search_flights", {"page": "two"}),
    ("restart", {}),
    ("search_flights", {}),
    ("abort", {}),
)
REWARDS = ("reward", "terms", "outcome", "return", "last_reward")


async def played(client: Client, session_id: str, calls: Calls, first: int = 1) -> list[dict[str, Any]]:
    """What each call gives, without the session's own id."""
    answers = []
    for turn, (tool, arguments) in enumerate(calls, first):
        answer = await ask(client, tool, session_id=session_id, turn=turn, **arguments)
        assert answer.pop("session_id", session_id) == session_id
        answers.append(answer)
    return answers


async def uninterrupted(serve: Serve, seed: int) -> list[dict[str, Any]]:
    async with Client(serve("flight")) as client:
        session_id = (await call(client, "open_session", seed=seed))["session_id"]
        return await played(client, session_id, FLIGHT)


@pytest.mark.parametrize("mode", MODES)
async def test_a_server_restarted_between_all_calls_gives_the_same_session(serve: Serve, mode: str) -> None:
    whole = await uninterrupted(serve, 7)
    answers: list[dict[str, Any]] = []
    async with Client(serve("flight"), mode=mode) as client:
        session_id = (await call(client, "open_session", seed=7))["session_id"]
    for turn, step in enumerate(FLIGHT, 1):
        async with Client(serve("flight"), mode=mode) as client:
            answers += await played(client, session_id, (step,), turn)
            again = await played(client, session_id, (step,), turn)
            assert again == answers[-1:]
    assert answers == whole
    assert whole[-1]["terminated"] is True


async def test_a_fork_at_every_turn_ends_like_its_parent(serve: Serve) -> None:
    whole = await uninterrupted(serve, 7)
    async with Client(serve("flight")) as client:
        parent = (await call(client, "list_sessions"))["sessions"][0]["session_id"]
        for turn in range(len(FLIGHT)):
            fork = (await call(client, "open_session", from_session=parent, at_turn=turn))["session_id"]
            assert await played(client, fork, FLIGHT[turn:], turn + 1) == whole[turn:]
        assert (await call(client, "get_session", session_id=parent))["turn"] == len(FLIGHT)


async def test_a_fork_of_the_whole_ended_session_has_ended_too(serve: Serve) -> None:
    async with Client(serve(world("Talk"))) as client:
        parent = (await call(client, "open_session"))["session_id"]
        over = await call(client, "finish", session_id=parent)
        fork = (await call(client, "open_session", from_session=parent))["session_id"]
        assert "has ended" in await refusal(client, "say", json_text="1", session_id=fork)
        again = await call(client, "finish", session_id=fork, turn=1)
        assert {**again, "session_id": parent} == over


async def test_every_session_replays_after_all_this(serve: Serve) -> None:
    await uninterrupted(serve, 3)
    server = serve("flight")
    async with Client(server) as client:
        parent = (await call(client, "list_sessions"))["sessions"][0]["session_id"]
        await call(client, "open_session", from_session=parent, at_turn=2)
    assert all(report.agrees for report in replay_all(server.practice.store))


async def test_a_world_that_has_changed_since_is_reported_and_not_papered_over(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(world("Talk"))
    env = server.practice.served["talk"].env_class
    async with Client(server) as client:
        session_id = (await call(client, "open_session"))["session_id"]
        for turn in (1, 2):
            await call(client, "recall", index=0, turn=turn)
    monkeypatch.setattr(env, "step", _changed(env.step))
    async with Client(serve(world("Talk"))) as client:
        said = await refusal(client, "recall", index=0, session_id=session_id)
        assert f"session {session_id} cannot go on: turn 2: result was" in said
        assert f"open_session with from_session='{session_id}', at_turn=1 goes on before that" in said
        fork = await call(client, "open_session", from_session=session_id, at_turn=1)
        assert fork["turn"] == 1
        assert "cannot be forked" in await refusal(client, "open_session", from_session=session_id)
        assert (await call(client, "get_session", session_id=session_id))["turn"] == 2


def _changed(step: Callable[..., Any]) -> Callable[..., Any]:
    def changed(self: Any, action: Any) -> Any:
        observation, reward, terminated, truncated, info = step(self, action)
        return (
            observation,
            reward,
            terminated,
            truncated,
            {**info, "result": "changed" if self._steps == 2 else info["result"]},
        )

    return changed


async def test_a_session_whose_world_is_no_longer_served_says_so(serve: Serve) -> None:
    async with Client(serve(world("Talk"))) as client:
        session_id = (await call(client, "open_session"))["session_id"]
    async with Client(serve(world("Murmur"))) as client:
        assert (await call(client, "get_session", session_id=session_id))["env"] == "talk-v1"
        assert "plays talk" in await refusal(client, "say", json_text="1", session_id=session_id)
        assert "no environment 'talk'" in await refusal(client, "open_session", from_session=session_id)


# Evaluations ---------------------------------------------------------------------------------------------


def told_rewards(body: dict[str, Any]) -> set[str]:
    return {name for name in REWARDS if name in body}


@pytest.mark.parametrize("mode", MODES)
async def test_an_evaluation_hides_rewards_and_outcome_everywhere(serve: Serve, mode: str) -> None:
    async with Client(serve(world("Talk")), mode=mode) as client:
        opened = await call(client, "open_session", purpose="evaluation")
        session_id = opened["session_id"]
        bodies = [opened, await call(client, "say", json_text="1"), await ask(client, "say")]
        bodies.append(await call(client, "finish"))
    async with Client(serve(world("Talk")), mode=mode) as client:
        bodies.append(await call(client, "finish", session_id=session_id, turn=3))
        bodies.append(await call(client, "close_session", session_id=session_id))
        standing = await call(client, "get_session", session_id=session_id)
        bodies += [standing, standing["last"]]
        for turn in (0, 1, 2, 3):
            bodies.append(await ask(client, "get_session", session_id=session_id, turn=turn))
        for path in REWARDS:
            said = await refusal(client, "get_session", session_id=session_id, turn=3, path=f"/{path}")
            assert said.startswith(f"nothing at '/{path}'")
        bodies += (await call(client, "list_sessions"))["sessions"]
        fork = await call(client, "open_session", from_session=session_id, at_turn=1)
        bodies += [fork, await call(client, "finish", session_id=fork["session_id"])]
        texts = [str(await client.read_resource(f"practicum://sessions/{session_id}"))]
        texts.append(str(await client.get_prompt("debrief", {"session": session_id})))
    assert [told_rewards(body) for body in bodies] == [set()] * len(bodies)
    for text in texts:
        assert "Turn 3: finish" in text
        for word in ("Reward", "Return", "Outcome", "success"):
            assert word not in text


@pytest.mark.integration
async def test_an_evaluation_hides_rewards_at_its_scoped_endpoint(practise: Callable[..., Practice]) -> None:
    async with over_http(practise(world("Talk"))) as (url, _):
        async with http_client(f"{url}/mcp") as client:
            opened = await call(client, "open_session", purpose="evaluation", scoped=True)
        async with http_client(opened["url"], token=opened["token"]) as client:
            bodies = [await call(client, "finish"), await call(client, "get_session", turn=1)]
    assert [told_rewards(body) for body in bodies] == [set()] * 2


async def test_the_log_of_an_evaluation_has_the_rewards(
    serve: Serve, practise: Callable[..., Practice]
) -> None:
    async with Client(serve(world("Talk"))) as client:
        session_id = (await call(client, "open_session", purpose="evaluation"))["session_id"]
        await call(client, "finish")
    session = practise().sessions.get(session_id, "local")
    assert session is not None
    assert session.purpose == "evaluation"
    assert session.total_reward == pytest.approx(0.99)
    assert session.success is True
