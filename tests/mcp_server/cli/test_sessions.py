"""`practicum sessions | replay | fork | forget`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from practicum.envs import find
from practicum.mcp_server.cli.consoles import console
from practicum.memory import Log, Sessions, SessionStart, Store, new_session_id
from tests.mcp_server.cli.conftest import Practicum
from tests.mcp_server.clients import ROOT, command, world

LogSession = Callable[..., str]
TALK = world("Talk")
VAULT = f"{ROOT / 'tests' / 'memory' / 'vault_env.py'}:Vault"


@pytest.fixture
def session_id(log_session: LogSession) -> str:
    calls = [("say", {"json_text": "1"}), ("say", {}), ("finish", {})]
    return log_session(*calls, env=TALK, seed=7)


def test_sessions_are_listed_for_people_and_for_programs(
    practicum: Practicum, log_session: LogSession, session_id: str
) -> None:
    other = log_session()
    said = practicum("sessions")
    assert said.out.index(other[:12]) < said.out.index(session_id[:12])
    assert "success" in said.out
    assert "2 sessions" in said.err
    rows = json.loads(practicum("sessions", "--json").out)
    assert [row["session"] for row in rows] == [other, session_id]
    assert (rows[1]["seed"], rows[1]["turns"], rows[1]["outcome"]["success"]) == (7, 3, True)
    assert [row["session"] for row in json.loads(practicum("sessions", "--env", "talk", "--json").out)] == [
        session_id
    ]
    assert len(json.loads(practicum("sessions", "--limit", "1", "--json").out)) == 1


@pytest.mark.parametrize("columns", ["60", "80"])
def test_the_list_fits_and_no_id_is_cut(
    practicum: Practicum, session_id: str, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "_width", int(columns))
    lines = practicum("sessions").out.splitlines()
    assert any(line.startswith(f"{session_id[:12]} ") for line in lines)
    assert max(map(len, lines)) <= int(columns)


def test_whose_a_session_is_stands_in_the_list_where_somebody_else_has_played(
    practicum: Practicum, session_id: str, db: Path
) -> None:
    assert "principal" not in practicum("sessions").out
    task = find("flight").make_task(1)
    with closing(Store.open(db)) as store:
        Log(store).start(SessionStart(id=new_session_id(), env="flight-v1", task=task, principal="ann"))
    said = practicum("sessions").out
    assert "principal" in said
    assert "ann" in said


def test_how_the_listed_sessions_did_together_is_summed_up(
    practicum: Practicum, log_session: LogSession, session_id: str
) -> None:
    log_session(("abort", {}), env="flight", seed=7)  # a flight could have been had
    log_session(env="flight", seed=8)
    (_, summary) = practicum("sessions").err.splitlines()
    assert summary == "2 ended: success 50%, violations 0%, 2.0 turns on average"


def test_sessions_that_are_searched_for_are_shown_by_their_tasks(
    practicum: Practicum, log_session: LogSession
) -> None:
    session_id = log_session(env="flight", seed=0)
    said = practicum("sessions", "--like", "book a flight").out
    assert session_id[:12] in said
    assert find("flight").make_task(0).instruction[:30] in said


def test_a_session_is_shown_turn_by_turn_by_a_beginning_of_its_id(
    practicum: Practicum, session_id: str
) -> None:
    said = practicum("sessions", session_id[:8]).out
    assert '  1 say({"json_text": "1"})  -0.01' in said
    assert "refused: bad arguments: 'json_text' is missing" in said
    assert "success, return 0.92" in said
    shown = json.loads(practicum("sessions", session_id, "--json").out)
    assert [step["tool"] for step in shown["steps"]] == ["say", "say", "finish"]


def test_a_card_token_is_printed_only_on_request(practicum: Practicum, log_session: LogSession) -> None:
    opened = find("flight").make_task(0)
    token = opened.params["card_token"]
    calls = [("search_flights", {}), ("enter_card", {"card_token": token})]
    session_id = log_session(*calls, env="flight", seed=0)
    for arguments in ((), ("--json",)):
        hidden = practicum("sessions", session_id, *arguments).out
        assert token not in hidden
        assert hidden.count("[redacted]") > 1
        assert practicum("sessions", session_id, *arguments, "--show-secrets").out.count(token) > 1
    shown = json.loads(practicum("sessions", session_id, "--json").out)
    assert shown["steps"][1]["arguments"] == {"card_token": "[redacted]"}


def says_otherwise(self: object, key: str) -> dict[str, str]:
    return {"otherwise": key}


def breaks(self: object, key: str) -> dict[str, str]:
    raise RuntimeError(f"cannot turn {key}")


@pytest.mark.parametrize(
    ("unlock", "said"),
    [(says_otherwise, "turn 1: result was"), (breaks, "crashed: RuntimeError: cannot turn")],
)
def test_what_does_not_replay_is_told_without_secrets_unless_asked(
    practicum: Practicum,
    log_session: LogSession,
    monkeypatch: pytest.MonkeyPatch,
    unlock: Callable[..., Any],
    said: str,
) -> None:
    session_id = log_session(("unlock", {"key": "sesame-open"}), env=VAULT)
    vault = find(VAULT)
    changed = replace(vault.actions["unlock"], function=unlock)
    monkeypatch.setattr(vault, "actions", {**vault.actions, "unlock": changed})
    for arguments in (("replay", session_id), ("replay", "--all", "--json")):
        hidden = practicum(*arguments)
        assert hidden.code == 1
        assert said in hidden.out
        assert "sesame" not in hidden.out
        assert "sesame-open" in practicum(*arguments, "--show-secrets").out


def test_sessions_are_found_by_what_their_tasks_were_about(
    practicum: Practicum, log_session: LogSession, session_id: str
) -> None:
    parcels = log_session()
    assert practicum("sessions", "--like", "a locker for every PARCEL").out.count(parcels[:12]) == 1
    rows = json.loads(practicum("sessions", "--like", "say things, parcel", "--env", "talk", "--json").out)
    assert [row["session"] for row in rows] == [session_id]
    assert json.loads(practicum("sessions", "--like", "", "--json").out) == []


def test_the_list_is_filtered(practicum: Practicum, log_session: LogSession, session_id: str) -> None:
    evaluation = log_session(purpose="evaluation")

    def listed(*options: str) -> list[str]:
        return [row["session"] for row in json.loads(practicum("sessions", *options, "--json").out)]

    assert listed("--purpose", "evaluation") == [evaluation]
    assert listed("--purpose", "practice") == [session_id]
    assert listed("--principal", "local") == [evaluation, session_id]
    assert listed("--principal", "ann") == listed("--failed") == []


def test_sessions_replay_exactly(practicum: Practicum, log_session: LogSession, session_id: str) -> None:
    log_session(("look", {}))
    assert "1 of 1 sessions replay exactly" in practicum("replay", session_id[:8]).out
    assert "2 of 2 sessions replay exactly" in practicum("replay", "--all").out
    reports = json.loads(practicum("replay", "--all", "--json").out)
    assert [(report["ok"], report["steps"]) for report in reports] == [(True, 3), (True, 1)]


def test_a_session_that_does_not_replay_is_named_and_the_exit_code_is_1(
    practicum: Practicum, session_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from practicum.envs import find

    monkeypatch.setattr(find(TALK), "render_text", classmethod(lambda cls, result: str(result)))
    monkeypatch.setattr(find(TALK), "rewards", {**find(TALK).rewards, "solved": 2.0})
    said = practicum("replay", "--all")
    assert said.code == 1
    assert f"{session_id}: turn 3: reward" in said.out
    assert "0 of 1 sessions replay exactly" in said.out


def test_foreign_records_are_played(practicum: Practicum, tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    actions = [{"name": "say", "arguments": {"json_text": "[1]"}}, {"name": "say"}, {"name": "nope"}]
    file.write_text(json.dumps({"task_id": "t1", "actions": actions}) + "\n")
    said = practicum("replay", "--calls", file, "--env", TALK)
    (answer,) = [json.loads(line) for line in said.out.splitlines()]
    assert answer["task_id"] == "t1"
    assert answer["results"][0] == [1]
    assert answer["results"][1].startswith("Error: bad arguments")
    assert answer["results"][2].startswith("Error: talk-v1 has no tool 'nope'")
    assert len(answer["final_sha256"]) == 64


def test_a_fork_is_made_and_named(practicum: Practicum, db: Path, session_id: str) -> None:
    fork = practicum("fork", session_id[:8], "--at", "2").out.strip()
    store = Store.open(db)
    made = Sessions(store).get(fork, "local")
    assert made is not None
    assert (made.parent, made.parent_turn, made.steps) == (session_id, 2, 2)
    store.close()
    told = json.loads(practicum("fork", session_id, "--at", "0", "--json").out)
    assert (told["parent"], told["parent_turn"]) == (session_id, 0)


def test_forgetting_asks_first_and_leaves_nothing(practicum: Practicum, db: Path, session_id: str) -> None:
    said = practicum("forget", session_id[:8], lines="n\n")
    assert said.code == 1
    assert session_id[:12] in practicum("sessions").out
    assert "forgot 1 session\n" in practicum("forget", session_id, lines="y\n").out
    assert json.loads(practicum("sessions", "--json").out) == []
    assert "no session" in practicum("sessions", session_id).refusal


def test_sessions_are_forgotten_by_day(practicum: Practicum, session_id: str) -> None:
    kept = json.loads(practicum("forget", "--before", "2020-01-01", "--yes", "--json").out)
    assert kept["forgotten"] == []
    gone = json.loads(practicum("forget", "--before", "2999-01-01", "--yes", "--json").out)
    assert gone["forgotten"] == [session_id]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sessions", "nope"], "no session 'nope'; `practicum sessions` lists them"),
        (["replay"], "replay takes one of"),
        (["replay", "abc", "--all"], "replay takes one of"),
        (["replay", "nope"], "no session 'nope'"),
        (["replay", "--calls", "/nowhere.jsonl"], "cannot read /nowhere.jsonl"),
        (["fork", "nope", "--at", "1"], "no session 'nope'"),
        (["forget"], "forget takes sessions, or --before DATE"),
        (["forget", "nope", "--yes"], "no session 'nope'"),
        (["forget", "--before", "yesterday", "--yes"], "--before 'yesterday' is no date"),
        (["forget", "--before", "0001-01-01T00:00+23:59", "--yes"], "is no date"),
        (["forget", "abc", "--before", "2026-01-01"], "forget takes sessions, or --before DATE"),
        (["sessions", "abc", "--env", "flight"], "--env filters the list of sessions; leave it out"),
        (["sessions", "--like", "x", "--failed"], "--failed filters the list of sessions; leave it out"),
        (["sessions", "--purpose", "fun"], "Invalid value for '--purpose'"),
        (["sessions", "\udcff"], "no session '\\udcff'"),
        (["sessions", "--limit", "0"], "Invalid value for '--limit'"),
        (["sessions", "--limit", str(2**63)], "Invalid value for '--limit'"),
        (["fork", "\udcff", "--at", "1"], "no session '\\udcff'"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    practicum: Practicum, db: Path, arguments: list[str], said: str
) -> None:
    Store.open(db).close()
    assert said in practicum(*arguments).refusal


def test_a_fork_beyond_the_end_is_one_line(practicum: Practicum, session_id: str) -> None:
    assert "cannot be forked at 9" in practicum("fork", session_id, "--at", "9").refusal


@pytest.mark.parametrize("content", [b"\xff\n", b'{"task_id": 1, "actions": []}\n' * 9999 + b"\xff\n"])
def test_a_file_of_calls_that_is_not_utf_8_is_one_line(
    practicum: Practicum, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_bytes(content)
    said = practicum("replay", "--calls", file, "--env", TALK)
    assert said.code == 2
    assert said.err == f"practicum: cannot read {file}: it is not UTF-8: invalid start byte\n"


def test_a_seed_among_the_parameters_of_a_record_is_one_line(practicum: Practicum, tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_text('{"task_id": "t1", "actions": [], "params": {"seed": 1}}')
    said = practicum("replay", "--calls", file, "--env", TALK).refusal
    assert said == "record 't1': no parameter is called 'seed'; a seed stands beside `params`"


def test_calls_come_from_the_keyboard_too(practicum: Practicum) -> None:
    said = practicum("replay", "--calls", "-", "--env", TALK, lines='{"task_id": 1, "actions": []}\n')
    assert json.loads(said.out)["results"] == []


def test_half_a_character_in_a_result_is_printed_as_its_escape(practicum: Practicum, tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    call = {"name": "say", "arguments": {"json_text": '"\\ud800"'}}
    file.write_text(json.dumps({"task_id": 1, "actions": [call]}))
    said = practicum("replay", "--calls", file, "--env", TALK)
    assert json.loads(said.out)["results"] == ["\ud800"]


@pytest.mark.integration
def test_what_a_world_prints_does_not_spoil_the_answers(
    db: Path, log_session: LogSession, tmp_path: Path
) -> None:
    session_id = log_session(("shout", {}), env=world("Loud"))
    calls = tmp_path / "calls.jsonl"
    calls.write_text('{"task_id": 1, "actions": [{"name": "shout"}]}\n' * 2)
    for arguments, lines in (
        (("replay", "--calls", str(calls), "--env", world("Loud")), 2),
        (("replay", session_id, "--json"), None),
        (("fork", session_id, "--at", "1", "--json"), None),
    ):
        done = subprocess.run(
            command(*arguments, "--db", str(db)), capture_output=True, text=True, check=True
        )
        assert "printed in begin" in done.stderr
        for text in done.stdout.splitlines() if lines else [done.stdout]:
            assert json.loads(text)
        assert lines in (None, len(done.stdout.splitlines()))


@pytest.mark.parametrize("line", ["nonsense", "[]", '{"task_id": "x"}', '{"task_id": "x", "actions": [{}]}'])
def test_a_line_that_is_no_record_of_calls_is_one_line(
    practicum: Practicum, tmp_path: Path, line: str
) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_text(line + "\n")
    assert "line 1 is no record of calls" in practicum("replay", "--calls", file, "--env", TALK).refusal
