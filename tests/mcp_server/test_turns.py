"""At most once: a call that is delivered twice, late, early, in parallel or to a world that waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import anyio
import anyio.to_thread
import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError

from practicum.envs import find
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.progress import seconds_gone
from practicum.mcp_server.server import PracticumServer
from tests.mcp_server.clients import MODES, PATIENCE_S, ask, call, refusal, world

Serve = Callable[..., PracticumServer]
pytestmark = pytest.mark.anyio


async def opened(client: Client) -> str:
    return str((await call(client, "open_session"))["session_id"])


async def turns(client: Client, session_id: str) -> int:
    return int((await call(client, "get_session", session_id=session_id))["turn"])


@pytest.mark.parametrize("mode", MODES)
async def test_a_call_delivered_again_gives_its_stored_result_and_steps_once(serve: Serve, mode: str) -> None:
    async with Client(serve(), mode=mode) as client:
        session_id = await opened(client)
        first = await ask(client, "store", parcel="P0", locker="L0", turn=1)
        for _ in range(3):
            assert await ask(client, "store", parcel="P0", locker="L0", turn=1) == first
        assert await ask(client, "store", locker="L0", turn=1, parcel="P0") == first
        assert await turns(client, session_id) == 1


async def test_a_call_delivered_again_later_still_gives_its_stored_result(serve: Serve) -> None:
    async with Client(serve(world("Talk"))) as client:
        await opened(client)
        said = [await call(client, "say", json_text=str(number), turn=number) for number in range(1, 6)]
        for number, before in enumerate(said, 1):
            assert await call(client, "say", json_text=str(number), turn=number) == before


async def test_another_call_for_a_taken_turn_is_told_what_that_turn_was(serve: Serve) -> None:
    async with Client(serve(world("Talk"))) as client:
        session_id = await opened(client)
        await call(client, "say", json_text="1", turn=1)
        was = "turn 1 was say({'json_text': '1'}), another call; the next turn is 2"
        assert await refusal(client, "say", json_text="2", turn=1) == was
        assert await refusal(client, "recall", turn=1) == was
        assert await turns(client, session_id) == 1


async def test_a_future_turn_is_refused_and_takes_none(serve: Serve) -> None:
    async with Client(serve()) as client:
        session_id = await opened(client)
        assert await refusal(client, "look", turn=3) == "turn 3 is ahead of the session; its next turn is 1"
        assert await turns(client, session_id) == 0
        assert (await call(client, "look", turn=1))["turn"] == 1


@pytest.mark.parametrize("turn", [0, -1])
async def test_a_turn_before_the_first_is_refused(serve: Serve, turn: int) -> None:
    async with Client(serve()) as client:
        session_id = await opened(client)
        assert "turns begin at 1" in await refusal(client, "look", turn=turn)
        assert await turns(client, session_id) == 0


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("store", {"parcel": "P0", "locker": "nowhere"}),
        ("store", {"parcel": 7}),
        ("store", {"parcel": "P0", "locker": "L0", "colour": "red"}),
        ("look", {}),
    ],
    ids=["refused", "bad argument", "unknown argument", "read-only"],
)
async def test_a_call_that_changes_nothing_takes_a_turn_and_is_delivered_again(
    serve: Serve, tool: str, arguments: dict[str, Any]
) -> None:
    async with Client(serve()) as client:
        session_id = await opened(client)
        first = await ask(client, tool, **arguments, turn=1)
        assert first["turn"] == 1
        assert await ask(client, tool, **arguments, turn=1) == first
        assert await turns(client, session_id) == 1


async def test_bad_arguments_are_named_each(serve: Serve) -> None:
    async with Client(serve()) as client:
        await opened(client)
        said = await refusal(client, "store", parcel=7, colour="red")
        for part in (
            "'parcel' is 7, expected string",
            "'locker' is missing",
            "there is no argument 'colour'",
        ):
            assert part in said


async def test_an_unknown_tool_takes_no_turn(serve: Serve) -> None:
    async with Client(serve()) as client:
        session_id = await opened(client)
        with pytest.raises(MCPError):
            await client.call_tool("stroe", {"session_id": session_id, "turn": 1})
        assert await turns(client, session_id) == 0


async def test_parallel_calls_of_one_session_are_played_one_after_the_other(serve: Serve) -> None:
    answers: dict[int, dict[str, Any]] = {}
    async with Client(serve(world("Talk"))) as client:
        session_id = await opened(client)
        async with anyio.create_task_group() as tasks:

            async def say(number: int) -> None:
                answers[number] = await call(client, "say", json_text=str(number))

            for number in range(20):
                tasks.start_soon(say, number)
        assert sorted(answer["turn"] for answer in answers.values()) == list(range(1, 21))
        for number, answer in answers.items():
            logged = await call(client, "get_session", session_id=session_id, turn=answer["turn"])
            assert logged["arguments"] == {"json_text": str(number)}
            assert answer["result"] == logged["result"] == number


async def test_parallel_deliveries_of_one_call_step_once(serve: Serve) -> None:
    answers = []
    async with Client(serve(world("Talk"))) as client:
        session_id = await opened(client)
        async with anyio.create_task_group() as tasks:

            async def say() -> None:
                answers.append(await call(client, "say", json_text="1", turn=1))

            for _ in range(10):
                tasks.start_soon(say)
        assert all(answer == answers[0] for answer in answers)
        assert await turns(client, session_id) == 1


@pytest.mark.parametrize("mode", MODES)
async def test_a_cancelled_call_did_not_happen_or_is_in_the_log_whole(serve: Serve, mode: str) -> None:
    async with Client(serve(world("Talk")), mode=mode) as client:
        session_id = await opened(client)
        for number in range(1, 12):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ask, client, "say")
                for _ in range(number):
                    await anyio.lowlevel.checkpoint()
                tasks.cancel_scope.cancel()
        played = await turns(client, session_id)
        for turn in range(1, played + 1):
            assert (
                "json_text" in (await ask(client, "get_session", session_id=session_id, turn=turn))["error"]
            )
        said = await call(client, "say", json_text="1", turn=await turns(client, session_id) + 1)
        assert said["result"] == 1


async def test_the_last_call_is_delivered_again_after_the_end(serve: Serve) -> None:
    async with Client(serve(world("Talk"))) as client:
        session_id = await opened(client)
        await call(client, "say", json_text="1", turn=1, session_id=session_id)
        over = await call(client, "finish", turn=2, session_id=session_id)
        assert over["terminated"] is True
        assert over["outcome"]["success"] is True
        assert await call(client, "finish", turn=2, session_id=session_id) == over
        assert (await call(client, "say", json_text="1", turn=1, session_id=session_id))["result"] == 1
        for turn in ({}, {"turn": 3}):
            said = await refusal(client, "say", json_text="1", session_id=session_id, **turn)
            assert said.startswith(f"session {session_id} has ended")


async def test_the_last_call_is_delivered_again_after_the_end_and_a_restart(serve: Serve) -> None:
    async with Client(serve(world("Talk"))) as client:
        session_id = await opened(client)
        over = await call(client, "finish", turn=1, session_id=session_id)
    async with Client(serve(world("Talk"))) as client:
        assert await call(client, "finish", turn=1, session_id=session_id) == over
        assert "has ended" in await refusal(client, "finish", session_id=session_id)


async def test_a_step_limit_ends_a_session_like_the_world_does(serve: Serve) -> None:
    async with Client(serve(world("Talk"), settings={"step_limit": 2})) as client:
        session_id = await opened(client)
        await call(client, "recall", index=0, session_id=session_id)
        last = await call(client, "recall", index=0, session_id=session_id)
        assert (last["truncated"], last["terminated"]) == (True, False)
        assert await call(client, "recall", index=0, session_id=session_id, turn=2) == last
        assert "has ended" in await refusal(client, "recall", session_id=session_id)


async def test_two_servers_on_one_file_play_each_turn_once(serve: Serve) -> None:
    async with Client(serve(world("Talk"))) as one, Client(serve(world("Talk"))) as two:
        session_id = await opened(one)
        a = await call(one, "say", json_text="1", turn=1, session_id=session_id)
        assert await call(two, "say", json_text="1", turn=1, session_id=session_id) == a
        b = await call(two, "say", json_text="2", turn=2, session_id=session_id)
        assert await call(one, "say", json_text="2", turn=2, session_id=session_id) == b
        assert "another call" in await refusal(one, "say", json_text="3", turn=2, session_id=session_id)
        assert (await call(one, "say", json_text="3", session_id=session_id))["turn"] == 3
        assert (await call(two, "say", json_text="4", turn=4, session_id=session_id))["result"] == 4
        await call(two, "close_session", session_id=session_id)
        assert "has ended" in await refusal(one, "say", json_text="5", session_id=session_id)


# Worlds that wait ----------------------------------------------------------------------------------------


@pytest.fixture
def patient() -> Iterator[Any]:
    """The class of the waiting world; its gate is closed at first and opened at the end."""
    env = find(world("Patient"))
    env.gate.clear()
    while env.entered.acquire(blocking=False):
        pass
    yield env
    env.gate.set()


async def entered(patient: Any) -> None:
    """Wait until a call waits at the gate."""
    assert await anyio.to_thread.run_sync(lambda: patient.entered.acquire(timeout=PATIENCE_S))


@pytest.mark.parametrize("mode", MODES)
async def test_a_long_call_is_pending_and_the_same_call_collects_it(
    serve: Serve, patient: Any, mode: str
) -> None:
    async with Client(serve(world("Patient"), pending_after_s=0.05), mode=mode) as client:
        session_id = await opened(client)
        pending = await call(client, "wait", label="a", turn=1)
        assert pending == {"session_id": session_id, "turn": 1, "pending": True}
        assert await call(client, "wait", label="a", turn=1) == pending
        assert await call(client, "wait", label="a") == pending
        said = await refusal(client, "wait", label="b")
        assert said == "turn 1 (wait) is still being played; the same call with turn=1 collects it"
        patient.gate.set()
        collected = await call(client, "wait", label="a", turn=1)
        assert (collected["turn"], collected["result"]) == (1, "1 a")
        assert await call(client, "wait", label="a", turn=1) == collected
        assert await turns(client, session_id) == 1


async def test_a_client_that_asks_for_progress_hears_it_while_a_call_is_played(
    serve: Serve, patient: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(seconds_gone.__kwdefaults__, "every_s", 0.02)

    async def heard(progress: float, total: float | None, message: str | None) -> None:
        assert message == "still being played"
        patient.gate.set()

    async with Client(serve(world("Patient"))) as client:
        await opened(client)
        answer = await client.call_tool("wait", {"label": "a"}, progress_callback=heard)
        assert answer.structured_content["result"] == "1 a"


async def test_a_pending_call_that_nobody_collects_blocks_nothing(serve: Serve, patient: Any) -> None:
    async with Client(serve(world("Patient"), pending_after_s=0.05)) as client:
        session_id = await opened(client)
        assert (await call(client, "wait", label="a", turn=1))["pending"] is True
        patient.gate.set()
        following = await call(client, "say", json_text="2", turn=2)
        assert following["result"] == 2
        assert (await call(client, "wait", label="a", turn=1))["result"] == "1 a"
        assert await turns(client, session_id) == 2


async def test_parallel_calls_to_a_waiting_world_are_played_one_after_the_other(
    serve: Serve, patient: Any
) -> None:
    answers: list[dict[str, Any]] = []
    async with Client(serve(world("Patient"))) as client:
        session_id = await opened(client)
        async with anyio.create_task_group() as tasks:

            async def wait(label: str) -> None:
                answers.append(await call(client, "wait", label=label))

            for label in ("a", "a", "b", "c"):
                tasks.start_soon(wait, label)
            await entered(patient)
            patient.gate.set()
        assert sorted(answer["turn"] for answer in answers) == [1, 2, 3, 4]
        assert [answer["result"][0] for answer in sorted(answers, key=lambda a: a["turn"])] == list("1234")
        assert await turns(client, session_id) == 4


async def test_a_waiting_world_holds_up_no_other_session(serve: Serve, patient: Any) -> None:
    async with Client(serve(world("Patient"))) as client:
        one, two = await opened(client), await opened(client)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: call(client, "wait", session_id=one))
            await entered(patient)
            assert (await call(client, "say", json_text="1", session_id=two))["turn"] == 1
            assert (await call(client, "get_session", session_id=one))["turn"] == 0
            patient.gate.set()


async def test_a_cancelled_call_to_a_waiting_world_is_in_the_log_whole(serve: Serve, patient: Any) -> None:
    async with Client(serve(world("Patient"))) as client:
        session_id = await opened(client)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: call(client, "wait", label="a", turn=1))
            await entered(patient)
            tasks.cancel_scope.cancel()
        patient.gate.set()
        assert (await call(client, "wait", label="a", turn=1))["result"] == "1 a"
        assert await turns(client, session_id) == 1


async def test_a_waiting_world_that_refuses_or_fails_says_so_when_collected(
    serve: Serve, practise: Callable[..., Practice], patient: Any
) -> None:
    patient.gate.set()
    async with Client(serve(world("Patient"))) as client:
        session_id = await opened(client)
        assert "'json_text' is missing" in await refusal(client, "say", turn=1, session_id=session_id)
        assert "'json_text' is missing" in await refusal(client, "say", turn=1, session_id=session_id)
        assert "RuntimeError" in await refusal(client, "crash", turn=2, session_id=session_id)
        assert "has ended" in await refusal(client, "wait", turn=2, session_id=session_id)
