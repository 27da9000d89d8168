"""`practicum play`: a person plays by lines, and a program reads JSON."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from practicum.memory import Session, Sessions, Store
from tests.mcp_server.cli.conftest import Practicum
from tests.mcp_server.clients import PARCELS, PATIENCE_S, command, world
from tests.memory.conftest import VAULT

Logged = Callable[[], list[Session]]


@pytest.fixture
def logged(db: Path) -> Logged:
    """The sessions of the log, newest first."""

    def logged() -> list[Session]:
        store = Store.open(db)
        try:
            return Sessions(store).list(None)
        finally:
            store.close()

    return logged


def results(db: Path, session: Session) -> list[Any]:
    store = Store.open(db)
    try:
        return [step.result for step in Sessions(store).steps(session.id)]
    finally:
        store.close()


def test_a_person_plays_to_the_end_and_the_session_is_logged(practicum: Practicum, logged: Logged) -> None:
    said = practicum("play", world("Talk"), "--seed", "7", lines="say '[1, 2]'\nrecall index=1\nfinish\n")
    assert said.code == 0
    assert "Say things." in said.out
    assert "[1,2]" in said.out
    assert "The episode is over: success." in said.out
    assert "turn 3, reward +0.99 (step -0.01, solved +1.00), return +0.97, 47 steps left" in said.err
    (session,) = logged()
    assert (session.steps, session.task.seed, session.client_name) == (3, 7, "practicum play")


def test_the_steps_left_are_those_that_the_wrappers_leave(practicum: Practicum) -> None:
    said = practicum("play", f"{PARCELS}+step_limit=3+failing=0", "--seed", "1", lines="look\n")
    assert ", 2 steps left" in said.err


def test_words_are_answered_and_play_no_turn(practicum: Practicum, logged: Logged) -> None:
    said = practicum("play", PARCELS, lines="\nhelp\ntools\nhelp store\nshow\nhistory\nsave\nquit\n")
    assert "  2 store(parcel, locker): Put a parcel into a locker." in said.out
    assert "locker (text, needed): Locker id, such as L2." in said.out
    assert "redo       take an undo back" in said.err
    (session,) = logged()
    assert session.steps == 0
    assert f"practicum play --resume {session.id[:12]} goes on" in said.err


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("nope", "there is no tool 'nope'; `tools` lists them"),
        ("lokk", "there is no tool 'lokk'; did you mean 'look'?"),
        ("9", "there is no tool '9'"),
        ("0", "there is no tool '0'"),
        ("store P0", "'locker' is missing"),
        ("store P0 L0 L1", "store takes no such argument: 'L1'"),
        ("store 'P0", "cannot read that"),
        ("store =P0", "'=P0' has no name before its =; write name=value"),
        ('store {"": "P0"}', "there is no argument ''"),
        ("store {bad", "not JSON"),
        ('store {"parcel": "P0", "locker": "nowhere"}', "no locker 'nowhere'"),
        ("store parcel=P0 locker=nowhere", "no locker 'nowhere'"),
        ("help nope", "there is no tool 'nope'"),
        ("undo", "nothing has been played yet"),
        ("redo", "nothing has been undone that could be done again"),
    ],
)
def test_what_cannot_be_done_is_told_and_play_goes_on(practicum: Practicum, line: str, answer: str) -> None:
    said = practicum("play", PARCELS, lines=f"{line}\nlook\n")
    assert said.code == 0
    assert answer in said.out
    assert '"lockers"' in said.out
    assert "Traceback" not in said.err


def test_a_tool_is_called_by_its_number_or_by_a_beginning(
    practicum: Practicum, db: Path, logged: Logged
) -> None:
    said = practicum("play", world("Talk"), lines="1 1\nsa 2\nfini\n")
    assert "The episode is over" in said.out
    (session,) = logged()
    assert results(db, session) == [1, 2, "over"]


def test_a_beginning_of_two_tools_is_told(practicum: Practicum) -> None:
    said = practicum("play", "flight", "--seed", "7", lines="se\n")
    assert "'se' begins search_flights, select_flight; type more of one" in said.out


def test_a_tool_wins_over_a_word_of_the_same_name_and_a_colon_over_the_tool(
    practicum: Practicum, tmp_path: Path, logged: Logged
) -> None:
    file = tmp_path / "showing.py"
    source = Path(world("Talk").rpartition(":")[0]).read_text(encoding="utf-8")
    action = (
        '    @action\n    def history(self) -> str:\n        """Tell a story."""\n        return "once"\n'
    )
    file.write_text(f'{source}\n\nclass Showing(Talk):\n    """Tell."""\n\n    name = "showing"\n\n{action}')
    said = practicum("play", f"{file}:Showing", lines="history\n:history\n:quit\nhistory\n")
    assert said.out.splitlines()[-2:] == ["once", "  1 history()  -0.01"]
    assert [session.steps for session in logged()] == [1]


def test_undo_goes_on_in_a_fork_before_the_turns_taken_back(
    practicum: Practicum, db: Path, logged: Logged
) -> None:
    practicum("play", world("Talk"), lines="say 1\nsay 2\nsay 3\nundo\nundo\nsay 4\n")
    fork, parent = logged()
    assert (fork.parent, fork.parent_turn) == (parent.id, 1)
    assert results(db, fork) == [1, 4]
    assert results(db, parent) == [1, 2, 3]


def test_redo_takes_an_undo_back_and_leaves_no_session_behind(
    practicum: Practicum, db: Path, logged: Logged
) -> None:
    said = practicum("play", world("Talk"), lines="say 1\nsay 2\nundo\nredo\nsay 3\nredo\n")
    assert "nothing has been undone that could be done again" in said.out
    (session,) = logged()
    assert results(db, session) == [1, 2, 3]


def test_after_the_end_a_call_is_refused_and_undo_goes_on(
    practicum: Practicum, db: Path, logged: Logged
) -> None:
    said = practicum("play", world("Talk"), lines="say 1\nfinish\nsay 2\nundo\nsay 3\n")
    assert "the episode is over; `undo` takes the last turn back, `quit` leaves" in said.out
    fork, parent = logged()
    assert results(db, fork) == [1, 3]
    assert parent.success is True


def test_history_marks_what_was_undone_and_hides_secrets(practicum: Practicum) -> None:
    lines = "search_flights\nenter_card tok_4711\nundo\nhistory\n"
    said = practicum("play", "flight", "--seed", "7", lines=lines)
    assert '  2 enter_card(card_token="[redacted]")  -0.06  (undone)' in said.out
    assert "tok_4711" not in said.out + said.err


def test_secrets_in_a_list_are_hidden_too(practicum: Practicum) -> None:
    said = practicum("play", VAULT, "--json", lines='unlock spares=["tok_4711"]\nhistory\n')
    played = json.loads(said.out.splitlines()[1])
    assert played["arguments"] == {"spares": "[redacted]"}
    shown = practicum("play", VAULT, lines='unlock spares=["tok_4711"]\nhistory\n').out
    assert '  1 unlock(spares="[redacted]")' in shown


def test_a_session_is_resumed_where_it_was_left(practicum: Practicum, db: Path, logged: Logged) -> None:
    practicum("play", world("Talk"), lines="say 1\nsay 2\nundo\nquit\n")
    kept = logged()[0]
    said = practicum("play", "--resume", kept.id[:8], lines="say 3\nfinish\n")
    assert said.code == 0
    assert "turn 1, reward -0.01" in said.err
    assert results(db, kept) == [1, 3, "over"]


def test_a_session_that_was_closed_goes_on_only_in_a_fork(
    practicum: Practicum, db: Path, log_session: Callable[..., str], logged: Logged
) -> None:
    closed = log_session(
        ("say", {"json_text": "1"}), ("say", {"json_text": "2"}), ("close_session", {}), env=world("Talk")
    )
    said = practicum("play", "--resume", closed, lines="say 3\nundo\nsay 4\n")
    assert f"session {closed} has ended" in said.out
    assert results(db, logged()[0]) == [1, 4]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--resume", "abc"], "no session 'abc'; `practicum sessions` lists them"),
        ([PARCELS, "--resume", "abc"], "--resume goes on with a session as it was begun"),
        (["--resume", "abc", "--seed", "1"], "--resume goes on with a session as it was begun"),
        (["flihgt"], "did you mean 'flight'?"),
        ([PARCELS, "--set", "parcel=2"], "did you mean 'parcels'?"),
        ([PARCELS, "--seed", "-4"], "Invalid value for '--seed'"),
        ([PARCELS, "--seed", str(2**63)], "Invalid value for '--seed'"),
    ],
)
def test_what_cannot_be_played_is_one_line(
    practicum: Practicum, db: Path, arguments: list[str], said: str
) -> None:
    Store.open(db).close()
    assert said in practicum("play", *arguments).refusal


def test_a_session_of_somebody_else_is_unknown_here(practicum: Practicum, db: Path) -> None:
    from practicum.envs import find
    from practicum.memory import Log, SessionStart, new_session_id

    store = Store.open(db)
    task = find(PARCELS).make_task(1)
    theirs = SessionStart(id=new_session_id(), env=PARCELS, task=task, principal="somebody")
    Log(store).start(theirs)
    store.close()
    assert practicum("play", "--resume", theirs.id).refusal.startswith(f"no session {theirs.id!r}")


def test_json_is_one_line_for_each_step_and_nothing_else(practicum: Practicum) -> None:
    lines = "say 1\nnope\nrecall\nundo\ntools\nhistory\nhelp say\nfinish\n"
    said = practicum("play", world("Talk"), "--json", lines=lines)
    opened, first, refused, second, undone, tools, history, help_, end, kept = map(
        json.loads, said.out.splitlines()
    )
    assert said.err == ""
    assert (opened["turn"], opened["observation"], opened["tools"][0]) == (0, "Say something.", "say")
    assert (first["tool"], first["arguments"], first["result"]) == ("say", {"json_text": "1"}, 1)
    assert refused == {"error": "there is no tool 'nope'; `tools` lists them"}
    assert (second["result"], second["steps_left"]) == ("1", 48)
    assert (undone["turn"], undone["tool"]) == (1, "say")
    assert tools["tools"][0] == help_
    assert [step["turn"] for step in history["steps"]] == [1]
    assert (end["terminated"], end["over"], end["outcome"]["success"]) == (True, True, True)
    assert end["return"] == pytest.approx(0.98)
    assert (kept["session"], kept["kept"]) == (end["session"], True)
    assert end["session"] != first["session"]


@pytest.mark.integration
def test_lines_from_a_pipe_are_played_without_prompts_forms_or_colours(db: Path) -> None:
    done = subprocess.run(
        command("play", "flight", "--seed", "7", "--db", str(db)),
        input="search_flights\nselect_flight\nquit\n",
        capture_output=True, text=True, check=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert "654 10:35 21:45 1 QF QF4516" in done.stdout
    assert "Error: bad arguments: 'flight_id' is missing" in done.stdout
    assert "> " not in done.stdout
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.integration
def test_a_pipe_that_is_no_text_is_one_line(db: Path) -> None:
    done = subprocess.run(
        command("play", PARCELS, "--db", str(db)),
        input=b"look\xff\n", capture_output=True, check=False, timeout=PATIENCE_S,
        env={"PYTHONUTF8": "1", "PRACTICUM_CONFIG": "/dev/null"},
    )  # fmt: skip
    assert done.returncode in (0, 2)
    assert b"Traceback" not in done.stderr
