"""Progress over the wire, in both eras: heard by who asks, growing, and over with the answer."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client import Client

from practicum.envs import find
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.progress import seconds_gone
from tests.mcp_server.clients import GATED, MODERN, MODES, Lines, call, http_client, over_http, serving, world

Practise = Callable[..., Practice]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A world that waits for its gate, and a server that tells of it fifty times a second."""
    monkeypatch.setitem(seconds_gone.__kwdefaults__, "every_s", 0.02)
    found: Any = find(world("Patient"))
    found.gate.clear()
    yield found
    found.gate.set()


def notices(lines: Lines) -> list[dict[str, Any]]:
    return [each["params"] for each in lines.notices if each["method"] == "notifications/progress"]


@pytest.mark.integration
@pytest.mark.parametrize("mode", MODES)
def test_over_stdio_progress_is_heard_by_who_asks_and_ends_with_the_answer(
    db: Path, tmp_path: Path, mode: str
) -> None:
    (tmp_path / "gated.py").write_text(GATED)
    gate = tmp_path / "gate"
    env = f"{tmp_path / 'gated.py'}:Gated"
    with serving(db, "--env", env, "--set", f"gate={gate}") as lines:
        if mode == "legacy":
            lines.initialize()
        meta = MODERN["_meta"] if mode == "auto" else {}
        lines.request(2, "tools/call", {"name": "open_session", "arguments": {}, "_meta": meta})
        asking = {"name": "wait", "arguments": {}, "_meta": {**meta, "progressToken": "mine"}}
        lines.send("tools/call", asking, id=3)
        first = lines.receive_notice("notifications/progress")
        gate.touch()
        assert lines.receive(3)["result"]["structuredContent"]["result"] == "through"
        heard = [first, *notices(lines)]
        assert {notice["progressToken"] for notice in heard} == {"mine"}
        assert {notice["message"] for notice in heard} == {"still being played"}
        assert heard == sorted(heard, key=lambda notice: notice["progress"])
        lines.notices.clear()
        again = {"name": "wait", "arguments": {}, "_meta": meta}
        lines.request(4, "tools/call", again)
        assert notices(lines) == []


@pytest.mark.anyio
@pytest.mark.parametrize("mode", MODES)
async def test_over_http_progress_grows_and_ends_with_the_answer(
    practise: Practise, patient: Any, mode: str
) -> None:
    heard: list[float] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)
        if len(heard) == 3:
            patient.gate.set()

    async with (
        over_http(practise(world("Patient"))) as (url, _),
        http_client(f"{url}/mcp", mode=mode) as client,
    ):
        session_id = (await call(client, "open_session"))["session_id"]
        asked = {"session_id": session_id, "label": "a"}
        answer = await client.call_tool("wait", asked, progress_callback=hear)
        assert answer.structured_content["result"] == "1 a"
        at_the_answer = list(heard)
        assert (await call(client, "say", session_id=session_id, json_text="1"))["result"] == 1
    assert len(at_the_answer) >= 3
    assert heard == at_the_answer
    assert all(before < after for before, after in itertools.pairwise(heard))


@pytest.mark.anyio
@pytest.mark.parametrize("mode", MODES)
async def test_plain_json_answers_carry_no_progress_and_the_call_is_played(
    practise: Practise, patient: Any, mode: str
) -> None:
    patient.gate.set()
    heard: list[float] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)

    async with (
        over_http(practise(world("Patient")), json_response=True) as (url, _),
        http_client(f"{url}/mcp", mode=mode) as client,
    ):
        session_id = (await call(client, "open_session"))["session_id"]
        asked = {"session_id": session_id, "label": "a"}
        answer = await client.call_tool("wait", asked, progress_callback=hear)
    assert answer.structured_content["result"] == "1 a"


@pytest.mark.anyio
async def test_a_call_that_is_pending_tells_nothing_after_it_has_said_so(serve: Any, patient: Any) -> None:
    heard: list[float] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)

    async with Client(serve(world("Patient"), pending_after_s=0.1)) as client:
        await call(client, "open_session")
        answer = await client.call_tool("wait", {"turn": 1}, progress_callback=hear)
        assert answer.structured_content["pending"] is True
        told = len(heard)
        assert told >= 1
        collecting = await client.call_tool("wait", {"turn": 1})
        assert collecting.structured_content["pending"] is True
        patient.gate.set()
        assert (await call(client, "wait", turn=1))["turn"] == 1
        assert len(heard) == told


@pytest.mark.anyio
async def test_a_client_that_leaves_while_it_hears_of_progress_loses_no_step(
    practise: Practise, patient: Any
) -> None:
    practice = practise(world("Patient"))
    told = anyio.Event()

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.set()

    async with over_http(practice) as (url, _):
        async with http_client(f"{url}/mcp") as client:
            session_id = (await call(client, "open_session"))["session_id"]
            async with anyio.create_task_group() as tasks:

                async def wait() -> None:
                    asked = {"session_id": session_id, "label": "a", "turn": 1}
                    await client.call_tool("wait", asked, progress_callback=hear)

                tasks.start_soon(wait)
                await told.wait()
                tasks.cancel_scope.cancel()
        patient.gate.set()
        async with http_client(f"{url}/mcp") as client:
            again = await call(client, "wait", session_id=session_id, label="a", turn=1)
    assert (again["turn"], again["result"]) == (1, "1 a")
