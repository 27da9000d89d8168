"""Results: compact, the same twice, and cut where they are long, so that nothing of them is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcp.client import Client

from practicum.mcp_server.results import CAP, capped, compact, read_on
from practicum.mcp_server.server import PracticumServer
from tests.mcp_server.clients import ask, call, refusal, world

Serve = Callable[..., PracticumServer]

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
keys = st.sampled_from(["", "a", "b/c", "~", "~1", "0", "é", "x" * 30]) | words
long_text = st.builds(lambda part, times: part * times, st.text(min_size=1, max_size=8), st.integers(0, 6000))
long_text = long_text.map(lambda text: text.encode("utf-8", "ignore").decode())
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | words
long_list = st.builds(
    lambda part, times: part * times, st.lists(scalars | words, max_size=4), st.integers(0, 900)
)
nested = st.recursive(
    scalars | long_text | long_list,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=12,
)


def places(body: dict[str, Any]) -> list[dict[str, Any]]:
    more = body.get("more", [])
    return [more] if isinstance(more, dict) else more


def put(whole: Any, path: str, offset: int, part: Any) -> Any:
    """Join what was read on to what was there."""
    *parents, last = [piece.replace("~1", "/").replace("~0", "~") for piece in path.split("/")[1:]]
    holder = whole
    for parent in parents:
        holder = holder[int(parent)] if isinstance(holder, list) else holder[parent]
    key = int(last) if isinstance(holder, list) else last
    known = holder[key]
    assert len(known) == offset
    if isinstance(known, dict):
        known.update(part)
    else:
        holder[key] = known + part
    return whole


def read_whole(body: dict[str, Any]) -> dict[str, Any]:
    """A body put together again from its cut form and everything that `more` points at."""
    shown, text = capped(body, 1)
    assert len(text) <= CAP
    assert json.loads(text) == shown
    whole = json.loads(text)
    waiting = places(whole)
    whole.pop("more", None)
    for _ in range(10_000):
        if not waiting:
            return whole
        place = waiting.pop(0)
        part = read_on(body, 1, place["path"], place["offset"])
        assert len(compact(part)) <= CAP
        assert part["value"], "reading on must get on"
        put(whole, place["path"], place["offset"], part["value"])
        waiting = places(part) + waiting
    raise AssertionError("reading on never ends")


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(nested)
def test_nothing_is_lost_of_a_result_that_is_cut(result: Any) -> None:
    body = {"session_id": "f" * 32, "turn": 1, "result": result, "reward": -0.01, "terms": {"step": -0.01}}
    assert read_whole(body) == body


@pytest.mark.parametrize(
    "result",
    [
        "x" * 100_000,
        "\x00" * 20_000,
        "ä€😀" * 9_000,
        list(range(20_000)),
        ["x" * 9_000] * 9,
        {f"key {number}": number for number in range(5_000)},
        {"a": {"b/c": ["x" * 50_000, {"~": "y" * 50_000}], "d": list(range(9_000))}},
        [[["x" * 20_000]] * 3] * 3,
    ],
    ids=["text", "escapes", "wide", "items", "long items", "entries", "nested", "lists"],
)
def test_nothing_is_lost_of_a_long_result(result: Any) -> None:
    body = {"session_id": "f" * 32, "turn": 1, "result": result}
    assert read_whole(body) == body


def test_a_short_result_is_left_as_it_is() -> None:
    body = {"session_id": "f" * 32, "turn": 1, "result": "x" * 15_000}
    assert capped(body, 1) == (body, compact(body))


def test_the_session_id_stays_whole_whatever_is_cut() -> None:
    long = {"k" * 20_000: ["v" * 30_000] * 50}
    body, _ = capped({"session_id": "f" * 32, "turn": 1, "result": long}, 1)
    assert body["session_id"] == "f" * 32


def test_half_a_surrogate_pair_is_shown_as_a_question_mark() -> None:
    shown, text = capped({"result": ["\ud800", {"\udfff": "é"}]}, 1)
    assert shown == {"result": ["?", {"?": "é"}]}
    assert json.loads(text) == shown


async def read_all(client: Client, session_id: str, shown: dict[str, Any]) -> dict[str, Any]:
    """What a client was shown, with all that `more` points at."""
    assert len(compact(shown)) <= CAP
    waiting = places(shown)
    whole = {key: value for key, value in shown.items() if key != "more"}
    while waiting:
        place = waiting.pop(0)
        del place["length"]
        part = await call(client, "get_session", session_id=session_id, **place)
        assert len(compact(part)) <= CAP
        put(whole, place["path"], place["offset"], part["value"])
        waiting = places(part) + waiting
    return whole


@pytest.mark.anyio
async def test_a_client_reads_a_long_result_to_its_end(serve: Serve) -> None:
    value = {"page": "x" * 40_000, "rows": [{"n": number, "text": "y" * 50} for number in range(800)]}
    async with Client(serve(world("Talk"))) as client:
        session_id = (await call(client, "open_session"))["session_id"]
        cut = await call(client, "say", json_text=json.dumps(value))
        assert (await read_all(client, session_id, cut))["result"] == value


@pytest.mark.anyio
async def test_a_long_beginning_and_long_arguments_are_read_on_alike(serve: Serve) -> None:
    text = "z" * 50_000
    async with Client(serve(world("Talk"), settings={"opening": text})) as client:
        opened = await call(client, "open_session")
        session_id = opened["session_id"]
        whole = await read_all(client, session_id, opened)
        assert whole["observation"] == whole["params"]["opening"] == text
        assert (await read_all(client, session_id, await call(client, "get_session")))["params"] == whole[
            "params"
        ]
        await call(client, "say", json_text=json.dumps(text))
        turn = await read_all(client, session_id, await call(client, "get_session", turn=1))
        assert (turn["result"], turn["arguments"]) == (text, {"json_text": json.dumps(text)})
        standing = await read_all(client, session_id, await call(client, "get_session"))
        assert (standing["last"]["result"], standing["params"]) == (text, whole["params"])
        fork = await call(client, "open_session", from_session=session_id)
        assert (await read_all(client, fork["session_id"], fork))["observation"] == text


@pytest.mark.anyio
async def test_a_refusal_has_structure_and_says_why_in_the_words_of_the_world(serve: Serve) -> None:
    async with Client(serve()) as client:
        session_id = (await call(client, "open_session"))["session_id"]
        refused = await ask(client, "store", parcel="P0", locker="nowhere")
    assert refused == {
        "session_id": session_id,
        "turn": 1,
        "error": "no locker 'nowhere'; look lists them",
        "reward": -0.06,
        "terms": {"refused": -0.05, "step": -0.01},
        "terminated": False,
        "truncated": False,
    }


@pytest.mark.anyio
async def test_rewards_terms_and_outcome_are_hidden_where_the_server_says_so(serve: Serve) -> None:
    async with Client(serve(world("Talk"), hide_rewards=True)) as client:
        await call(client, "open_session")
        said = await call(client, "say", json_text="1")
        over = await call(client, "finish")
    for body in (said, over):
        assert set(body) == {"session_id", "turn", "result", "terminated", "truncated"}


@pytest.mark.anyio
async def test_a_bad_place_to_read_on_is_refused(serve: Serve) -> None:
    async with Client(serve(world("Talk"))) as client:
        await call(client, "open_session")
        await call(client, "say", json_text="[1]")
        for path in ("/result/1", "/result/x", "/reward/0", "/nope", "//"):
            assert f"nothing at {path!r} in turn 1" in await refusal(client, "get_session", turn=1, path=path)
        assert "'offset' is -1" in await refusal(client, "get_session", turn=1, path="/result", offset=-1)
