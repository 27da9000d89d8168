"""Skills beside other calls, in worlds that wait, within limits, and without secrets and hidden rewards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client import Client

from practicum.envs import find
from practicum.mcp_server.calls import Caller, SkillCall
from practicum.mcp_server.limits import Limits
from practicum.mcp_server.server import PracticumServer
from practicum.memory import Store
from practicum.skills.library import Library
from tests.mcp_server.clients import MODES, PATIENCE_S, ask, call, refusal, world
from tests.mcp_server.skilled import NEVER, NO_ARGUMENTS, a_skill, call_of, logged, publish, saying, talking

Serve = Callable[..., PracticumServer]
pytestmark = pytest.mark.anyio

ONE = {"settings": {"parcels": 1}}


async def test_nothing_is_played_between_the_calls_of_a_run(serve: Serve, store: Store) -> None:
    body = [saying(number, f"a{number}") for number in range(5)]
    publish(store, talking("skill_count", *body))
    async with Client(serve(world("Talk"))) as client:
        session_id = (await call(client, "open_session"))["session_id"]
        async with anyio.create_task_group() as tasks:
            for number in range(4):
                tasks.start_soon(lambda: call(client, "skill_count"))
                tasks.start_soon(lambda n=number: call(client, "say", json_text=str(n)))
    whose = [via for _, via in logged(store, session_id)]
    assert sorted(whose, key=str) == [None] * 4 + ["skill_count"] * 20
    runs = "".join("s" if via else " " for via in whose).split()
    assert all(len(run) % 5 == 0 for run in runs)


async def test_a_run_that_nobody_waits_for_any_more_is_in_the_log_whole(serve: Serve, store: Store) -> None:
    publish(store, talking("skill_count", *(saying(number, f"a{number}") for number in range(30))))
    server = serve(world("Talk"))
    async with Client(server) as client:
        session_id = (await call(client, "open_session"))["session_id"]
        with anyio.CancelScope() as scope:
            skill = Library(store).entries("local")[0].skill

            def leave(_step: Any) -> None:
                scope.cancel()

            await server.practice.run_skill(Caller(), session_id, SkillCall(skill, {}, 1, leave))
        assert len(logged(store, session_id)) == 30
        assert (await call(client, "skill_count", session_id=session_id, turn=1))["finished"] is True


@pytest.fixture
def patient() -> Iterator[Any]:
    """The class of the waiting world; its gate is closed at first and opened at the end."""
    found: Any = find(world("Patient"))
    found.gate.clear()
    while found.entered.acquire(blocking=False):
        pass
    yield found
    found.gate.set()


@pytest.mark.parametrize("mode", MODES)
async def test_a_skill_in_a_world_that_waits_is_pending_and_the_same_call_collects_it(
    serve: Serve, store: Store, patient: Any, mode: str
) -> None:
    publish(store, talking("skill_wait", call_of("wait", "a"), saying(2, "b"), env="patient"))
    async with Client(serve(world("Patient"), pending_after_s=0.05), mode=mode) as client:
        session_id = (await call(client, "open_session"))["session_id"]
        pending = await call(client, "skill_wait", turn=1)
        assert pending == {"session_id": session_id, "turn": 1, "pending": True}
        said = await refusal(client, "say", json_text="1")
        assert said == "turn 1 (skill_wait) is still being played; the same call with turn=1 collects it"
        other = (await call(client, "open_session"))["session_id"]
        assert (await call(client, "say", session_id=other, json_text="3"))["result"] == 3
        patient.gate.set()
        with anyio.fail_after(PATIENCE_S):
            while "pending" in (ran := await call(client, "skill_wait", session_id=session_id, turn=1)):
                pass
        assert (ran["calls"], ran["result"], ran["turn"]) == (2, 2, 2)


async def test_who_asks_for_progress_hears_of_each_call(serve: Serve, store: Store) -> None:
    publish(store, talking("skill_count", *(saying(number, f"a{number}") for number in range(5))))
    heard: list[float] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        assert message == "say was played"
        heard.append(progress)

    async with Client(serve(world("Talk"))) as client:
        await call(client, "open_session")
        for name, arguments in (("skill_count", {}), ("run_skill", {"name": "skill_count"})):
            heard.clear()
            await client.call_tool(name, arguments, progress_callback=hear)
            assert heard
            assert heard == sorted(set(heard))
            assert heard[-1] <= 5


async def test_each_inner_call_counts_against_the_limits_of_its_principal_and_session(
    serve: Serve, store: Store
) -> None:
    publish(store, talking("skill_count", *(saying(number, f"a{number}") for number in range(5))))
    async with Client(serve(world("Talk"), limits=Limits(steps_per_minute=4))) as client:
        await call(client, "open_session")
        ran = await call(client, "skill_count")
        assert (ran["stop"]["reason"], ran["calls"]) == ("interrupted", 3)
        assert "this minute" in ran["stop"]["detail"]
        assert ran["stop"]["remaining"] == ["say"]
        assert (await ask(client, "skill_count"))["limit"] == "steps_per_minute"
    async with Client(serve(world("Talk"), limits=Limits(steps_per_session=2))) as client:
        session_id = (await call(client, "open_session"))["session_id"]
        assert (await call(client, "skill_count", session_id=session_id))["calls"] == 2
        assert (await ask(client, "skill_count", session_id=session_id))["limit"] == "steps_per_session"
    [entry] = Library(store).entries("local")
    assert (entry.uses, entry.successes) == (2, 0)


@pytest.mark.parametrize("hidden", ["evaluation", "--hide-rewards"])
async def test_rewards_and_outcome_are_hidden_where_they_are_of_other_calls(
    serve: Serve, store: Store, hidden: str
) -> None:
    publish(store, a_skill())
    publish(store, a_skill("skill_never", pre=(NEVER,)))
    purpose = "evaluation" if hidden == "evaluation" else "practice"
    async with Client(serve(hide_rewards=purpose == "practice", **ONE)) as client:
        session_id = (await call(client, "open_session", purpose=purpose))["session_id"]
        runs = (("skill_never", 1), ("skill_store_all", 2), ("skill_store_all", 2))
        bodies = [await call(client, name, session_id=session_id, turn=turn) for name, turn in runs]
    for body in bodies:
        assert not {"reward", "terms", "outcome"} & body.keys()
    assert bodies[1]["finished"] is bodies[1]["terminated"] is True


async def test_secrets_that_a_skill_was_given_are_not_told_again(
    serve: Serve, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "safe.py").write_text(SAFE)
    secret = {"type": "string", "description": "The code.", "writeOnly": True}
    coded = {**NO_ARGUMENTS, "properties": {"code": secret}, "required": ["code"]}
    enter = {"do": "call", "id": "a", "tool": "enter", "args": {"code": {"param": "code"}}}
    again = {"do": "call", "id": "b", "tool": "enter", "args": {"code": {"const": ""}}}
    publish(store, a_skill("skill_open", env="safe", params=coded, body=(enter, again)))
    publish(store, a_skill("skill_never", env="safe", params=coded, body=(enter,), pre=(NEVER,)))
    async with Client(serve(f"{tmp_path / 'safe.py'}:Safe")) as client:
        session_id = (await call(client, "open_session"))["session_id"]
        ran = await call(client, "skill_open", code="4711-0815")
        assert ran["stop"]["reason"] == "refused"
        assert "4711" not in str(ran)
        said = await refusal(client, "skill_open", session_id=session_id, code="9999", turn=1)
        assert "4711" not in said
        never = await call(client, "skill_never", code="0815-4711", session_id=session_id, turn=3)
        said = await refusal(client, "skill_never", code="1", session_id=session_id, turn=3)
        assert "4711" not in str([never, said])
        transcript = await client.read_resource(f"practicum://sessions/{session_id}")
        assert "4711" not in str(transcript)


SAFE = '''
from practicum.envs import ActionError, Outcome, Secret, ToolEnv, action


class Safe(ToolEnv[dict]):
    """Open the safe."""

    name = "safe"

    def begin(self) -> dict:
        return {}

    @action
    def enter(self, code: Secret) -> str:
        """Enter the code.

        Args:
            code: The code.
        """
        if not code:
            raise ActionError("no code")
        return "click"

    def is_done(self) -> bool:
        return False

    def outcome(self) -> Outcome:
        return Outcome(success=False)
'''


async def test_a_skill_of_another_world_is_refused_and_takes_no_turn(serve: Serve, store: Store) -> None:
    publish(store, a_skill())
    publish(store, talking("skill_say", saying(1, "a")))
    async with Client(serve(world("Talk"), world("Murmur"))) as client:
        await call(client, "open_session", env="murmur")
        said = await refusal(client, "run_skill", name="skill_say")
        assert said == "this session plays murmur-v1; skill_say belongs to talk-v1"
        assert "no skill 'skill_store_all'" in await refusal(client, "run_skill", name="skill_store_all")
        assert (await call(client, "murmur_say", json_text="1"))["turn"] == 1
