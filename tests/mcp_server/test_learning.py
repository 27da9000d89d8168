"""Learning while serving: a child of the lowest priority, which ends with its parent and hurts nobody."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client import Client

from practicum.mcp_server import learning
from practicum.mcp_server.learning import CHILD, Learning
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.server import PracticumServer, bind_handle
from practicum.memory import Store
from practicum.memory.leases import take_lease
from practicum.skills.learning import LEASE
from tests.mcp_server.clients import (
    MODERN,
    MODES,
    PARCELS,
    PATIENCE_S,
    ROOT,
    Lines,
    call,
    command,
    serving,
)
from tests.skills import buying
from tests.skills.buying import KIOSK

Practise = Callable[..., Practice]
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")


def played_to_its_end(lines: Lines) -> None:
    """Play one session of the parcels example, with one parcel, to its end."""
    lines.initialize()
    lines.request(2, "tools/call", {"name": "open_session", "arguments": {}})
    stored = {"name": "store", "arguments": {"parcel": "P0", "locker": "L0"}}
    assert lines.request(3, "tools/call", stored)["result"]["structuredContent"]["terminated"] is True


def children(pid: int) -> list[int]:
    """The processes that a process has started and that are its learners."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                told = (entry / "cmdline").read_bytes().split(b"\0")
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:  # it has ended meanwhile
                continue
            if parent == pid and CHILD.encode() in told:
                found.append(int(entry.name))
    return found


