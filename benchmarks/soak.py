"""A soak: mixed clients play for a long time while a server is killed again and again; nothing may be lost.

    python -m benchmarks.soak [--minutes 30] [--quick]

Two servers share one file; one of them is killed by SIGKILL and started again every so often. Clients of both
eras play flight over HTTP and stdio, leave, cancel, repeat calls and send garbage. At the end every session
is replayed. The exit code is 1 where a promise was broken: an answer that is not what a twin of the world
answers, a step lost or doubled, a divergence, a server that ended by itself, memory that grows with calls.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import numpy as np

from benchmarks._soak_players import Player, ScopedPlayer, Tally
from benchmarks._soak_servers import Life, Server
from benchmarks._soak_wires import over_http, over_stdio, probing_stdio, raw_json
from practicum.memory import Sessions, Store

MODERN, LEGACY = "2026-07-28", "legacy"
QUICK_MINUTES = 1.75
SAMPLE_S = 0.5
LAST_CALLS_S = 3.0
"""What clients get to end the call that they are making."""
WARM_UP = 0.4
"""The share of a life's calls after which its memory should stay as it is."""
LEAST_CALLS = 4_000
"""Calls after its warm-up from which a life's slope means something."""
MOST_GROWTH = 6.0
"""MiB that a server may grow per 10,000 calls; one page of SQLite's cache more or less is noise."""


def players(steady: Server, killed: Server, db: Path, tally: Tally) -> Iterator[Player]:
    """Every kind of client, over HTTP on both servers."""
    seeds = iter(range(1_000))
    for server in (steady, steady, killed):
        url = server.url
        http: dict[str, Any] = {
            "http modern": partial(over_http, url, MODERN),
            "http legacy": partial(over_http, url, LEGACY),
            "http raw": partial(raw_json, url),
        }
        for name, connect in http.items():
            yield Player(name, connect, tally, seed=next(seeds), server=server)
        for mode in (MODERN, LEGACY):
            own = partial(_scoped, mode=mode)
            ask = partial(raw_json, url)
            yield ScopedPlayer("scoped", ask, tally, seed=next(seeds), server=server, connect_to=own)
    for name, connect in {
        "stdio modern": partial(over_stdio, db, MODERN),
        "stdio legacy": partial(over_stdio, db, LEGACY),
        "stdio probing": partial(probing_stdio, db),
    }.items():
        yield Player(name, connect, tally, seed=next(seeds))


def _scoped(url: str, token: str, *, mode: str) -> Any:
    return over_http(url, mode, token)


async def soak(db: Path, minutes: float) -> dict[str, Any]:
    """Run it; returns the figures."""
    tally = Tally()
    steady, killed = Server(db), Server(db)
    try:
        for server in (steady, killed):
            await anyio.to_thread.run_sync(server.start)
        kills = await _play(steady, killed, list(players(steady, killed, db, tally)), minutes)
        tally.broken += [f"the server on port {s.port} ended by itself" for s in (steady, killed) if s.ended]
    finally:
        steady.close()
        killed.close()
    return _figures(tally, steady, killed, kills) | await anyio.to_thread.run_sync(check_log, db, tally)


async def _play(steady: Server, killed: Server, clients: list[Player], minutes: float) -> int:
    stop = anyio.Event()
    until = time.monotonic() + 60 * minutes
    chance = random.Random(11)
    kills = 0
    async with anyio.create_task_group() as tasks:
        for client in clients:
            tasks.start_soon(client.play, stop)
        tasks.start_soon(_sample, [steady, killed], stop)
        while (left := until - time.monotonic()) > 0:
            await anyio.sleep(min(left, chance.uniform(4, 4 + 20 * min(minutes, 1))))
            killed.kill()
            kills += 1
            await anyio.to_thread.run_sync(killed.start)
        stop.set()
        await anyio.sleep(LAST_CALLS_S)
        tasks.cancel_scope.cancel()
    return kills


async def _sample(servers: list[Server], stop: anyio.Event) -> None:
    while not stop.is_set():
        for server in servers:
            server.sample()
        await anyio.sleep(SAMPLE_S)


def growth(life: Life) -> float | None:
    """MiB per 10,000 calls by which a life's memory grew after its warm-up; None where it was too short."""
    if not life.calls:
        return None
    first = life.calls[-1] * WARM_UP
    kept = [(calls, mib) for calls, mib in zip(life.calls, life.mib, strict=True) if calls >= first]
    if kept[-1][0] - kept[0][0] < LEAST_CALLS:
        return None
    calls, mib = np.array(kept).T
    return round(float(np.polyfit(calls, mib, 1)[0]) * 10_000, 3)


def _figures(tally: Tally, steady: Server, killed: Server, kills: int) -> dict[str, Any]:
    grown = growth(steady.lives[0])
    if grown is not None and grown > MOST_GROWTH:
        tally.broken.append(f"memory grew by {grown} MiB per 10,000 calls, and may by {MOST_GROWTH}")
    life = steady.lives[0]
    return {
        "calls": sum(tally.calls.values()),
        "calls_by_wire": dict(tally.calls),
        "sessions": len(tally.acknowledged),
        "kills": kills,
        "restarts": len(killed.lives) - 1,
        "mischief": dict(tally.mischief),
        "errors": dict(tally.errors.most_common()),
        "mib_at_first": life.mib[0] if life.mib else None,
        "mib_at_last": life.mib[-1] if life.mib else None,
        "steady_calls": life.calls[-1] if life.calls else 0,
        "mib_per_10k_calls": grown,
        "complaints": [line for server in (steady, killed) for line in server.complaints()][:9],
    }


def check_log(db: Path, tally: Tally) -> dict[str, Any]:
    """See that the log holds what was acknowledged, no more than the call in flight, and that it replays."""
    store = Store.open(db)
    sessions = Sessions(store)
    for session_id, turns in tally.acknowledged.items():
        session = sessions.get(session_id, None)
        logged = -1 if session is None else session.steps
        if logged - turns not in (0, 1):
            tally.broken.append(
                f"session {session_id}: {turns} turns were acknowledged, the log has {logged}"
            )
    store.close()
    replay = subprocess.run(
        [sys.executable, "-m", "practicum", "replay", "--all", "--json", "--db", str(db)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if replay.returncode != 0:
        tally.broken.append(f"replay found {(replay.stdout + replay.stderr)[-500:]}")
    return {"replayed": replay.returncode == 0, "broken": tally.broken}


def main() -> None:
    """Run, print the figures and the line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0, help="how long to play")
    parser.add_argument("--quick", action="store_true", help=f"play for {QUICK_MINUTES} minutes")
    options = parser.parse_args()
    logging.getLogger("mcp").setLevel(logging.CRITICAL)  # the clients' complaints of killed servers
    minutes = QUICK_MINUTES if options.quick else options.minutes
    with tempfile.TemporaryDirectory() as folder:
        figures = {"minutes": minutes, **anyio.run(soak, Path(folder) / "soak.db", minutes)}
    for name, value in figures.items():
        print(f"{name:>20}  {value}")
    print(json.dumps(figures))
    sys.exit(1 if figures["broken"] else 0)


if __name__ == "__main__":
    main()
