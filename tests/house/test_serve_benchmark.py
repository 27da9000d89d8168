"""The load of the serving benchmark counts an answer that is another session's, another turn's, or wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import anyio
import pytest

from benchmarks._serve_load import play, seated

RESULT = {"view": "cart"}
ORDER = {
    "clients": 2,
    "constants": None,
    "scripts": [
        {"seed": seed, "calls": [{"tool": "look", "arguments": {}, "result": RESULT}] * 2} for seed in (1, 2)
    ],
}


class Server:
    """A server in memory, whose answers a test may spoil."""

    pid = os.getpid()

    def __init__(self, spoil: Mapping[str, Any]) -> None:
        self._spoil = spoil

    def encode(self, number: int, tool: str, arguments: Mapping[str, Any]) -> bytes:
        return json.dumps({"tool": tool, **arguments}).encode()

    async def exchange(self, line: int, number: int, request: bytes) -> bytes:
        asked = json.loads(request)
        if asked["tool"] == "open_session":
            told = {"session_id": f"session {asked['seed']}"}
        else:
            told = {"session_id": asked["session_id"], "turn": asked["turn"], "result": RESULT} | self._spoil
        return json.dumps({"result": {"structuredContent": told}}).encode()


@pytest.mark.parametrize(
    ("spoil", "crossed"),
    [({}, 0), ({"session_id": "session 1"}, 2), ({"turn": 1}, 2), ({"result": {"view": "payment"}}, 4)],
    ids=["right", "another session's", "another turn's", "wrong"],
)
def test_an_answer_that_is_not_the_calls_own_is_counted(spoil: Mapping[str, Any], crossed: int) -> None:
    async def run() -> tuple[int, int]:
        server = Server(spoil)
        tally = await play(server, await seated(server, ORDER), 2)
        return tally.calls, tally.crossed

    assert anyio.run(run) == (4, crossed)