def wait_until(holds: Callable[[], Any]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


def locked(db: Path) -> sqlite3.Connection:
    """A transaction that keeps every writer waiting, so that a round cannot come to its end."""
    held = sqlite3.connect(db, isolation_level=None)
    held.execute("BEGIN IMMEDIATE")
    return held


@pytest.mark.integration
@pytest.mark.parametrize("mode", MODES)
def test_what_a_client_did_by_hand_becomes_a_tool_before_its_eyes(db: Path, mode: str) -> None:
    with serving(db, "--env", KIOSK) as lines:
        ask = asking(lines, mode)
        ask("tools/list")
        if mode == "auto":
            wanted = {**MODERN, "notifications": {"toolsListChanged": True}}
            lines.send("subscriptions/listen", wanted, id="listening")
            lines.receive_notice("notifications/subscriptions/acknowledged")
        for _ in range(10):
            bought_by_hand(ask)
        lines.notices.clear()
        lines.receive_notice("notifications/tools/list_changed")
        tool = ask("tools/list")["tools"][-1]
        assert tool["name"] == "skill_buy_ware"
        opened = called(ask, "open_session", seed=1001)
        assert "skill_buy_ware" in opened["tools"]
        bought = called(ask, "skill_buy_ware", session_id=opened["session_id"], turn=1)
        assert (bought["finished"], bought["outcome"]["success"]) == (True, True)


def asking(lines: Lines, mode: str) -> Callable[..., dict[str, Any]]:
    """What sends a request of an era and returns its result."""
    if mode == "legacy":
        lines.initialize()
    numbers = count(2)

    def ask(method: str, **params: Any) -> dict[str, Any]:
        era = MODERN if mode == "auto" else {}
        return dict(lines.request(next(numbers), method, {**era, **params})["result"])

    return ask


def called(ask: Callable[..., dict[str, Any]], tool: str, /, **arguments: Any) -> dict[str, Any]:
    return dict(ask("tools/call", name=tool, arguments=arguments)["structuredContent"])


def bought_by_hand(ask: Callable[..., dict[str, Any]]) -> None:
    """Play a session of the kiosk to its end."""
    opened = called(ask, "open_session")
    params, handle = opened["params"], {"session_id": opened["session_id"]}
    found = called(ask, "find_ware", ware=params["ware"], **handle)["result"]
    called(ask, "take", number=found["number"], copies=params["copies"], **handle)
    assert called(ask, "pay", card_token=params["card_token"], **handle)["terminated"] is True


@linux
@pytest.mark.integration
@pytest.mark.parametrize("how", ["its client leaves", "it is killed"])
def test_the_child_ends_with_its_parent_however_that_ends(db: Path, how: str) -> None:
    with serving(db, "--env", PARCELS, "--set", "parcels=1") as lines:
        played_to_its_end(lines)
        held = locked(db)
        wait_until(lambda: children(lines.child.pid))
        [child] = children(lines.child.pid)
        wait_until(lambda: os.getpriority(os.PRIO_PROCESS, child) == 19)
        if how == "it is killed":
            lines.child.send_signal(signal.SIGKILL)
        else:
            assert lines.child.stdin is not None
            lines.child.stdin.close()
        lines.child.wait(timeout=PATIENCE_S)
        wait_until(lambda: not is_running(child))
        held.close()


def is_running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@linux
@pytest.mark.integration
@pytest.mark.parametrize("options", [(), ("--no-learn",)], ids=["--learn", "--no-learn"])
def test_nobody_learns_before_there_is_anything_to_learn_from_or_where_nobody_is_to(
    db: Path, options: tuple[str, ...]
) -> None:
    with serving(db, "--env", PARCELS, "--set", "parcels=1", *options) as lines:
        if options:
            played_to_its_end(lines)
        else:
            lines.initialize()
            lines.request(2, "tools/call", {"name": "open_session", "arguments": {}})
            lines.request(3, "tools/call", {"name": "close_session", "arguments": {}})
        for number in range(4, 30):
            lines.request(number, "tools/list")
        assert children(lines.child.pid) == []


@pytest.mark.integration
def test_learning_writes_nothing_to_stdout(db: Path) -> None:
    with serving(db, "--env", PARCELS, "--set", "parcels=1") as lines:
        played_to_its_end(lines)
        store = Store.open(db)
        wait_until(lambda: store.read("SELECT 1 FROM mined_up_to"))
        store.close()
        assert lines.child.stdin is not None
        assert lines.child.stdout is not None
        lines.child.stdin.close()
        assert lines.child.stdout.read() == ""


@pytest.mark.anyio
@pytest.mark.integration
async def test_what_is_learnt_is_read_once_and_serving_goes_on(practise: Practise, store: Store) -> None:
    practice = practise(settings={"parcels": 1})
    server = PracticumServer(practice, bind_handle(alone=True), learning=Learning(store, practice.served))
    async with Client(server) as client:
        session_id = (await call(client, "open_session"))["session_id"]
        await call(client, "store", session_id=session_id, parcel="P0", locker="L0")
        with anyio.fail_after(PATIENCE_S):
            while not store.read("SELECT 1 FROM mined_up_to"):
                await call(client, "list_environments")
                await anyio.sleep(0.01)


@pytest.mark.anyio
@pytest.mark.integration
async def test_a_round_that_fails_is_told_in_one_line_and_serving_goes_on(
    practise: Practise, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(learning, "CHILD", "practicum.no_such_module")
    practice = practise(settings={"parcels": 1})
    server = PracticumServer(practice, bind_handle(alone=True), learning=Learning(store, practice.served))
    async with Client(server) as client:
        session_id = (await call(client, "open_session"))["session_id"]
        await call(client, "store", session_id=session_id, parcel="P0", locker="L0")
        with anyio.fail_after(PATIENCE_S):
            while not (told := [each for each in caplog.messages if "learning failed" in each]):
                await call(client, "list_environments")
                await anyio.sleep(0.01)
    assert len(told) == 1
    assert told[0].splitlines() == told
    assert "no_such_module" in told[0]


@pytest.mark.integration
@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGTERM")
def test_a_round_that_is_told_to_end_gives_its_lease_back(
    db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, gate, begun = Path(KIOSK.partition(":")[0]).read_text(), tmp_path / "gate", tmp_path / "begun"
    before = '        """Put the wares'
    waits = f"""
        from pathlib import Path

        while Path({str(gate)!r}).exists():
            Path({str(begun)!r}).touch()
"""
    (tmp_path / "slow_kiosk.py").write_text(source.replace(before, waits + before))
    monkeypatch.setattr(buying, "KIOSK", f"{tmp_path / 'slow_kiosk.py'}:Kiosk")
    store = Store.open(db)
    for seed in buying.train_seeds(4):
        buying.buy(store, seed)
    gate.touch()
    with subprocess.Popen(
        [*command()[:2], CHILD, str(db), "kiosk"], stdin=subprocess.PIPE, cwd=ROOT
    ) as child:
        try:
            wait_until(begun.exists)
            assert store.read("SELECT 1 FROM leases")
            child.terminate()
            assert child.wait(timeout=PATIENCE_S) == 0
        finally:
            child.kill()
    assert store.read("SELECT 1 FROM leases") == []
    store.close()


@pytest.mark.integration
def test_a_round_gives_way_where_another_process_learns(db: Path) -> None:
    store = Store.open(db)
    with store.writing() as connection:
        assert take_lease(connection, LEASE, "somebody", now=time.time(), until=time.time() + 60)
    with subprocess.Popen(
        [*command()[:2], CHILD, str(db), "parcels"], stdin=subprocess.PIPE, cwd=ROOT
    ) as child:
        assert child.wait(timeout=PATIENCE_S) == learning.BUSY_ELSEWHERE
    store.close()
