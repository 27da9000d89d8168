"""`practicum play`: a person plays by lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from practicum.memory import Sessions, Store
from tests.mcp_server.cli.conftest import Practicum
from tests.mcp_server.clients import PARCELS, world


def test_a_person_plays_to_the_end_and_the_session_is_logged(practicum: Practicum, db: Path) -> None:
    said = practicum("play", world("Talk"), "--seed", "7", lines="say '[1, 2]'\nrecall index=1\nfinish\n")
    assert said.code == 0
    assert "Say things." in said.out
    assert "[1,2]" in said.out
    assert 'The episode is over: {"success": true' in said.out
    assert "turn 3, reward +0.99" in said.err
    store = Store.open(db)
    (session,) = Sessions(store).list(None)
    assert (session.steps, session.task.seed, session.client_name) == (3, 7, "practicum play")
    store.close()


def test_help_and_tools_are_told_and_play_no_turn(practicum: Practicum) -> None:
    said = practicum("play", PARCELS, lines="\nhelp\ntools\nquit\n")
    assert "store(parcel, locker): Put a parcel into a locker." in said.out
    assert said.err.count("undo") == 3
    assert "practicum sessions" in said.err


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("nope", "parcels-v1 has no tool 'nope'"),
        ("store P0", "'locker' is missing"),
        ("store P0 L0 L1", "store takes no such argument: 'L1'"),
        ("store 'P0", "cannot read that"),
        ("store =P0", "'=P0' has no name before its =; write name=value"),
        ('store {"": "P0"}', "there is no argument ''"),
        ("store {bad", "not JSON"),
        ('store {"parcel": "P0", "locker": "nowhere"}', "no locker 'nowhere'"),
        ("store parcel=P0 locker=nowhere", "no locker 'nowhere'"),
        ("undo", "nothing has been played yet"),
    ],
)
def test_what_cannot_be_done_is_told_and_play_goes_on(practicum: Practicum, line: str, answer: str) -> None:
    said = practicum("play", PARCELS, lines=f"{line}\nlook\n")
    assert said.code == 0
    assert answer in said.out
    assert '"lockers"' in said.out
    assert "Traceback" not in said.err


def test_undo_goes_on_in_a_fork_before_the_last_turn(practicum: Practicum, db: Path) -> None:
    practicum("play", world("Talk"), lines="say 1\nsay 2\nundo\nsay 3\n")
    store = Store.open(db)
    sessions = Sessions(store)
    fork, parent = sessions.list(None)
    assert (fork.parent, fork.parent_turn) == (parent.id, 1)
    assert [step.result for step in sessions.steps(fork.id)] == [1, 3]
    assert [step.result for step in sessions.steps(parent.id)] == [1, 2]
    store.close()


def test_the_end_of_the_keyboard_is_the_end_of_play(practicum: Practicum) -> None:
    assert practicum("play", PARCELS, lines="look").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["flihgt"], "did you mean 'flight'?"),
        ([PARCELS, "--set", "parcel=2"], "did you mean 'parcels'?"),
        ([PARCELS, "--seed", "-4"], "Invalid value for '--seed'"),
        ([PARCELS, "--seed", str(2**63)], "Invalid value for '--seed'"),
    ],
)
def test_what_cannot_be_played_is_one_line(practicum: Practicum, arguments: list[str], said: str) -> None:
    assert said in practicum("play", *arguments).refusal
