"""The log among several processes: one writes at a time, one wins a turn, one that dies loses no step."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import anyio
import pytest

from practicum.envs import Task
from practicum.memory import (
    Log,
    LogUnavailable,
    SessionRecorder,
    Sessions,
    SessionStart,
    Store,
    new_session_id,
)
from tests.memory.steps import a_step


def test_while_another_process_writes_the_log_says_so_and_keeps_nothing(path, log, sessions, begin):
    session_id, _ = begin()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for write in (
            lambda: log.append(session_id, a_step()),
            lambda: log.close(session_id, "idle"),
            lambda: log.event("mined", {}),
            lambda: begin(),
            lambda: anyio.run(log.append_shared, session_id, a_step()),
        ):
            with pytest.raises(LogUnavailable, match="another process is writing to it; try again"):
                write()
        other.execute("ROLLBACK")
    assert sessions.get(session_id, None).steps == 0
    log.append(session_id, a_step())
    assert sessions.get(session_id, None).steps == 1


@pytest.mark.parametrize("durable", [False, True])
def test_while_another_process_writes_the_event_loop_goes_on(path, durable):
    with (
        closing(Store.open(path, durable=durable)) as store,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        log = Log(store)
        start = begin_bare(log)
        other.execute("BEGIN IMMEDIATE")

        async def main():
            async with anyio.create_task_group() as group:
                group.start_soon(log.append_shared, start.id, a_step())
                await anyio.lowlevel.checkpoint()
                await anyio.lowlevel.checkpoint()
                other.execute(
                    "ROLLBACK"
                )  # only a loop that is not blocked gets here before the step gives up

        anyio.run(main)
        assert Sessions(store).get(start.id, None).steps == 1


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize("what", ["start", "close", "event"])
def test_a_start_an_end_and_an_event_wait_for_another_process_beside_the_event_loop(path, durable, what):
    with (
        closing(Store.open(path, durable=durable)) as store,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        log = Log(store)
        open_one = begin_bare(log)
        new = SessionStart(id=new_session_id(), env="parcels-v1", task=Task("parcels", 1, 1))
        write = {
            "start": lambda: log.start_shared(new),
            "close": lambda: log.close_shared(open_one.id, "closed"),
            "event": lambda: log.event_shared("mined", {}),
        }[what]
        other.execute("BEGIN IMMEDIATE")

        async def main():
            async with anyio.create_task_group() as group:
                group.start_soon(write)
                await anyio.lowlevel.checkpoint()
                await anyio.lowlevel.checkpoint()
                other.execute(
                    "ROLLBACK"
                )  # only a loop that is not blocked gets here before the write gives up

        anyio.run(main)
        found = {
            "start": Sessions(store).get(new.id, None) is not None,
            "close": Sessions(store).get(open_one.id, None).reason == "closed",
            "event": bool(store.read("SELECT 1 FROM events WHERE kind = 'mined'")),
        }
        assert found == {name: name == what for name in found}


def begin_bare(log: Log) -> SessionStart:
    start = SessionStart(id=new_session_id(), env="parcels-v1", task=Task("parcels", 1, 0))
    log.start(start)
    return start


def test_another_connections_write_changes_the_data_version(path, log):
    before = log.data_version()
    log.event("mined", {})
    assert log.data_version() == before
    with closing(Store.open(path)) as other:
        Log(other).event("mined", {})
    assert log.data_version() != before


RACER = """
import sys, pathlib
from practicum.envs import Step
from practicum.memory import Log, Store, TurnTaken
log = Log(Store.open(pathlib.Path(sys.argv[1])))
print("ready", flush=True)
sys.stdin.readline()
won = []
for turn in range(1, 41):
    try:
        log.append(sys.argv[2], Step(turn, "look", {}, sys.argv[3], None, 0.0, {}, False, False, True))
        won.append(turn)
    except TurnTaken:
        pass
print(*won)
"""


def test_of_two_processes_that_race_for_a_turn_exactly_one_wins(path, sessions, begin):
    session_id, _ = begin()
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(path), session_id, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in "ab"
    ]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    won = [[int(turn) for turn in racer.communicate()[0].split()] for racer in racers]
    assert sorted(won[0] + won[1]) == list(range(1, 41))
    kept = {step.turn: step.result for step in sessions.steps(session_id)}
    assert kept == {turn: name for name, turns in zip("ab", won, strict=True) for turn in turns}


WRITER = """
import sys, pathlib, anyio
from practicum.envs import Step
from practicum.memory import Log, Store
log = Log(Store.open(pathlib.Path(sys.argv[1])))

async def play(session_id):
    for turn in range(1, 10**9):
        step = Step(turn, "look", {}, "x" * 3000, None, 0.0, {}, False, False, True)
        await log.append_shared(session_id, step)
        print(session_id, turn, flush=True)

async def main():
    async with anyio.create_task_group() as group:
        for session_id in sys.argv[2:]:
            group.start_soon(play, session_id)

anyio.run(main)
"""


def test_a_process_that_is_killed_loses_no_acknowledged_step(path, store, sessions, begin):
    ids = [begin(seed)[0] for seed in range(4)]
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), *ids], stdout=subprocess.PIPE, text=True
    )
    acknowledged = [child.stdout.readline() for _ in range(400)]
    child.send_signal(signal.SIGKILL)
    acknowledged += child.communicate()[0].splitlines(keepends=True)
    last = dict(line.split() for line in acknowledged if line.endswith("\n"))
    assert set(last) == set(ids)
    for session_id in ids:
        turns = [step.turn for step in sessions.steps(session_id)]
        assert turns == list(range(1, len(turns) + 1))
        assert len(turns) >= int(last[session_id])
    assert store.read("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    SessionRecorder(Log(store), ids[0]).record(a_step(len(list(sessions.steps(ids[0]))) + 1))
