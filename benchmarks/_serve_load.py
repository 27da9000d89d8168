"""The load of the serving benchmark: a process that plays scripts against a server and checks every answer.

    python -m benchmarks._serve_load ORDER.json

It imports the standard library alone, so that it costs little and the same whatever it talks to.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from benchmarks._serve_wires import HttpWire, StdioWire

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Wire(Protocol):
    """A way to a server."""

    pid: int

    def encode(self, number: int, tool: str, arguments: Mapping[str, Any]) -> bytes:
        """The bytes of a tool call."""

    async def exchange(self, line: int, number: int, request: bytes) -> bytes:
        """Send a request on one of the lines and await its answer's JSON."""


@dataclass
class Seat:
    """A session at play: the calls that are left, each with what its answer must hold."""

    calls: deque[tuple[int, bytes, Mapping[str, Any]]]


@dataclass
class Tally:
    """What one run has measured."""

    calls: int = 0
    crossed: int = 0
    """Answers that were another session's, another turn's, or wrong."""
    answer_bytes: int = 0
    latencies_s: list[float] = field(default_factory=list, repr=False)
    wall_s: float = 0.0
    cpu_s: float = 0.0
    """CPU time of the server process, user and system."""
    rss_kib: tuple[int, int] = (0, 0)
    """Resident memory of the server before the sessions are opened, and after they have been played."""

    def check(self, answer: bytes, expected: Mapping[str, Any]) -> None:
        """Count an answer, and whether it is what its call must get."""
        self.calls += 1
        self.answer_bytes += len(answer)
        found = json.loads(answer).get("result", {}).get("structuredContent", {})
        if any(found.get(key) != value for key, value in expected.items()):
            self.crossed += 1


async def seated(wire: Wire, order: Mapping[str, Any]) -> list[Seat]:
    """Open a session for each script, and prepare its requests; peers have no sessions to open."""
    numbers = iter(range(1, sys.maxsize))
    seats: list[Seat] = []

    async def sit(line: int, script: Mapping[str, Any]) -> None:
        session_id = os.urandom(16).hex()
        if order["constants"] is None:
            number = next(numbers)
            request = wire.encode(number, "open_session", {"seed": script["seed"]})
            opened = json.loads(await wire.exchange(line, number, request))
            session_id = opened["result"]["structuredContent"]["session_id"]
        calls: deque[tuple[int, bytes, Mapping[str, Any]]] = deque()
        for turn, call in enumerate(script["calls"], 1):
            number = next(numbers)
            handle = {"session_id": session_id, "turn": turn}
            own = {**handle, "result": call["result"]}
            expected = own if order["constants"] is None else order["constants"][call["tool"]]
            calls.append(
                (number, wire.encode(number, call["tool"], {**call["arguments"], **handle}), expected)
            )
        seats.append(Seat(calls))

    waiting = deque(order["scripts"])

    async def open_some(line: int) -> None:
        while waiting:
            await sit(line, waiting.popleft())

    await on_lines(order["clients"], open_some)
    return seats


async def play(wire: Wire, seats: list[Seat], clients: int) -> Tally:
    """Play all seats to their end; each client takes a call of some session that no other plays just then."""
    tally = Tally()
    idle = list(seats)
    dice = random.Random(0)

    async def client(line: int) -> None:
        while idle:
            place = dice.randrange(len(idle))
            idle[place], idle[-1] = idle[-1], idle[place]
            seat = idle.pop()
            number, request, expected = seat.calls.popleft()
            began = time.perf_counter()
            answer = await wire.exchange(line, number, request)
            tally.latencies_s.append(time.perf_counter() - began)
            tally.check(answer, expected)
            if seat.calls:
                idle.append(seat)

    cpu_s, began = cpu_seconds(wire.pid), time.perf_counter()
    await on_lines(clients, client)
    tally.wall_s, tally.cpu_s = time.perf_counter() - began, cpu_seconds(wire.pid) - cpu_s
    return tally


async def on_lines(count: int, work: Callable[[int], Awaitable[None]]) -> None:
    """Do the work once for each line, side by side."""
    await asyncio.gather(*(work(line) for line in range(count)))


async def measured(order: Mapping[str, Any]) -> Tally:
    """Carry out an order."""
    clients = order["clients"]
    async with _wire(order) as wire:
        before = resident_kib(wire.pid)
        seats = await seated(wire, order)
        tally = await play(wire, seats, clients)
        tally.rss_kib = before, resident_kib(wire.pid)
    return tally


def _wire(order: Mapping[str, Any]) -> AbstractAsyncContextManager[Wire]:
    if "command" in order:
        return StdioWire(order["command"])
    return HttpWire(order["port"], order["pid"], order["clients"])


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def resident_kib(pid: int) -> int:
    """Resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


def main() -> None:
    """Read an order, carry it out, print what came of it as a line of JSON."""
    order = json.loads(Path(sys.argv[1]).read_bytes())
    print(json.dumps(asdict(asyncio.run(measured(order)))))


if __name__ == "__main__":
    main()
